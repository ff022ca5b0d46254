"""The page of the explorer: a template, its style and its scripts in one file, with the data of an augmenter."""

from __future__ import annotations

import html
from pathlib import Path

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.explorer import contents, packing, selection
from vaeaug.runtime import checks, files, modes

ASSETS = Path(__file__).parent / "assets"
MARKER = b'name="generator" content="vaeaug explore"'
# In the order in which the data flow: each script uses the earlier ones alone.
SCRIPTS = ("random", "data", "network", "rows", "schemes", "model", "pictures", "map", "state", "panels", "page")


@modes.in_plain_modes
def explore(
    augmenter: Augmenter,
    output: str | Path,
    *,
    samples: int | None = None,
    synthetic_only: bool = False,
    title: str = "model",
    seed: int = 0,
    overwrite: bool = False,
) -> Path:
    """Writes one HTML file in which the augmenter runs: no server and no network are needed, and it can be mailed.

    The page holds real samples, or, with `synthetic_only`, synthetic ones in their place. Those are real samples plus a
    change, so they may look like them.

    Arguments:
        augmenter: A fitted augmenter with the library's own VAE, `PCA` or `Identity`.
        output: The file; an earlier page of this function is replaced.
        samples: The largest number of samples on the page, 2 or more; by default 2,000, or fewer where each has more values
            than 28 x 28 pixels.
        synthetic_only: Whether to leave real samples out.
        title: The name of the augmenter in the page, and in the Python code that it shows.
        seed: The seed of the choice of samples, of the synthetic ones, and of the small classifiers that judge labels.
        overwrite: Whether a file of any kind may be replaced.

    Returns:
        The path of the file.

    Raises:
        InputError: If the augmenter's VAE cannot run in the page, or the file cannot be written.
        NotFittedError: Before `fit`.

    Example:
        >>> import tempfile
        >>> augmenter = Augmenter().fit("digits", steps=20, progress=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = explore(augmenter, f"{folder}/explore.html", samples=50)
        ...     "<!doctype html>" in path.read_text()
        True
    """
    augmenter.check_fitted()
    size = selection.default_size(augmenter.bank_.samples) if samples is None else samples
    checks.check_number("samples", size, 2, whole=True)
    checks.check_number("seed", seed, 0, whole=True)
    settings = {"may_replace": files.is_marked(MARKER), "overwrite": overwrite}
    files.check_output(output, **settings)
    facts, arrays = contents.collect(augmenter, size, synthetic_only=synthetic_only, seed=seed)
    page = assemble(title, packing.pack({"title": title, **facts}, arrays))
    with files.atomic_write(output, **settings) as new:  # type: ignore[arg-type]
        new.write_text(page, encoding="utf-8")
    return Path(output)


def assemble(title: str, block: str) -> str:
    """Returns the page.

    Arguments:
        title: The name of the augmenter.
        block: The data, as `packing.pack` returns them.
    """
    scripts = "\n".join(f"// {name}.js\n{_asset(f'{name}.js')}" for name in SCRIPTS)
    # A lone surrogate, as in a path of another encoding, cannot be written as UTF-8.
    shown = html.escape(title.encode("utf-8", "replace").decode())
    parts = {"title": shown, "style": _asset("style.css"), "script": scripts, "data": block}
    head, *rest = _asset("page.html").split("{{")
    # Filled in one pass: what a title contains is never taken for a place to fill.
    return head + "".join(parts[name] + text for name, text in (piece.split("}}", 1) for piece in rest))


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
