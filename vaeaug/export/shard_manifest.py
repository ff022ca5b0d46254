"""The manifest of a folder of shards: the settings that they were generated with, and the size of each complete one.

While shards are being written, the size of each is kept in a file of its own, because several processes write. When all are
there, the sizes move into the manifest.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from vaeaug.export.formats import Metadata
from vaeaug.export.recognition import MANIFEST_COLUMNS, provenance_file
from vaeaug.runtime import checks, files
from vaeaug.runtime.distributed import World

MANIFEST = "manifest.json"
FORMAT = "vaeaug-shards"
SIZES = ".sizes.vaeaug"  # the folder with the sizes of shards so far


class Manifest:
    """Which shards of a folder are complete.

    Arguments:
        folder: The folder.
        sizes: The sizes in the manifest, by the name of the shard.
    """

    def __init__(self, folder: Path, sizes: dict[str, int]) -> None:
        self.folder, self.sizes = folder, sizes

    def is_complete(self, shard: Path) -> bool:
        """Returns whether a shard is there with its recorded size; any other may have been truncated."""
        expected = self._recorded_size(shard)
        return expected is not None and expected == _size(shard)

    def record(self, shard: Path) -> None:
        """Records the size of a shard that has just been written."""
        (self.folder / SIZES).mkdir(exist_ok=True)
        (self.folder / SIZES / shard.name).write_text(str(_size(shard)))

    def _recorded_size(self, shard: Path) -> int | None:
        with suppress(OSError, ValueError):
            return int((self.folder / SIZES / shard.name).read_text())
        return self.sizes.get(shard.name)

    def recorded_sizes(self, shards: Sequence[Path]) -> list[int] | None:
        """Returns the sizes of all shards, or None if one has none."""
        sizes = [self._recorded_size(shard) for shard in shards]
        return None if None in sizes else sizes  # type: ignore[return-value]


def _size(shard: Path) -> int | None:
    """Returns the size of a shard and of the files that it lists or that are beside it; None if one is missing."""
    try:
        total = shard.stat().st_size
        if shard.suffix == ".csv":
            beside = provenance_file(shard)
            total += beside.stat().st_size if beside.exists() else sum(p.stat().st_size for p in _listed(shard))
    except (OSError, ValueError, csv.Error):
        return None
    return total


def _listed(shard: Path) -> Iterator[Path]:
    """Yields the images that a shard of images lists."""
    with shard.open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    if header != list(MANIFEST_COLUMNS):
        raise ValueError(f"'{shard}' has neither its parents beside it nor a list of images")
    for line in lines:
        yield shard.parent / line[0]


def check_writable(folder: Path) -> None:
    """Checks, before any work, that shards can be written to a folder."""
    files.check_writable(folder / MANIFEST)


@contextmanager
def claimed(
    folder: Path, settings: dict[str, Any], metadata: Metadata, shards: Sequence[Path], world: World
) -> Iterator[Manifest]:
    """Writes the manifest, or checks that an existing one has the same settings; other calls are kept away until the end.

    Arguments:
        folder: The folder of the shards.
        settings: What decides their content.
        metadata: The metadata of the samples.
        shards: The paths of all shards.
        world: The rank of this process; rank 0 writes the manifest.

    Raises:
        InputError: If the folder holds anything else, such as the shards of other settings.
    """
    path = folder / MANIFEST
    checks.check_utf8("names of classes and columns", (*metadata.names, *metadata.columns))
    with files.claimed(path, overwrite=True) if world.is_main else nullcontext():
        content: dict[str, Any] = {}
        if world.is_main:
            content = _read(path, settings) if path.exists() else _write(path, settings, metadata, shards)
        world.wait()
        content = content or _read(path, settings)
        sizes = content.get("sizes")
        known = isinstance(sizes, list) and len(sizes) == len(shards)
        names = [shard.name for shard in shards]
        manifest = Manifest(folder, dict(zip(names, sizes, strict=True)) if known else {})  # type: ignore[arg-type]
        yield manifest
        # Whoever is last completes the manifest. Another process is refused while rank 0, which completes it then, holds it.
        with nullcontext() if world.is_main else suppress(checks.InputError):
            _complete(path, content, manifest.recorded_sizes(shards))


def _complete(path: Path, content: dict[str, Any], sizes: list[int] | None) -> None:
    """Moves the sizes into the manifest, if all are there."""
    if sizes is not None:
        if content.get("sizes") != sizes:
            files.save_json(path, content | {"sizes": sizes}, overwrite=True)
        shutil.rmtree(path.parent / SIZES, ignore_errors=True)


def _write(path: Path, settings: dict[str, Any], metadata: Metadata, shards: Sequence[Path]) -> dict[str, Any]:
    for temporary in path.parent.glob(f".{path.name}-*"):  # of older versions
        shutil.rmtree(temporary, ignore_errors=True)
    files.check_free(path.parent)
    content = {"format": FORMAT, "version": files.FORMAT, **settings, "shards": len(shards)}
    content |= {"first": shards[0].name, "last": shards[-1].name, "metadata": metadata.described()}
    files.save_json(path, content)
    return content


def _read(path: Path, settings: dict[str, Any]) -> dict[str, Any]:
    folder = path.parent
    manifest: dict[str, Any] = {}
    if files.is_regular_file(path):
        with suppress(OSError, ValueError, RecursionError):
            manifest = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        checks.refuse("a new or empty output folder", f"'{folder}', which has other files", "choose another folder")
    for name, value in settings.items():
        if manifest.get(name) != value:
            expected = f"{name} {manifest.get(name)!r}, with which '{folder}' was begun"
            checks.refuse(expected, repr(value), "choose another folder, or pass the settings of the first call")
    return manifest
