"""Results -> what the VAE adds: a method of ours against its controls, which differ in the origin of the samples alone.

Which method is a control of which follows from the frame, the scheme and the space in the results (see
`vaeaug.bench.stages.method.Method`), not from names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vaeaug.bench.analysis.comparisons import Comparison, compare_methods, corrected
from vaeaug.bench.analysis.primary import recipes
from vaeaug.bench.analysis.summaries import GroupKey, Groups, group_results, metric_of
from vaeaug.bench.results import Result

VAE = "vae"
CONTROL_KINDS = ("control", "baseline", "ours")  # a scheme in input space may be a user's own choice


@dataclass(frozen=True)
class Attribution:
    """What the VAE adds to one method of ours.

    Arguments:
        data, regime, classifier, method: What was run.
        comparison: The difference to the best control; None if no control was run.
        controls: The controls that were run: the same scheme in another space, and the same batches of repeated real samples.
        has_other_space: Whether one of them is the same scheme in another space. Without one, a gain may be the scheme's.
    """

    data: str
    regime: str
    classifier: str
    method: str
    comparison: Comparison | None
    controls: tuple[str, ...] = ()
    has_other_space: bool = False

    @property
    def key(self) -> GroupKey:
        """The case and the method."""
        return self.data, self.regime, self.classifier, self.method


def is_control(result: Result, of: Result) -> bool:
    """Returns whether one method is a control of another: the same, but for the VAE.

    Arguments:
        result: A result of the one.
        of: A result of the other, a method that uses a VAE.
    """
    if not of.frame or result.frame != of.frame or VAE not in of.space.split("+") or result.kind not in CONTROL_KINDS:
        return False
    repeats = result.scheme == "" == result.space
    return repeats or _is_in_other_space(result, of)


def _is_in_other_space(result: Result, of: Result) -> bool:
    return result.scheme == of.scheme and bool(result.space) and VAE not in result.space.split("+")


def attributions(results: Sequence[Result], metric: str | None = None) -> list[Attribution]:
    """Returns what the VAE adds to the recipe of each case, then to the other methods of ours with a control.

    The best control is the one with the highest mean over the seeds of the method. It is chosen on the seeds that are
    compared, and the best of several is above the others by chance: this favours the control. So `helps` is conservative,
    and for a method below it the p-value is multiplied by the number of controls.

    Arguments:
        results: Results of any runs.
        metric: A field of `Result`; by default the metric of each regime.

    Raises:
        InputError: If paired results have different training subsets.
    """
    groups, by_case = group_results(results), recipes(results)
    judged: list[tuple[GroupKey, list[GroupKey], bool]] = []
    for key in sorted(groups, key=lambda key: by_case.get(key[:3]) != key[3]):
        first = _first(groups, key)
        controls = _controls(groups, key)
        others = any(_is_in_other_space(_first(groups, control), first) for control in controls)
        uses_vae = VAE in first.space.split("+") or not first.frame
        is_asked = by_case.get(key[:3]) == key[3] or any(_first(groups, c).kind == "control" for c in controls)
        if first.kind == "ours" and uses_vae and is_asked:
            judged.append((key, controls, others))
    compared = corrected([_compare_to_best(groups, key, controls, metric) for key, controls, _ in judged])
    by_key = {(c.data, c.regime, c.classifier, c.method): c for c in compared}
    return [
        Attribution(*key, by_key.get(key), tuple(control[3] for control in controls), others)
        for key, controls, others in judged
    ]


def _controls(groups: Groups, key: GroupKey) -> list[GroupKey]:
    """Returns the controls of a method that share most of its seeds."""
    shared = {
        other: len(set(groups[other]) & set(groups[key]))
        for other in groups
        if other[:3] == key[:3] and other != key and is_control(_first(groups, other), _first(groups, key))
    }
    most = max(shared.values(), default=0)
    return [other for other, count in shared.items() if count == most > 0]


def _compare_to_best(
    groups: Groups, key: GroupKey, controls: Sequence[GroupKey], metric: str | None
) -> Comparison | None:
    if not controls:
        return None
    name = metric or metric_of(key[1])

    def mean(control: GroupKey) -> float:
        shared = [getattr(result, name) for seed, result in groups[control].items() if seed in groups[key]]
        return sum(shared) / len(shared)

    comparison = compare_methods(groups, key, max(controls, key=mean)[3], metric, len(controls))
    return comparison and replace(comparison, is_best_baseline=False)


def _first(groups: Groups, key: GroupKey) -> Result:
    return next(iter(groups[key].values()))
