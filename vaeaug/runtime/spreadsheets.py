"""Text in CSV files that spreadsheets open: a cell that begins like a formula must not be computed there.

Such a text gets an apostrophe, which spreadsheets read as "this is text" (OWASP, "CSV injection",
https://owasp.org/www-community/attacks/CSV_Injection). `unescape` takes exactly one away again, so a text returns as it was.
"""

from __future__ import annotations

import re

FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
ESCAPED = re.compile(r"'+[=+\-@\t\r\n]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def escape(text: str) -> str:
    """Returns a text that spreadsheets show as it is; numbers, with their signs, stay as they are.

    Example:
        >>> escape("=1+1"), escape("-1.5"), escape("cat")
        ("'=1+1", '-1.5', 'cat')
    """
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def unescape(text: str) -> str:
    """Returns the text that `escape` was given.

    Example:
        >>> unescape(escape("=1+1")), unescape("'tis")
        ('=1+1', "'tis")
    """
    return text[1:] if ESCAPED.match(text) else text
