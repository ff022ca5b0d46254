"""What the HTML pages of the library share: their style, and how they are written and recognised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vaeaug.runtime import files

MARKER = b'<meta name="generator" content="vaeaug">'  # in the head of every page


def environment(package: str, **filters: Any) -> Any:
    """Returns the jinja2 environment of a page: the templates of a package, and those that all pages share.

    Arguments:
        package: The package whose templates these are.
        filters: Functions that its templates use.
    """
    import jinja2

    loader = jinja2.ChoiceLoader([jinja2.PackageLoader(package, "."), jinja2.PackageLoader("vaeaug.pages", ".")])
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(filters)
    return environment


def write(path: str | Path, page: str, *, overwrite: bool = False) -> None:
    """Writes a page; an earlier one is replaced, when the new one is complete.

    Arguments:
        path: The `.html` file.
        page: Its content.
        overwrite: Whether a file of any kind may be replaced.

    Raises:
        InputError: If something else is at `path`, or it cannot be written.
    """
    with files.atomic_write(path, may_replace=files.is_marked(MARKER), overwrite=overwrite) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace")
