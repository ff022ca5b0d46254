"""An audit in words: the lines of the terminal, which the page uses, too. Every line has at most 80 characters."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from vaeaug.auditing.copies import CopyCounts
from vaeaug.auditing.good import Accuracy, ClassQuality
from vaeaug.auditing.leak import Leak
from vaeaug.auditing.statistics import Estimate
from vaeaug.auditing.values import Values
from vaeaug.runtime import markup

WIDTH = 80
FEW = 3  # lines of what is worst
NEAR_BY_CONSTRUCTION = (
    "A synthetic sample of vaeaug is a real sample plus a change: it is near its parent by construction."
)
NO_PROMISE = "What these tests do not find may still be there."


class LeakLine(NamedTuple):
    """A line of the table of leak tests: the name of the test, and its values: measured, of the control, of plain copies."""

    name: str
    measured: str
    control: str
    ceiling: str


def heading(audit: Values) -> str:
    """Returns the answer in one sentence."""
    counts = audit.copies
    words = f"{counts.copies:,} copies, {counts.near_copies:,} near-copies, {counts.new:,} new"
    if audit.leak is None:
        return f"{words}; leak not tested"
    return f"{words}; {'leak found' if audit.leak.found else 'no leak found'}"


def verdict(leak: Leak) -> str:
    """Returns what the leak tests say, in a sentence or two."""
    if not leak.found:
        return f"No leak found: training and held-out samples are not told apart. {NO_PROMISE}"
    reasons = []
    if leak.measured.share.low > 0.5:
        share = percent(leak.measured.share.value)
        reasons.append(f"{share} of the synthetic samples are nearer to the training set (50 % by chance)")
    if leak.measured.membership.auc.low > 0.5:
        auc = leak.measured.membership.auc.value
        reasons.append(f"an attack tells who was in the training set (AUC {auc:.2f}, 0.5 by chance)")
    return f"Leak found: {'; '.join(reasons)}."


def copies_words(audit: Values) -> str:
    """Returns the copies and those of the reference in a sentence."""
    own, other = audit.copies, audit.reference
    beside = "held-out samples" if audit.leak is not None else "real samples against each other"
    more = ""
    if audit.found("copies"):
        more = " More copies than that explains."
    elif audit.found("near-copies"):
        more = " More near-copies than that explains."
    elif own.copies + own.near_copies:
        more = " Not more than that explains."
    return f"{_counts(own)} of {own.size:,}; {beside}: {_counts(other)} of {other.size:,}.{more}"


def _counts(counts: CopyCounts) -> str:
    return f"{counts.copies:,} copies, {counts.near_copies:,} near-copies, {counts.new:,} new"


def leak_lines(leak: Leak) -> list[LeakLine]:
    """Returns the table of leak tests."""
    three = (leak.measured, leak.control, leak.ceiling)
    lines = [
        _line("nearer to training", _percents, [one.share for one in three]),
        _line("membership, AUC", _number, [one.membership.auc for one in three]),
        _line("  found at 1 % FPR", _percents, [one.membership.tpr for one in three]),
    ]
    if leak.likelihood is not None and leak.likelihood_control is not None:
        pair = (leak.likelihood, leak.likelihood_control)
        lines += [
            _line("likelihood, AUC", _number, [one.auc for one in pair]),
            _line("  found at 1 % FPR", _percents, [one.tpr for one in pair]),
        ]
    return lines


def _line(name: str, words: Callable[[Estimate], str], estimates: Sequence[Estimate]) -> LeakLine:
    measured, control, *ceiling = map(words, estimates)
    return LeakLine(name, measured, control, ceiling[0] if ceiling else "")


def percent(value: float) -> str:
    """Returns a share in percent; a dash for NaN."""
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def _percents(e: Estimate) -> str:
    value = f"{100 * e.value:.1f}".removesuffix(".0") if e.value == 1 else f"{100 * e.value:.1f}"
    return f"{value} % ({100 * e.low:.0f} to {100 * e.high:.0f})"


def _number(e: Estimate) -> str:
    return f"{e.value:.2f} ({e.low:.2f} to {e.high:.2f})"


def number(value: float) -> str:
    """Returns a number with two decimals; a dash for NaN."""
    return "-" if math.isnan(value) else f"{value:.2f}"


def with_interval(e: Estimate, *, sign: bool = False) -> str:
    """Returns a share in percent, or a difference in points with its sign, and its interval if it has one."""
    form = "{:+.1f}" if sign else "{:.1f}"
    if math.isnan(e.value):
        return "-"
    value = form.format(100 * e.value)
    beside = "" if math.isnan(e.low) else f" ({form.format(100 * e.low)} to {form.format(100 * e.high)})"
    return f"{value}{beside}" if sign else f"{value} %{beside}"


def accuracy_line(accuracy: Accuracy) -> str:
    """Returns the accuracy score in a line."""
    return (
        f"{accuracy.classifier}: trained on real {percent(accuracy.real.value)}, on synthetic "
        f"{percent(accuracy.synthetic.value)}, on both {percent(accuracy.both.value)}; "
        f"gain {with_interval(accuracy.gain, sign=True)} points"
    )


def worst_classes(classes: Sequence[ClassQuality], count: int) -> list[ClassQuality]:
    """Returns the classes whose synthetic samples keep their label least compared with real ones, or cover least."""

    def loss(c: ClassQuality) -> float:
        losses = [c.agreement_real - c.agreement, c.coverage_holdout - c.coverage, -c.coverage]
        known = [value for value in losses[:2] if not math.isnan(value)]
        return max(known) if known else (losses[2] if not math.isnan(losses[2]) else -math.inf)

    return sorted(classes, key=loss, reverse=True)[:count]


def screen(audit: Values) -> str:
    """Returns an audit for a terminal of 80 columns."""
    return "\n".join(line.rstrip() for line in _lines(audit))


def _lines(audit: Values) -> Iterator[str]:
    sizes = audit.sizes
    yield from _wrapped(heading(audit))
    held_out = f", {sizes['holdout']:,} held out" if "holdout" in sizes else ""
    yield from _wrapped(f"{sizes['synthetic']:,} synthetic samples, {sizes['real']:,} real{held_out}. {audit.space}.")
    yield from _wrapped(NEAR_BY_CONSTRUCTION)
    for note in audit.notes:
        yield from _wrapped(note)
    yield ""
    yield from _wrapped(f"Copies: {copies_words(audit)}")
    if audit.leak is not None:
        yield ""
        yield f"{'LEAK':18} {'synthetic':20} {'control (chance)':20} {'plain copies'}"
        for line in leak_lines(audit.leak):
            yield f"{line.name:18} {line.measured:20} {line.control:20} {line.ceiling}"
        yield from _wrapped(verdict(audit.leak))
    yield ""
    yield from _good_lines(audit)


def _good_lines(audit: Values) -> Iterator[str]:
    everything, *classes = audit.good.classes
    yield f"{'GOOD':20} {'real':>6} {'synth.':>7} {'label kept':>11} {'density':>9} {'coverage':>9}"
    shown = worst_classes(classes, FEW)
    for c in (everything, *shown):
        yield _class_line(c)
    left = len(classes) - len(shown)
    if left > 0:
        yield f"  ({left} more classes, which are better)"
    beside = (everything.agreement_real, everything.density_holdout, everything.coverage_holdout)
    yield f"{'  real samples':35} {percent(beside[0]):>11} {number(beside[1]):>9} {number(beside[2]):>9}"
    if audit.good.accuracy is not None:
        yield from _wrapped(f"Accuracy on held-out samples, {accuracy_line(audit.good.accuracy)}.")
    if audit.good.columns:
        yield from _table_lines(audit)


def _class_line(c: ClassQuality) -> str:
    name = textwrap.shorten(markup.one_line(c.name), 18, placeholder="...") or "(no name)"
    values = f"{percent(c.agreement):>11} {number(c.density):>9} {number(c.coverage):>9}"
    return f"{'  ' + name:20} {c.real:>6} {c.synthetic:>7} {values}"


def _table_lines(audit: Values) -> Iterator[str]:
    columns = sorted(audit.good.columns, key=lambda c: -c.difference)[:FEW]
    words = [f"{markup.one_line(c.name)} {number(c.difference)}{_beside(c.difference_holdout)}" for c in columns]
    yield from _wrapped(f"Columns that differ most (0 to 1{_held(audit)}): {'; '.join(words)}.")
    pairs = audit.good.associations
    if pairs is not None and pairs.pairs:
        first = pairs.worst[0]
        yield from _wrapped(
            f"Associations differ by {number(pairs.difference)} on average{_beside(pairs.difference_holdout)}; most: "
            f"{markup.one_line(first.first)} and {markup.one_line(first.second)}, "
            f"{first.synthetic:+.2f} instead of {first.real:+.2f}."
        )
    rules = audit.good.rules
    broken = [f"{markup.one_line(r.text)}: {percent(r.broken)}{_percent_beside(r.broken_holdout)}" for r in rules[:FEW]]
    more = f"; and {len(rules) - FEW} more" if len(rules) > FEW else ""
    listed = f"{'; '.join(broken)}{more}" if broken else "none"
    yield from _wrapped(f"Broken rules: {listed}.")


def _held(audit: Values) -> str:
    return "; held-out rows in brackets" if audit.leak is not None else ""


def _beside(value: float) -> str:
    return "" if math.isnan(value) else f" ({value:.2f})"


def _percent_beside(value: float) -> str:
    return "" if math.isnan(value) else f" ({percent(value)})"


def _wrapped(words: str) -> list[str]:
    return textwrap.wrap(words, WIDTH, subsequent_indent="  ", break_long_words=True)
