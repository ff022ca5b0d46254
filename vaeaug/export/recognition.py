"""Which outputs are earlier ones of `vaeaug.export.formats`, and may be replaced: decided by what is in them."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from pathlib import Path

from vaeaug.augmenter.augmenter import Generated
from vaeaug.runtime import files

MANIFEST = "manifest.csv"
MANIFEST_COLUMNS = ("file", "label", "name", "parent", "confidence", "parent_file")
PROVENANCE_COLUMNS = ("row", "parent", "confidence", "parent_file")


def provenance_file(path: Path) -> Path:
    """Returns the file next to a `.csv` that names the parents."""
    return path.with_name(f"{path.stem}.parents.csv")


def has_only_saved_images(folder: Path) -> bool:
    """Returns whether `save` wrote every file in a folder."""
    if not files.is_regular_file(folder / MANIFEST):
        return False
    try:
        with (folder / MANIFEST).open(newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file)
    except (OSError, ValueError, csv.Error):
        return False
    present = {path.relative_to(folder).as_posix() for path in _files_in(folder)}
    # Older manifests have no files of the parents.
    known_headers = [list(MANIFEST_COLUMNS), list(MANIFEST_COLUMNS[:5])]
    return header in known_headers and present == {MANIFEST, *(line[0] for line in lines if line)}


def _files_in(folder: Path) -> Iterator[Path]:
    """Yields everything below a folder except folders and what systems leave there; links are not followed."""
    for path in files.contents(folder):
        if path.is_dir() and not path.is_symlink():
            yield from _files_in(path)
        else:
            yield path


def is_saved_npz(path: Path) -> bool:
    """Returns whether `save` wrote an `.npz`: by the names of its arrays."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist() == [f"{name}.npy" for name in (*Generated._fields, "names")]
    except (OSError, zipfile.BadZipFile):
        return False


def is_saved_csv(path: Path) -> bool:
    """Returns whether `save` wrote a `.csv`: it has its parents beside it, a line for each line."""
    beside = provenance_file(path)
    return files.is_regular_file(beside) and is_provenance(beside) and _count_lines(path) == _count_lines(beside)


def is_provenance(path: Path) -> bool:
    with path.open("rb") as file:
        return file.readline().strip() == ",".join(PROVENANCE_COLUMNS).encode()


def _count_lines(path: Path) -> int:
    with path.open(newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.reader(file))
