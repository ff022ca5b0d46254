"""What a search compares: doing nothing, cheap baselines, and synthetic samples in the space of a VAE or in one without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from vaeaug.models.spaces import SPACE_NAMES
from vaeaug.perturb.schemes import DEFAULT, Extrapolate, Interpolate, Perturbation
from vaeaug.runtime import checks
from vaeaug.runtime.checks import renamed

ADD = 3  # synthetic samples per real one, the default of `AugmentedLoader`
MANY = 9  # for an estimator on images: benchmarks/recipe/q17_estimators.py
IMBALANCED = 1.5  # from this ratio of the largest class to the smallest on, classes count equally

RAND_AUGMENT = "RandAugment + MixUp"
# The baselines, and their tier in the order of cost.
BASELINES = {"classical": 1, "class weights": 1, "MixUp": 1, RAND_AUGMENT: 2}
SPACE_TIERS = {"identity": 3, "pca": 4, "vae": 5}


@renamed(ratio="replace", beside="add", worst_of="hardest_of")
@dataclass(frozen=True)
class Candidate:
    """One way to augment. `Candidate()`, without any of the arguments, is *none*.

    Arguments:
        perturb: The perturbation.
        add: Synthetic samples per real one: in every batch of a network (a whole number), or in the training set of an
            estimator. Without a perturbation the real samples are repeated, each augmented anew by the baseline.
        replace: For networks: the fraction of a batch that is replaced instead, above 0.
        hardest_of: For networks: the number of synthetic samples drawn, of which the one with the highest loss is used.
        balance: Whether the smaller classes are filled with synthetic samples up to the size of the largest instead.
        space: Where samples are perturbed: `vae`, `pca` or `identity`; see `vaeaug.models.spaces`.
        baseline: `classical`, `class weights`, `MixUp` or `RandAugment + MixUp`; after the synthetic samples, if any.

    Raises:
        InputError: If a number is out of its range, or unless a perturbation has exactly one of `add`, `replace` and
            `balance`.
    """

    perturb: Perturbation | None = None
    add: float | None = field(default=None, kw_only=True)
    replace: float | None = field(default=None, kw_only=True)
    hardest_of: int | None = field(default=None, kw_only=True)
    balance: bool = field(default=False, kw_only=True)
    space: str = field(default="vae", kw_only=True)
    baseline: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.add is not None:
            checks.check_number("add", self.add, 0, above=True)
        if self.replace is not None:
            checks.check_number("replace", self.replace, 0, 1, above=True)
        if self.hardest_of is not None:
            checks.check_number("hardest_of", self.hardest_of, 2, whole=True)
        checks.check_choice("space", self.space, SPACE_NAMES)
        if self.baseline is not None:
            checks.check_choice("baseline", self.baseline, tuple(BASELINES))
        uses = (self.add is not None) + (self.replace is not None) + self.balance
        repeats = self.perturb is None and self.add is not None and self.baseline is not None
        if uses != (self.perturb is not None) + repeats:
            got = f"perturb={self.perturb!r}, add={self.add!r}, replace={self.replace!r}, balance={self.balance!r}"
            remedy = "for example Candidate(Extrapolate(1.0), add=3), or Candidate() for none"
            checks.refuse("a perturbation and either add, replace or balance, or none of them", got, remedy)
        if self.perturb is None and (self.hardest_of is not None or self.space != "vae"):
            got = f"hardest_of={self.hardest_of!r}, space={self.space!r} without a perturbation"
            checks.refuse("settings that have an effect", got, "leave them out, or pass a perturbation")

    @property
    def name(self) -> str:
        """The candidate in words."""
        if self.perturb is None:
            repeated = f", repeated {self.add:g} times" if self.add else ""
            return f"{self.baseline}{repeated}" if self.baseline else "none"
        default = type(self.perturb)()
        values = [(f.name, getattr(self.perturb, f.name)) for f in fields(self.perturb)]  # type: ignore[arg-type]
        settings = ", ".join(f"{n} {v}" for n, v in values if n == "scale" or v != getattr(default, n))
        use = "balance" if self.balance else f"add {self.add:g}" if self.add else f"replace {self.replace:g}"
        hardest = f", hardest of {self.hardest_of}" if self.hardest_of else ""
        space = f", {self.space} space" if self.space != "vae" else ""
        after = f", {self.baseline}" if self.baseline else ""
        return f"{type(self.perturb).__name__.lower()} ({settings}), {use}{hardest}{space}{after}"

    @property
    def tier(self) -> int:
        """The rank in the order of cost: nothing (0), classical augmentation or weights (1), RandAugment or repeated samples
        (2), the samples themselves (3), principal components (4), a VAE (5)."""
        if self.perturb is not None:
            return SPACE_TIERS[self.space]
        return max(BASELINES[self.baseline], 2 * (self.add is not None)) if self.baseline else 0

    @property
    def cost(self) -> float:
        """The relative cost of training a network: samples generated per sample used, times the size of the batch."""
        if self == NONE:
            return 0
        return (self.hardest_of or 1) * (1 + self.add if self.add else 1)


NONE = Candidate()
# Random oversampling with interpolation to the nearest five of the class, on scaled features (Chawla et al., 2002).
SMOTE = Candidate(Interpolate(neighbours=5), balance=True, space="identity")


def is_imbalanced(counts: Sequence[int]) -> bool:
    """Returns whether classes of these sizes count equally, and whether filling the smaller ones is worth a trial."""
    return max(counts) >= IMBALANCED * min(counts)


def default_candidates(
    *,
    network: bool,
    images: bool,
    signals: bool = False,
    imbalanced: bool,
    weights: bool = True,
    classical: bool = True,
    spaces: Sequence[str] = SPACE_NAMES,
) -> tuple[Candidate, ...]:
    """Returns what a search compares with none, the cheapest first.

    Arguments:
        network: Whether the classifier is a network rather than an estimator.
        images: Whether the samples are images rather than signals or tabular.
        signals: Whether they are signals.
        imbalanced: See `is_imbalanced`.
        weights: Whether the classifier takes sample weights.
        classical: Whether classical augmentation is a candidate, rather than part of every one.
        spaces: The spaces of the synthetic samples.
    """
    candidates = [Candidate(baseline="classical")] if (images or signals) and classical else []
    if imbalanced and weights:
        candidates.append(Candidate(baseline="class weights"))
    if imbalanced and not images:
        candidates.append(SMOTE)
    if network and images:
        candidates += [Candidate(baseline=RAND_AUGMENT), Candidate(add=ADD, baseline=RAND_AUGMENT)]
    elif network:
        candidates.append(Candidate(baseline="MixUp"))
    extrapolates = images or signals  # as `for_estimators`
    for space in spaces:
        if imbalanced:
            candidates.append(Candidate(DEFAULT, balance=True, space=space))
        candidates.append(Candidate(DEFAULT, add=ADD, space=space))
        if network and images:
            candidates.append(Candidate(DEFAULT, add=ADD, space=space, baseline=RAND_AUGMENT))
        elif not network:
            candidates.append(Candidate(Extrapolate(), add=MANY, space=space) if extrapolates else _between(space))
    return tuple(sorted(candidates, key=lambda candidate: candidate.tier))


def usual_choice(*, images: bool, imbalanced: bool) -> Candidate | None:
    """Returns what an estimator uses unless another candidate is clearly better; None where the search alone decides.

    On imbalanced data this is the default scheme, which fills up the smaller classes: with a VAE on tables and without one on
    images (docs/imbalanced.md, docs/results.md). On small balanced tables nothing helps, so it is none. In the rows of
    benchmarks/regret.py the usual choice leaves less than half of the regret of the search alone.

    Arguments:
        images: Whether the samples are images or signals rather than tabular.
        imbalanced: See `is_imbalanced`.
    """
    if imbalanced:
        return Candidate(DEFAULT, balance=True, space="identity" if images else "vae")
    return None if images else NONE


def _between(space: str) -> Candidate:
    return Candidate(Interpolate(), add=ADD, space=space)
