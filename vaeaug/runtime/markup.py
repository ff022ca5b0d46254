"""A user's words in Markdown and in drawings: names show as they are, and neither break a table nor act."""

from __future__ import annotations

import re

# What starts emphasis, code, links, mathematics, headings and cells; HTML is written with entities.
SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$!])")
ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def text(words: str) -> str:
    r"""Returns words that Markdown shows as they are, in one line.

    Example:
        >>> text("a|b"), text("<b>x</b>"), text("$x$")
        ('a\\|b', '&lt;b&gt;x&lt;/b&gt;', '\\$x\\$')
    """
    return SPECIAL.sub(r"\\\1", one_line(words)).translate(ENTITIES)


def cell(words: str) -> str:
    r"""Returns words for a table that is read on a terminal, too: only what would break the table, or act, is changed.

    Example:
        >>> cell("my_net | *small*")
        'my_net \\| *small*'
    """
    return one_line(words).replace("|", r"\|").replace("<", "&lt;")


def code(words: str) -> str:
    """Returns words as code, in one line."""
    return f"`{one_line(words).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def one_line(words: str) -> str:
    """Returns words in one line, without characters that only control a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())
