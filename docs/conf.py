"""Configuration of the documentation site: `make docs` builds it into docs/_build/html."""

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

import vaeaug
from vaeaug.bench.relations import completed
from vaeaug.bench.report.answers import as_json
from vaeaug.bench.results import read

ROOT = Path(__file__).parents[1]
SOURCE = "https://github.com/vaeaug/vaeaug"  # a placeholder, as in setup.cfg

project = "vaeaug"
author = "the vaeaug developers"
copyright = author  # noqa: A001 (Sphinx reads this name)
release = vaeaug.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.linkcode",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "gallery"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = f"vaeaug {release}"

myst_enable_extensions = ["colon_fence", "dollarmath", "attrs_inline"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # results.md has sections of one level that differ in depth

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the signature has them, and "Arguments" says the rest
autosummary_generate = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Arguments", "params_style")]

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": r"/plot_",
    "backreferences_dir": "auto_gallery/backreferences",
    "doc_module": ("vaeaug",),
    "reference_url": {"vaeaug": None},
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "show_memory": False,
    "download_all_examples": False,
}


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Returns the address of the source of a Python object; None if it has none."""
    if domain != "py" or not info["module"]:
        return None
    target = sys.modules.get(info["module"])
    for name in info["fullname"].split("."):
        target = getattr(target, name, None)
    try:
        target = inspect.unwrap(target)
        path = Path(inspect.getsourcefile(target) or "").resolve()
        lines, first = inspect.getsourcelines(target)
    except (TypeError, OSError, AttributeError):
        return None
    if not path.is_relative_to(ROOT):
        return None
    return f"{SOURCE}/blob/main/{path.relative_to(ROOT)}#L{first}-L{first + len(lines) - 1}"


def link_to_source(app: Any, name: str, text: list[str]) -> None:
    """Turns links that leave this folder into links to the repository: on GitHub the pages keep their relative ones."""
    text[0] = re.sub(r"\]\(\.\./", f"]({SOURCE}/blob/main/", text[0])


def write_results(app: Any, exception: Exception | None) -> None:
    """Writes all committed comparisons as one file, results.json, beside the pages."""
    tables = sorted((ROOT / "benchmarks" / "results").glob("*/rows.csv"))
    results = {path.parent.name: as_json(completed(read(path))) for path in tables}
    if exception is None and app.builder.format == "html":
        (Path(app.outdir) / "results.json").write_text(json.dumps(results, indent=1))


def setup(app: Any) -> None:
    app.connect("source-read", link_to_source)
    app.connect("build-finished", write_results)
