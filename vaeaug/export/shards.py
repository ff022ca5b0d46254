"""Samples by the million: shards that are whole or absent, written by any number of processes, in constant memory.

Shard k holds samples `k * shard_size` to `(k + 1) * shard_size` of a seed, whoever writes it and whenever, because sample i
depends on (seed, i) alone. So a job that was killed makes the shards that are not there, and nothing else is kept of it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from vaeaug._version import __version__
from vaeaug.augmenter.augmenter import Augmenter, Generated
from vaeaug.augmenter.parents import as_samples_like
from vaeaug.export import formats
from vaeaug.models.codec import CHUNK
from vaeaug.runtime import checks, files
from vaeaug.runtime.distributed import SINGLE_PROCESS, World

MANIFEST = "manifest.json"
KIND = "vaeaug-shards"
SHARD_SIZE = 40 * CHUNK
FORMATS: dict[str, tuple[str, Callable[[formats.WriteJob, Path], None]]] = {
    "webdataset": (".tar", formats.tar),
    "webdataset-npy": (".tar", formats.exact_tar),
    "npz": (".npz", formats.npz),
    "csv": (".csv", formats.rows),
    "images": (".csv", formats.images),
}


def write(
    augmenter: Augmenter,
    folder: str | Path,
    n: int,
    *,
    seed: int = 0,
    shard_size: int = SHARD_SIZE,
    format: str = "webdataset",
    near: Any = None,
    labels: Any = None,
    files: tuple[str, ...] | None = None,
    progress: bool = True,
    world: World = SINGLE_PROCESS,
) -> list[Path]:
    """Writes n synthetic samples to shards; called again after it was cut off, it writes those that are missing.

    Arguments:
        augmenter: A fitted augmenter.
        folder: A new or empty folder, or one where this very call was cut off. It gets a `manifest.json` with the seed, the
            augmenter's hash, and so on.
        n: How many samples.
        seed: The same seed gives the same bytes.
        shard_size: Samples per shard. Whole chunks are decoded, so a multiple of 256 wastes nothing.
        format: `webdataset` writes `.tar` shards with `.png` (rows: `.npy`), `.cls` and `.json` of each sample,
            `webdataset-npy` the same with `.npy` for images, too; `npz` and, for rows, `csv` what `vaeaug.data.load` reads;
            `images` a folder of images per class, and one `.csv` of provenance per shard.
        near, labels: As `Augmenter.generate` takes them.
        files: The files of `near`; those of the bank are known where it was read from a folder.
        progress: Whether to show a bar.
        world: Which of how many processes this one is: process r writes the shards k with k % size = r.

    Returns:
        The paths of all shards.

    Raises:
        InputError: If the folder holds anything else, such as the shards of other settings.
        NotFittedError: Before `fit`.

    Example:
        >>> augmenter = Augmenter().fit("digits", steps=20, progress=False)
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     shards = write(augmenter, folder, 600, shard_size=256, progress=False)
        >>> [path.name for path in shards]
        ['shard-000000.tar', 'shard-000001.tar', 'shard-000002.tar']
    """
    augmenter.check_fitted()
    checks.check_number("n", n, 1, whole=True)
    checks.check_number("shard_size", shard_size, 1, whole=True)
    checks.check_number("seed", seed, 0, whole=True)
    checks.check_choice("format", format, tuple(FORMATS))
    folder, about = Path(folder), formats.Metadata.of(augmenter.bank_, files if near is not None else None)
    shape = augmenter.bank_.samples.event_shape
    _check_format(format, shape)
    suffix, writer = FORMATS[format]
    near = None if near is None else as_samples_like(near, augmenter.bank_)
    make = augmenter.chunks(seed, near, labels)
    settings = {"seed": seed, "samples": n, "shard_size": shard_size, "content": format}
    settings |= {
        "library": __version__,
        "augmenter": fingerprint(augmenter),
        "labels": _digest(labels),
        "near": _digest(near),
    }
    paths = [folder / f"shard-{k:06d}{suffix}" for k in range(-(-n // shard_size))]
    if world.is_main:
        _claim(folder, settings, about, paths)
    world.wait()
    mine = range(world.rank, len(paths), world.size)
    sizes = [min(n, (k + 1) * shard_size) - k * shard_size for k in range(len(paths))]
    there = sum(sizes[k] for k in mine if paths[k].exists())
    bar = tqdm(
        total=sum(sizes[k] for k in mine),
        initial=there,
        desc=f"generating, process 1 of {world.size}" if world.size > 1 else "generating",
        disable=not progress or not world.is_main,
        unit="sample",
        leave=False,
    )
    with closing(bar):
        for k in mine:
            if not paths[k].exists():
                parts = between(make, k * shard_size, k * shard_size + sizes[k], bar)
                _shard(
                    writer, formats.WriteJob(parts, about, k * shard_size, sizes[k], folder, paths[k].stem), paths[k]
                )
    world.wait()
    return paths


def between(make: Callable[[int], Generated], first: int, last: int, bar: Any = None) -> Iterator[Generated]:
    """Yields samples `first` to `last` of the chunks that `make` makes, a chunk at a time."""
    for chunk in range(first // CHUNK, -(-last // CHUNK)):
        start = chunk * CHUNK
        part = make(chunk).rows(slice(max(first, start) - start, min(last, start + CHUNK) - start))
        yield part
        if bar is not None:
            bar.update(len(part.y))


def fingerprint(augmenter: Augmenter) -> str:
    """Returns a hash of all that an augmenter's samples depend on, but for what a filter of the user's own does."""
    bank = augmenter.bank_
    found = hashlib.sha256()
    parts = (augmenter.perturb, type(augmenter.filter).__name__, augmenter.residual, bank.samples.names, bank.scaling)
    found.update(repr(parts).encode())
    state = augmenter.vae_.state_dict() if isinstance(augmenter.vae_, torch.nn.Module) else {}
    tensors = {"x": bank.samples.x, "y": bank.samples.y, "mean": bank.mean, "stddev": bank.stddev}
    pseudo = bank.pseudo_labelled
    tensors |= {} if pseudo is None else {f"pseudo_labelled.{k}": v for k, v in vars(pseudo).items() if k[0] != "_"}
    for name, value in sorted({**{f"vae.{k}": v for k, v in state.items()}, **tensors}.items()):
        found.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        found.update(value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def _check_format(name: str, shape: tuple[int, ...]) -> None:
    if name == "images":
        formats.check_images(shape, "format 'images'")
    if name == "csv" and len(shape) != 1:
        checks.refuse("another format than csv for images", "csv", "pass format='webdataset', say")


def _shard(writer: Callable[[formats.WriteJob, Path], None], plan: formats.WriteJob, path: Path) -> None:
    for left in plan.home.glob(f".{path.stem}.*-*"):
        # What a killed process was writing.
        shutil.rmtree(left, ignore_errors=True)
    with files.atomic_write(path) as new:
        writer(plan, new)
        formats.flush(new)


def _claim(folder: Path, settings: dict[str, Any], about: formats.Metadata, paths: list[Path]) -> None:
    """Writes the manifest, or checks that the one that is there is the same."""
    file = folder / MANIFEST
    if not file.exists():
        for left in folder.glob(f".{MANIFEST}-*"):
            shutil.rmtree(left, ignore_errors=True)
        files.check_free(folder)
        known = {"shards": len(paths), "first": paths[0].name, "last": paths[-1].name}
        head = {"format": KIND, "version": files.FORMAT, **settings, **known}
        files.save_json(file, head | {"about": asdict(about)})
        return
    try:
        there = json.loads(file.read_text(encoding="utf-8"))
        same = there["format"] == KIND
    except (OSError, ValueError, KeyError, TypeError):
        same = False
    if not same:
        checks.refuse("a new or empty output folder", f"'{folder}', which has other files", "choose another folder")
    for name, value in settings.items():
        if there.get(name) != value:
            expected = f"{name} {there.get(name)!r}, with which '{folder}' was begun"
            checks.refuse(expected, repr(value), "choose another folder, or pass what it was begun with")


def _digest(given: Any) -> str | None:
    if given is None:
        return None
    array = given.cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    head = f"{array.shape} {array.dtype} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()
