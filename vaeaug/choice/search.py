"""The search: successive halving over splits, then the cheapest candidate within the noise of the best.

Where a usual choice is known from other data, that one stands unless another candidate is clearly better: on few samples the
noise of cross-validation is larger than most differences.

Reference: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016,
https://arxiv.org/abs/1502.07943; the one-standard-error rule: Breiman et al., "Classification and regression trees", 1984.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vaeaug.choice.candidates import NONE, Candidate
from vaeaug.choice.trials import CandidateScore, CrossValidation

FACTOR = 3  # the best third of the candidates goes on, with three times the splits

BEST, CHEAPER, NOT_ENOUGH, OUT_OF_TIME, TOO_FEW, USUAL, CLEARLY_BETTER = REASONS = (
    "best",
    "cheaper within the noise",
    "no gain beyond the noise",
    "out of time",
    "too few samples",
    "usual",
    "better than usual",
)


@dataclass(frozen=True)
class Choice:
    """What a search chose, and why.

    Arguments:
        chosen: The candidate to use; `Candidate()`, which does nothing, if none is worth its cost.
        best: The candidate of the highest mean on the splits of the last rung, `Candidate()` included; None if none was
            evaluated on enough splits.
        reason: `best`: the chosen one is the best. `cheaper within the noise`: the best is not better than the chosen one,
            which costs less, by a standard error. `no gain beyond the noise`: no candidate beats none by enough.
            `out of time` or `too few samples`: none, because candidates could not be evaluated. `usual`: the usual choice
            for such data, which no other candidate beats clearly. `better than usual`: the best, which does.
        scores: One per candidate, none first; empty if there were too few samples.
        cut_short: Candidates that the time budget left with fewer splits than planned.
        metric: `accuracy` or `balanced_accuracy`.
        folds, repeats: The cross-validation.
        seed: The seed of the search.
    """

    chosen: Candidate
    best: Candidate | None
    reason: str
    scores: tuple[CandidateScore, ...]
    cut_short: tuple[Candidate, ...]
    metric: str
    folds: int
    repeats: int
    seed: int

    @property
    def sentence(self) -> str:
        """The choice in words: which candidate is the best by its mean, which one is used, and why."""
        if self.best is None:
            return f"No augmentation: {_WHY_NONE[self.reason]}."
        if self.reason in (USUAL, CLEARLY_BETTER):
            return self._usual_sentence()
        if self.best == NONE:
            return f"No augmentation: no candidate has a higher mean; the next is {self._next_best()}."
        best = f"{self.best.name}: {self._gain_of(self.best)}"
        if self.chosen == NONE:
            return f"No augmentation: the best mean is that of {best}, which is not enough."
        if self.chosen == self.best:
            return f"Use {best}; it has the best mean, and no cheaper candidate is within its noise."
        used = f"{self.chosen.name}: {self._gain_of(self.chosen)}"
        return f"Use {used}; it is the cheapest within the noise of the best mean, {best}."

    def _usual_sentence(self) -> str:
        is_none = self.chosen == NONE
        used = "No augmentation" if is_none else f"Use {self.chosen.name}: {self._gain_of(self.chosen)}"
        if self.reason == CLEARLY_BETTER:
            return f"{used}; it is clearly better than the usual choice for such data."
        text = f"{used}; it is the usual choice for such data"
        if self.best is None or self.best == self.chosen:
            return f"{text}, and has the best mean."
        return f"{text}; the best mean, not clearly better, is that of {self.best.name}: {self._gain_of(self.best)}."

    def _next_best(self) -> str:
        others = [s for s in self.scores if s.candidate != NONE and s.splits]
        best = max(others, key=lambda s: s.gain)
        return f"{best.name}: {self._gain_of(best.candidate)}"

    def _gain_of(self, candidate: Candidate) -> str:
        score = next(score for score in self.scores if score.candidate == candidate)
        return f"{score.gain:+.1f} points over none in {score.splits} splits (standard error {score.error:.1f})"


_WHY_NONE = {
    OUT_OF_TIME: "the time budget ended before any candidate was evaluated on enough splits",
    TOO_FEW: "no class has two samples, so nothing can be held out",
}


def search(validation: CrossValidation, candidates: Sequence[Candidate]) -> Choice:
    """Returns the candidate to use, or none, and how all of them scored.

    Arguments:
        validation: What trains and evaluates the candidates.
        candidates: What is compared with none.
    """
    settings = validation.search
    finalists, cut_short = _halve(validation, tuple(candidates))
    chosen, best, reason = (_select if settings.usual is None else _select_by_usual)(validation, finalists)
    scores = tuple(validation.score(candidate) for candidate in (NONE, *candidates))
    return Choice(
        chosen, best, reason, scores, cut_short, settings.metric, settings.folds, settings.repeats, settings.seed
    )


def n_trainings(n_candidates: int, n_splits: int, first_rung: int) -> int:
    """Returns the number of trainings of a whole search; none is trained on every split, too."""
    total = before = 0
    for n_left, splits in _rungs(n_candidates, n_splits, first_rung):
        total, before = total + (n_left + 1) * (splits - before), splits
    return total


def _rungs(n_candidates: int, n_splits: int, first_rung: int) -> Iterator[tuple[int, int]]:
    """Yields the rungs of successive halving: how many candidates are evaluated on how many splits."""
    splits = min(first_rung, n_splits)
    yield n_candidates, splits
    while n_candidates >= FACTOR and splits * FACTOR <= n_splits:
        n_candidates, splits = math.ceil(n_candidates / FACTOR), splits * FACTOR
        yield n_candidates, splits


def _halve(
    validation: CrossValidation, candidates: tuple[Candidate, ...]
) -> tuple[list[Candidate], tuple[Candidate, ...]]:
    """Returns the candidates of the last rung, and those that the time budget cut short."""

    def rank(candidate: Candidate) -> tuple[float, int]:
        gain = validation.difference(candidate, NONE)[0] if validation.n_splits(candidate) else -math.inf
        # Of equals, up to rounding errors, the one named first.
        return round(gain, 9), -candidates.index(candidate)

    remaining, planned = candidates, {}
    for n_left, splits in _rungs(len(candidates), validation.search.splits, validation.search.first_rung):
        if n_left < len(remaining):
            # The worst first: committed results depend on this order where finalists are equal.
            remaining = tuple(sorted(remaining, key=rank)[-n_left:])
        for candidate in remaining:
            planned[candidate] = splits
            for number in range(splits):
                if not (validation.evaluate(NONE, number) and validation.evaluate(candidate, number)):
                    break
    cut_short = tuple(c for c in candidates if validation.n_splits(c) < planned[c])
    return list(remaining), cut_short


def _select(validation: CrossValidation, finalists: list[Candidate]) -> tuple[Candidate, Candidate | None, str]:
    """Returns the candidate to use, the one with the best mean, and the reason.

    Of the finalists that the best does not beat by a standard error of their paired difference, the cheapest is chosen: by
    its tier, and for a network by what a step costs; of these the best. It must itself beat none by
    `min_standard_errors` standard errors.
    """

    def cost(candidate: Candidate) -> tuple[int, float]:
        return candidate.tier, candidate.cost if validation.for_network else 0.0

    enough = min(validation.search.first_rung, validation.search.splits)
    evaluated = [c for c in finalists if validation.n_splits(c) >= enough]
    if not evaluated:
        return NONE, None, OUT_OF_TIME
    gains = {c: validation.difference(c, NONE) for c in evaluated}
    best = max(evaluated, key=lambda c: gains[c][0])
    close = [c for c in evaluated if c == best or operator.le(*validation.difference(best, c))]
    for candidate in sorted(close, key=lambda c: (*cost(c), -gains[c][0])):
        gain, error = gains[candidate]
        if gain > validation.search.min_standard_errors * error and gain > 0:
            return candidate, best, BEST if candidate == best else CHEAPER
    return NONE, best if gains[best][0] > 0 else NONE, NOT_ENOUGH


def _select_by_usual(
    validation: CrossValidation, finalists: list[Candidate]
) -> tuple[Candidate, Candidate | None, str]:
    """Returns the same where a usual choice is known: that one, unless the best is better by `clearly` standard errors.

    The standard error is that of their paired difference.
    """
    settings = validation.search
    usual = settings.usual or NONE
    enough = min(settings.first_rung, settings.splits)
    evaluated = [c for c in dict.fromkeys((NONE, usual, *finalists)) if validation.n_splits(c, usual) >= enough]
    if usual not in evaluated or len(evaluated) < 2:
        return NONE, None, OUT_OF_TIME
    best = max(evaluated, key=lambda c: (validation.difference(c, usual)[0], -c.tier))
    gain, error = validation.difference(best, usual)
    if best != usual and gain > settings.clearly * error:
        return best, best, CLEARLY_BETTER
    return usual, best, USUAL
