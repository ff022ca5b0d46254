"""Atomic writes of safetensors and JSON: a file is complete or absent, and it cannot run code when it is read."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from vaeaug.runtime import checks, locks, outputs, renames, signals
from vaeaug.runtime.outputs import (
    Recognise,
    check_apart,
    check_free,
    check_output,
    claimed,
    contents,
    is_no_file,
    is_regular_file,
    never_replace,
    refuse_os_error,
)

__all__ = [
    "FORMAT",
    "atomic_write",
    "atomic_write_together",
    "check_apart",
    "check_free",
    "check_output",
    "check_writable",
    "claimed",
    "contents",
    "is_json_with",
    "is_marked",
    "is_no_file",
    "is_regular_file",
    "is_tensors_of",
    "load_tensors",
    "never_replace",
    "recover",
    "refuse_os_error",
    "save_json",
    "save_tensors",
]

FORMAT = 2
LARGEST_HEADER = 100_000_000  # bytes, the limit of safetensors itself


def check_writable(path: Path) -> None:
    """Checks that a file can be written, whatever is there: the caller adds to it. Nothing is left there.

    Raises:
        InputError: If it is a folder or a device, if nothing can be written there, or if another process is writing there.
    """
    check_output(path, overwrite=True)


def recover(path: str | Path) -> None:
    """Puts a folder back that a killed call had moved aside to replace it; needed only where folders cannot change places."""
    target = Path(os.path.abspath(path))  # noqa: PTH100 (links stay)
    if not os.path.lexists(target) and os.path.lexists(locks.working_folder(target) / "old"):
        with locks.locked(target) as work:
            renames.recover(work, (target,))


@contextmanager
def atomic_write(
    path: str | Path,
    *,
    folder: bool = False,
    may_replace: Recognise = never_replace,
    overwrite: bool = False,
) -> Iterator[Path]:
    """Yields a temporary path next to `path`. It replaces `path` if the block succeeds, and is deleted otherwise.

    Arguments:
        path: The file or folder to write; a link is followed.
        folder: Whether to write a folder; the temporary one exists already.
        may_replace: Decides whether what is there is an earlier output of the same kind. Anything else is refused.
        overwrite: Whether a file of any kind may be replaced. Folders never are.

    Raises:
        InputError: If something else is at `path`, if it is not writable, if another process is writing there, or if the disk
            is full.
    """
    with claimed(path, folder=folder, may_replace=may_replace, overwrite=overwrite) as (target, work):
        (new,) = renames.new_paths(work, (target,))
        with _put_in_place(path, work, (target,)):
            if folder:
                new.mkdir()
            yield new
            # It may have changed while the new one was written.
            outputs.check_free(target, may_replace) if folder else outputs.check_free_file(
                target, may_replace, overwrite=overwrite
            )


@contextmanager
def atomic_write_together(
    path: str | Path, beside: Sequence[tuple[Path, Recognise]], *, may_replace: Recognise, overwrite: bool = False
) -> Iterator[tuple[Path, ...]]:
    """Yields temporary paths of a file and of the files beside it that belong to it; never two of different calls are mixed.

    Arguments:
        path, may_replace, overwrite: As in `atomic_write`.
        beside: The other files, each with its own `may_replace`.

    Raises:
        InputError: As `atomic_write`, for any of the files.
    """
    settings: dict[str, Any] = {"may_replace": may_replace, "overwrite": overwrite, "beside": beside}
    with claimed(path, **settings) as (target, work):
        targets = (target, *(other for other, _ in beside))
        with _put_in_place(path, work, targets):
            yield renames.new_paths(work, targets)
            outputs.check_free_file(target, may_replace, overwrite=overwrite)


@contextmanager
def _put_in_place(path: str | Path, work: Path, targets: Sequence[Path]) -> Iterator[None]:
    """Moves what the block has written to its place, and clears the working folder."""
    try:
        yield
        with signals.deferred() as interrupts:
            renames.put_in_place(work, targets)
        interrupts.deliver()
    except OSError as error:
        if not outputs.is_write_error(error, (work, *targets)):
            raise
        outputs.refuse_os_error(path, error)
    finally:
        locks.clear(work)


def save_json(
    path: str | Path, content: Any, *, may_replace: Recognise = never_replace, overwrite: bool = False
) -> None:
    """Writes JSON atomically.

    Arguments:
        path: The file.
        content: What JSON can hold, without NaN.
        may_replace, overwrite: As in `atomic_write`.
    """
    with atomic_write(path, may_replace=may_replace, overwrite=overwrite) as new:
        new.write_text(json.dumps(content, indent=2, allow_nan=False) + os.linesep)


def is_json_with(*keys: str) -> Recognise:
    """Returns a function that recognises JSON files whose object, or each of whose objects in a list, has these keys."""

    def recognise(path: Path) -> bool:
        content = json.loads(path.read_text(encoding="utf-8"))
        entries = content if isinstance(content, list) else [content]
        return bool(entries) and all(isinstance(entry, dict) and set(keys) <= entry.keys() for entry in entries)

    return recognise


def save_tensors(
    path: str | Path, tensors: dict[str, Tensor], kind: str, config: dict[str, Any], *, overwrite: bool = False
) -> None:
    """Writes tensors atomically, with their config in the header. The same tensors and config give the same bytes.

    Arguments:
        path: The file; an earlier one of this kind is replaced.
        tensors: The tensors by name.
        kind: The kind of content, for example `vae`; `load_tensors` refuses a file of another kind.
        config: Settings that JSON can hold.
        overwrite: Whether a file of any kind may be replaced.
    """
    about = {"config": json.dumps(config), "format": f"vaeaug-{kind}", "version": str(FORMAT)}
    content = save(_unshared(tensors))
    # safetensors writes the entries of its header in a random order.
    (size,) = struct.unpack_from("<Q", content)
    header = json.dumps({"__metadata__": about, **json.loads(content[8 : 8 + size])}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    with atomic_write(path, may_replace=is_tensors_of(kind), overwrite=overwrite) as new:
        new.write_bytes(struct.pack("<Q", len(header)) + header)
        with new.open("ab") as file:
            file.write(memoryview(content)[8 + size :])


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns tensors on the CPU, of which no two share memory, as tied weights do: safetensors refuses those."""
    result, seen = {}, set()
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        memory = tensor.untyped_storage().data_ptr()
        result[name] = tensor.clone() if memory in seen else tensor
        seen.add(memory)
    return result


def is_marked(marker: bytes) -> Recognise:
    """Returns a function that recognises files with these bytes near their beginning."""

    def recognise(path: Path) -> bool:
        with path.open("rb") as file:
            return marker in file.read(1000)

    return recognise


def is_tensors_of(kind: str) -> Recognise:
    """Returns a function that recognises files that `save_tensors` wrote with this kind of content, by their header."""

    def recognise(path: Path) -> bool:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size)) if 0 < size <= LARGEST_HEADER else {}
        about = header.get("__metadata__") if isinstance(header, dict) else None
        return isinstance(about, dict) and about.get("format") == f"vaeaug-{kind}"

    return recognise


def load_tensors(path: str | Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Reads the tensors and the config of a file that `save_tensors` wrote.

    Arguments:
        path: The file.
        kind: The expected kind of content.

    Raises:
        InputError: If the file is missing, truncated, of another kind, or written by a newer version, or if a tensor in it
            has NaN or infinite values.
    """
    expected = f"a file of format vaeaug-{kind}"
    if is_no_file(path):
        checks.refuse(expected, f"'{path}', which is no file", "pass a file that vaeaug wrote")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, AttributeError) as error:
        checks.refuse(expected, f"'{path}' ({error})", "check the path, or write the file again: it may be truncated")
    if header.get("format") != f"vaeaug-{kind}":
        checks.refuse(expected, f"format {header.get('format')!r} in '{path}'", "pass a file that vaeaug wrote")
    try:
        version, config = int(header["version"]), json.loads(header["config"])
    except (KeyError, ValueError, RecursionError) as error:
        checks.refuse(expected, f"a header of other content in '{path}' ({error!r})", "write the file again")
    if version > FORMAT:
        checks.refuse(f"version {FORMAT} or older in '{path}'", header["version"], "install a newer vaeaug")
    if not isinstance(config, dict):
        checks.refuse(expected, f"a config of type {type(config).__name__} in '{path}'", "write the file again")
    for name, tensor in tensors.items():
        _check_finite(f"'{name}' in '{path}'", tensor)
    return tensors, config


def _check_finite(name: str, tensor: Tensor) -> None:
    if tensor.is_complex():
        checks.refuse(f"real numbers in {name}", str(tensor.dtype), "write the file again")
    # The extremes are NaN if any value is; they need no second tensor of this size.
    if tensor.numel() and tensor.is_floating_point() and not torch.isfinite(torch.stack(tensor.aminmax())).all():
        checks.refuse(f"finite numbers in {name}", "NaN or infinity", "write the file again: it may be damaged")
