"""Markdown tables that are aligned as plain text, too."""

from __future__ import annotations

from collections.abc import Sequence


def markdown_table(lines: Sequence[Sequence[str]]) -> str:
    """Returns lines of fields as a Markdown table, each column as wide as its longest field.

    Arguments:
        lines: The header, then the lines of the table, all of equal length.
    """
    widths = [max(len(field) for field in column) for column in zip(*lines, strict=True)]
    text = [f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines]
    return "\n".join([text[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *text[1:]])
