"""Files that are whole or absent, and that cannot run code: safetensors and JSON, written beside and renamed."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from vaeaug.runtime import checks

FORMAT = 1


def never_replace(path: Path) -> bool:
    """Says of no folder that it may be replaced."""
    return False


def check_free(path: Path, may_replace: Callable[[Path], bool] = never_replace) -> None:
    """Refuses an output folder that has files in it, unless `may_replace` says that these may go."""
    if path.exists() and not path.is_dir():
        checks.refuse("a folder", f"the file '{path}'", "choose another path")
    if path.is_dir() and any(path.iterdir()) and not may_replace(path):
        checks.refuse("a new or empty output folder", f"'{path}', which has other files", "choose another folder")


def check_writable(path: Path) -> None:
    """Refuses a file that cannot be written because its folder cannot be made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        checks.refuse(f"a place to write '{path}'", f"'{error}'", "choose a folder that you may write to")


@contextmanager
def atomic_write(
    path: str | Path, *, folder: bool = False, may_replace: Callable[[Path], bool] = never_replace
) -> Iterator[Path]:
    """Yields a temporary file or folder next to `path` that takes its place when the block ends well, and goes if not.

    Arguments:
        path: The file or folder to write.
        folder: Whether it is a folder.
        may_replace: Whether a folder that is there, with files in it, may go.

    Raises:
        InputError: If nothing can be written there, or if `path` is a folder that may not go.
    """
    path = Path(path)
    if folder:
        check_free(path, may_replace)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        checks.refuse(f"a place to write '{path}'", f"'{error}'", "choose a folder that you may write to")
    new = place / path.name
    try:
        if folder:
            new.mkdir()
        yield new
        _exchange(new, path, place / "old")
    except OSError as error:
        checks.refuse(f"room to write '{path}'", f"'{error}'", "free some space or choose another place")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _exchange(new: Path, path: Path, old: Path) -> None:
    if path.is_dir():
        path.rename(old)
    try:
        new.replace(path)
    except BaseException:
        if old.exists():
            old.rename(path)
        raise


def save_json(path: str | Path, content: Any) -> None:
    """Writes JSON, whole or not at all."""
    with atomic_write(path) as new:
        new.write_text(json.dumps(content, indent=2, allow_nan=False) + os.linesep)


def save_tensors(path: str | Path, tensors: dict[str, Tensor], kind: str, config: dict[str, Any]) -> None:
    """Writes tensors with their config in the header, whole or not at all.

    Arguments:
        path: The file.
        tensors: The tensors by name.
        kind: What the file holds; `load_tensors` refuses another kind.
        config: Whatever JSON can hold.
    """
    header = {"format": f"vaeaug-{kind}", "version": str(FORMAT), "config": json.dumps(config)}
    content = save({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, header)
    with atomic_write(path) as new:
        new.write_bytes(content)


def load_tensors(path: str | Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Reads what `save_tensors` wrote.

    Raises:
        InputError: If there is no such file, if it is truncated or foreign, or if a newer version wrote it.
    """
    expected = f"a file of format vaeaug-{kind}"
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        checks.refuse(expected, f"'{path}' ({error})", "check the path, or write the file again: it may be cut off")
    if header.get("format") != f"vaeaug-{kind}":
        checks.refuse(expected, f"format {header.get('format')!r} in '{path}'", "pass a file that vaeaug wrote")
    if int(header["version"]) > FORMAT:
        checks.refuse(f"version {FORMAT} or older in '{path}'", header["version"], "install a newer vaeaug")
    return tensors, json.loads(header["config"])
