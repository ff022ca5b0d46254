"""Writes any number of samples: shards that are complete or absent, written by any number of processes in constant memory.

Shard k holds samples `k * shard_size` to `(k + 1) * shard_size` of a seed, whichever process writes it, because sample i
depends only on (seed, i). A restarted job only writes the missing shards; there is no other state.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaeaug._version import __version__
from vaeaug.augmenter.augmenter import Augmenter, Generated
from vaeaug.augmenter.parents import as_samples_like
from vaeaug.export import formats, recognition, shard_manifest, tar
from vaeaug.models import wrappers
from vaeaug.models.codec import CHUNK
from vaeaug.runtime import checks, files, modes
from vaeaug.runtime.distributed import SINGLE_PROCESS, World
from vaeaug.runtime.progress import progress_bar

LARGEST_COUNT = 1_000_000  # shards of one output
SHARD_SIZE = 40 * CHUNK

Writer = Callable[[formats.WriteJob, Path], None]

FORMATS: dict[str, tuple[str, Writer]] = {
    "webdataset": (".tar", tar.write_tar),
    "webdataset-npy": (".tar", tar.write_exact_tar),
    "npz": (".npz", formats.write_npz),
    "csv": (".csv", formats.write_csv),
    "images": (".csv", formats.write_images),
}


class _Shard(NamedTuple):
    """The file of samples `start` to `stop`."""

    path: Path
    start: int
    stop: int


@modes.in_plain_modes
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
    """Writes n synthetic samples to shards; a second call after an interruption only writes the missing shards.

    Arguments:
        augmenter: A fitted augmenter.
        folder: A new or empty folder, or the folder of an interrupted call with the same arguments. It gets a
            `manifest.json` with the seed, the augmenter's hash, and so on.
        n: The number of samples.
        seed: The seed; the same seed gives the same bytes.
        shard_size: The number of samples per shard. Samples are decoded in chunks of 256, so a multiple of it wastes no work.
        format: `webdataset` writes `.tar` shards with a `.png` (tabular data: `.npy`), `.cls` and `.json` per sample, and
            `webdataset-npy` the same with `.npy` for images as well; `npz` and, for tabular data, `csv` write files that
            `vaeaug.data.load` reads; `images` writes one folder of images per class, and one `.csv` of parents per shard.
        near, labels: See `Augmenter.generate`.
        files: The file of each sample of `near`; the files of the bank are known if it was read from a folder.
        progress: Whether to show a progress bar.
        world: The rank and number of processes: process r writes the shards k with k % size = r.

    Returns:
        The paths of all shards.

    Raises:
        InputError: If an argument is invalid, or the folder holds anything else, such as the shards of other settings.
        NotFittedError: If the augmenter is not fitted.

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
    _check_format(format, augmenter.bank_.samples.event_shape)
    formats.check_table(augmenter.bank_.samples.table, f"format={format!r}", is_csv=format == "csv")
    if world.is_main:
        shard_manifest.check_writable(Path(folder))
    suffix, writer = FORMATS[format]
    metadata = formats.Metadata.of(augmenter.bank_, files if near is not None else None)
    near = None if near is None else as_samples_like(near, augmenter.bank_)
    generate_chunk = augmenter.chunks(seed, near, labels)
    count = -(-n // shard_size)
    checks.check_number("the number of shards", count, 1, LARGEST_COUNT, whole=True)
    shards = [
        _Shard(Path(folder) / f"shard-{k:06d}{suffix}", k * shard_size, min(n, (k + 1) * shard_size))
        for k in range(count)
    ]
    settings = {"seed": seed, "samples": n, "shard_size": shard_size, "content": format}
    settings |= {"library": __version__, "augmenter": fingerprint(augmenter)}
    settings |= {"labels": _hash(labels), "near": _hash(near)}
    with shard_manifest.claimed(Path(folder), settings, metadata, [shard.path for shard in shards], world) as manifest:
        world.wait()
        own_shards = shards[world.rank :: world.size]
        missing = [shard for shard in own_shards if not manifest.is_complete(shard.path)]
        with closing(_progress_bar(own_shards, missing, progress, world)) as bar:
            for shard in missing:
                chunks = generate_range(generate_chunk, shard.start, shard.stop, bar)
                _write_shard(shard, chunks, metadata, writer)
                manifest.record(shard.path)
        world.wait()
    return [shard.path for shard in shards]


def generate_range(
    generate_chunk: Callable[[int], Generated], start: int, stop: int, bar: Any = None
) -> Iterator[Generated]:
    """Yields samples `start` to `stop`, a chunk at a time.

    Arguments:
        generate_chunk: A function from the index of a chunk to its samples, as `Augmenter.chunks` returns it.
        start, stop: The range of samples.
        bar: A progress bar to update.
    """
    for chunk_index in range(start // CHUNK, -(-stop // CHUNK)):
        offset = chunk_index * CHUNK
        in_range = slice(max(start, offset) - offset, min(stop, offset + CHUNK) - offset)
        samples = generate_chunk(chunk_index).rows(in_range)
        yield samples
        if bar is not None:
            bar.update(len(samples.y))


def fingerprint(augmenter: Augmenter) -> str:
    """Returns a hash of everything that an augmenter's samples depend on, except for the behaviour of its filter."""
    bank = augmenter.bank_
    sha256 = hashlib.sha256()
    settings = (
        augmenter.perturb,
        type(augmenter.filter).__name__,
        augmenter.residual,
        bank.samples.names,
        bank.scaling,
    )
    sha256.update(repr(settings).encode())
    state = wrappers.state_dict(augmenter.vae_) if isinstance(augmenter.vae_, torch.nn.Module) else {}
    tensors = {"x": bank.samples.x, "y": bank.samples.y, "mean": bank.mean, "stddev": bank.stddev}
    pseudo = bank.pseudo_labelled
    tensors |= {} if pseudo is None else {f"pseudo_labelled.{k}": v for k, v in vars(pseudo).items() if k[0] != "_"}
    for name, value in sorted({**{f"vae.{k}": v for k, v in state.items()}, **tensors}.items()):
        sha256.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        # As bytes, because numpy has no bfloat16.
        sha256.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return sha256.hexdigest()


def _check_format(name: str, event_shape: tuple[int, ...]) -> None:
    checks.check_choice("format", name, tuple(FORMATS))
    if name == "images":
        formats.check_images(event_shape, "format 'images'")
    if name == "csv" and len(event_shape) != 1:
        checks.refuse("another format than csv for images", "csv", "for example format='webdataset'")


def _progress_bar(shards: list[_Shard], missing: list[_Shard], progress: bool, world: World) -> Any:
    """Returns a bar over the samples of these shards, of which those that are not missing are done."""
    total, left = (sum(shard.stop - shard.start for shard in part) for part in (shards, missing))
    description = f"generating, process 1 of {world.size}" if world.size > 1 else "generating"
    return progress_bar(total, description, "sample", show=progress and world.is_main, initial=total - left)


def _write_shard(shard: _Shard, chunks: Iterator[Generated], metadata: formats.Metadata, writer: Writer) -> None:
    """Writes a shard; one of another size than recorded is replaced."""
    folder, stem = shard.path.parent, shard.path.stem
    for temporary in folder.glob(f".{stem}.*-*"):  # of older versions
        shutil.rmtree(temporary, ignore_errors=True)
    job = formats.WriteJob(chunks, metadata, shard.start, shard.stop - shard.start, folder, stem)
    beside = [(recognition.provenance_file(shard.path), _always)] if writer is formats.write_csv else []
    with files.atomic_write_together(shard.path, beside, may_replace=_always) as (new, *others):
        writer(replace(job, provenance=others[0]) if others else job, new)
        formats.flush(new)


def _always(path: Path) -> bool:
    return True  # the manifest says that shards of this name are ours


def _hash(values: Any) -> str | None:
    if values is None:
        return None
    array = values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    header = f"{array.shape} {array.dtype} ".encode()
    return hashlib.sha256(header + np.ascontiguousarray(array).tobytes()).hexdigest()
