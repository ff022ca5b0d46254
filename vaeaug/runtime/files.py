"""Atomic writes of safetensors and JSON: a file is complete or absent, and it cannot run code when it is read."""

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

FORMAT = 2


def never_replace(path: Path) -> bool:
    """Never allows replacing a folder."""
    return False


def check_free(path: Path, may_replace: Callable[[Path], bool] = never_replace) -> None:
    """Refuses an output folder that has files in it, unless `may_replace` allows replacing it.

    Raises:
        InputError: If `path` is a file, or a folder that may not be replaced.
    """
    if path.exists() and not path.is_dir():
        checks.refuse("a folder", f"the file '{path}'", "choose another path")
    if path.is_dir() and any(path.iterdir()) and not may_replace(path):
        checks.refuse("a new or empty output folder", f"'{path}', which has other files", "choose another folder")


def check_writable(path: Path) -> None:
    """Creates the folder of a file that will be written.

    Raises:
        InputError: If the folder cannot be created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        checks.refuse(f"a writable path for '{path}'", f"'{error}'", "choose a folder that you may write to")


@contextmanager
def atomic_write(
    path: str | Path, *, folder: bool = False, may_replace: Callable[[Path], bool] = never_replace
) -> Iterator[Path]:
    """Yields a temporary path next to `path`. It replaces `path` if the block succeeds, and is deleted otherwise.

    Arguments:
        path: The file or folder to write.
        folder: Whether to write a folder; the temporary one exists already.
        may_replace: Decides whether an existing folder with files in it may be replaced.

    Raises:
        InputError: If `path` is not writable, or a folder that may not be replaced, or if the disk is full.
    """
    path = Path(path)
    if folder:
        check_free(path, may_replace)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        checks.refuse(f"a writable path for '{path}'", f"'{error}'", "choose a folder that you may write to")
    new = temporary / path.name
    try:
        if folder:
            new.mkdir()
        yield new
        _swap_in(new, path, temporary / f"{path.name}.replaced")
    except OSError as error:
        checks.refuse(f"enough disk space to write '{path}'", f"'{error}'", "free some space or choose another path")
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap_in(new: Path, path: Path, old: Path) -> None:
    """Moves `new` to `path`. A folder cannot be overwritten, so an existing one moves to `old` first, and back on failure."""
    if path.is_dir():
        path.rename(old)
    try:
        new.replace(path)
    except BaseException:
        if old.exists():
            old.rename(path)
        raise


def save_json(path: str | Path, content: Any) -> None:
    """Writes JSON atomically."""
    with atomic_write(path) as new:
        new.write_text(json.dumps(content, indent=2, allow_nan=False) + os.linesep)


def save_tensors(path: str | Path, tensors: dict[str, Tensor], kind: str, config: dict[str, Any]) -> None:
    """Writes tensors atomically, with their config in the header.

    Arguments:
        path: The file.
        tensors: The tensors by name.
        kind: The kind of content, for example `vae`; `load_tensors` refuses a file of another kind.
        config: Settings that JSON can hold.
    """
    header = {"format": f"vaeaug-{kind}", "version": str(FORMAT), "config": json.dumps(config)}
    content = save({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, header)
    with atomic_write(path) as new:
        new.write_bytes(content)


def load_tensors(path: str | Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Reads the tensors and the config of a file that `save_tensors` wrote.

    Arguments:
        path: The file.
        kind: The expected kind of content.

    Raises:
        InputError: If the file is missing, truncated, of another kind, or written by a newer version.
    """
    expected = f"a file of format vaeaug-{kind}"
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        checks.refuse(expected, f"'{path}' ({error})", "check the path, or write the file again: it may be truncated")
    if header.get("format") != f"vaeaug-{kind}":
        checks.refuse(expected, f"format {header.get('format')!r} in '{path}'", "pass a file that vaeaug wrote")
    if int(header["version"]) > FORMAT:
        checks.refuse(f"version {FORMAT} or older in '{path}'", header["version"], "install a newer vaeaug")
    return tensors, json.loads(header["config"])
