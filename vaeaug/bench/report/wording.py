"""Contrasts and curves -> words and tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from vaeaug.bench.analysis.comparisons import BEST, RIVALS, Contrast, Summary, best_rivals, by_rival, kind, summaries
from vaeaug.bench.analysis.learning_curves import Worth
from vaeaug.bench.results import Result

__all__ = ["BEST", "RIVALS", "Contrast", "Summary", "by_rival", "sentence", "summaries", "table", "tally", "worth"]

METRICS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro-F1", "mcc": "MCC"}
TALLIED = {
    "helps": "helps in {}",
    "hurts": "hurts in {}",
    "no effect": "no effect in {}",
    "identical": "identical in {}",
    "one seed": "not to be said in {}, of one seed",
}
TOLD = {"helps": "helps", "hurts": "hurts", "no effect": "shows no effect"}


def sentence(contrast: Contrast) -> str:
    """Returns a contrast in words."""
    c = contrast
    rival = f"{c.against}, {BEST}" if c.best else c.against
    if c.verdict == "identical":
        on = "the one seed" if c.seeds == 1 else f"all {c.seeds} seeds"
        return f"{c.classifier}: {c.method} is identical to {rival} on {on}: every sample was judged alike."
    points = "points" if c.metric == "accuracy" else f"points of {METRICS[c.metric]}"
    difference = f"{c.mean:+.1f} {points} over {rival}"
    if c.verdict == "one seed":
        return f"{c.classifier}: {c.method}: {difference} on one seed, which says nothing yet."
    spread = f"95 % interval {c.low:+.1f} to {c.high:+.1f}, {c.seeds} seeds, {record(c)}"
    if c.verdict == "no effect" and c.low * c.high > 0:
        spread += "; not enough after correction for the number of comparisons"
    return f"{c.classifier}: {c.method} {TOLD[c.verdict]}: {difference} ({spread})."


def record(contrast: Contrast) -> str:
    """Returns wins, ties and losses in words."""
    ties = f"{contrast.ties} tied, " if contrast.ties else ""
    return f"{contrast.wins} won, {ties}{contrast.losses} lost"


def tally(found: Iterable[Contrast]) -> list[tuple[str, str]]:
    """Returns, per arm and rival, the verdict that outweighs and a line: in how many cases it helps and hurts."""
    groups: dict[tuple[str, str], list[Contrast]] = {}
    for c in found:
        groups.setdefault((c.method, BEST if c.best else c.against), []).append(c)
    lines = []
    for (method, rival), group in groups.items():
        counts = {name: sum(c.verdict == name for c in group) for name in TALLIED}
        said = [words.format(counts[name]) for name, words in TALLIED.items() if counts[name]]
        least, most = (f"{end(c.mean for c in group):+.1f}" for end in (min, max))
        span = f"{least if least == most else f'{least} to {most}'} points"
        balance = counts["helps"] - counts["hurts"]
        kind = "helps" if balance > 0 else "hurts" if balance < 0 else "no effect"
        cases = f"{len(group)} case{'' if len(group) == 1 else 's'}"
        lines.append((kind, f"{method} against {rival}, {cases}: {', '.join(said)} ({span})."))
    return lines


def worth(found: Worth) -> str:
    """Returns in words how many real samples per class an arm is worth."""
    w = found
    least, most = f"fewer than {w.smallest}, the smallest measured", f"more than {w.largest}, the largest measured"
    equal = most if w.equal == math.inf else least if w.equal == -math.inf else f"{w.equal:.0f}"
    if math.isnan(w.low):
        return f"{equal} (one seed: no interval)"
    ends = [f"more than {w.largest}" if e == math.inf else f"fewer than {w.smallest}" if e == -math.inf else f"{e:.0f}"
            for e in (w.low, w.high)]  # fmt: skip
    if ends[0] == ends[1] and math.isinf(w.low):
        return equal
    return f"{equal} ({ends[0]} to {ends[1]})"


def table(rows: Sequence[Result], metric: str | None = None, methods: Sequence[str] = ()) -> str:
    """Returns the rows as a Markdown table, one line per arm and classifier, data set and regime where there are several.

    Arguments:
        rows: Of any cells.
        metric: A field of the rows; by default what each regime is judged by.
        methods: Those that get a line, by default all; the correction counts all of them in any case.
    """
    told = [s for s in summaries(rows, metric) if not methods or s.method in methods]
    found = {rival: {_cell(c): c for c in group} for rival, group in by_rival(rows, metric).items()}
    rivals = [*RIVALS[:2], *(rival for rival in found if rival not in RIVALS[:2])]
    several = [name for name in ("data", "regime") if len({getattr(s, name) for s in told}) > 1]
    judged = {s.metric for s in told}
    beside = judged != {"accuracy"} and metric is None
    title = METRICS[judged.pop()] if len(judged) == 1 else "accuracy, balanced where lopsided,"
    compared = [word for rival in rivals for word in (f"to {rival}", "verdict")]
    header = [*("per class" if n == "regime" else n for n in several), "classifier", "arm", f"{title} %", *compared]
    lines = [[*header, *(("macro-F1", "MCC") if beside else ()), "seconds"]]
    for s in told:
        words = [word for rival in rivals for word in _told(found.get(rival, {}).get(_cell(s)))]
        others = [f"{s.macro_f1:.1f}", f"{s.mcc:.2f}"] if beside else []
        place = [getattr(s, name) for name in several]
        lines.append([*place, s.classifier, s.method, span(s), *words, *others, f"{s.seconds:.0f}"])
    return _markdown(lines)


def rivals_named(rows: Sequence[Result], metric: str | None = None) -> str:
    """Returns a line that names the best rival of each classifier, or nothing where there are not three to choose from."""
    chosen = [f"{place[-1]} {method}" for place, (method, choices) in best_rivals(rows, metric).items() if choices > 2]
    return f"The best of the cheap rivals, by its mean: {'; '.join(chosen)}." if chosen else ""


def span(told: Summary | Contrast) -> str:
    """Returns a mean and half its interval, a difference with its sign."""
    half = "" if math.isnan(told.low) else f" ± {(told.high - told.low) / 2:.1f}"
    return f"{told.mean:{'+' if isinstance(told, Contrast) else ''}.1f}{half}"


USUAL = ("classical + vae joined", "classical + vae", "vae")


def focus(rows: Iterable[Result], names: Sequence[str] = ()) -> tuple[str, ...]:
    """Returns the arms that the words are about: those named, else the usual ones, else all of the library's own.

    Arguments:
        rows: Of any cells.
        names: Those wanted; what was not run is left out.
    """
    there = list(dict.fromkeys(row.method for row in rows))
    usual = [method for method in names or USUAL if method in there]
    return tuple(usual or [method for method in there if kind(method) == "vae"])


def _cell(told: Summary | Contrast) -> tuple[str, str, str, str]:
    return told.data, told.regime, told.classifier, told.method


def _told(contrast: Contrast | None) -> tuple[str, str]:
    if contrast is None:
        return "", ""
    if contrast.verdict == "identical":
        return "0", "identical"
    return span(contrast), contrast.verdict


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = [f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines]
    return "\n".join([text[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *text[1:]])
