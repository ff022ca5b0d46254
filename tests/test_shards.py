import csv
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from vaeaug import Augmenter, InputError, Prior
from vaeaug.augmenter.generation import Synthesizer
from vaeaug.data import load
from vaeaug.export import shards
from vaeaug.models.codec import CHUNK
from vaeaug.perturb.pseudo_labelled import PseudoLabelled
from vaeaug.runtime.distributed import World


def write(augmenter, folder, n=600, **settings):
    return shards.write(augmenter, folder, n, **({"shard_size": 200, "seed": 3, "progress": False} | settings))


def content(folder):
    """The bytes of every file, by its path."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def tabular_augmenter():
    return Augmenter().fit("wine", steps=20, progress=False)


@pytest.fixture(scope="module")
def whole(augmenter, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards") / "whole"
    return folder, write(augmenter, folder)


def test_tar_shards_hold_the_samples_of_generate_once_each(augmenter, whole):
    _, paths = whole
    expected = augmenter.generate(600, seed=3)
    assert [path.name for path in paths] == [f"shard-00000{k}.tar" for k in range(3)]
    keys = []
    for path in paths:
        with tarfile.open(path) as archive:
            members = archive.getmembers()
            assert all((m.mtime, m.uid, m.gid, m.uname) == (0, 0, 0, "") for m in members)
            names = [m.name for m in members]
            assert names == [
                f"{k}.{end}" for k in dict.fromkeys(n.split(".")[0] for n in names) for end in ("png", "cls", "json")
            ]
            keys += [int(n.split(".")[0]) for n in names[::3]]
            for name in names[::3]:
                i = int(name.split(".")[0])
                pixels = np.array(Image.open(io.BytesIO(archive.extractfile(name).read())))
                assert np.array_equal(pixels, (expected.x[i, 0] * 255).round().byte().numpy())
                record = json.load(archive.extractfile(name.replace("png", "json")))
                assert record["parent"] == expected.parent[i]
                assert int(archive.extractfile(name.replace("png", "cls")).read()) == record["label"] == expected.y[i]
    assert keys == list(range(600))


READER = """
import sys, webdataset
dataset = webdataset.WebDataset(sys.argv[1:], shardshuffle=False, empty_check=False).decode("torchrgb")
samples = list(dataset.to_tuple("png", "cls", "json"))
print([y for _, y, _ in samples], tuple(samples[7][0].shape), samples[7][2]["confidence"], sep=";")
"""


def test_webdataset_reads_the_shards(augmenter, whole):
    pytest.importorskip("webdataset")
    # In another process: webdataset leaves files open, which is a warning, and so an error, here.
    command = [sys.executable, "-c", READER, *map(str, whole[1])]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.strip().split(";") == [str(augmenter.generate(600, seed=3).y.tolist()), "(3, 8, 8)", "None"]


@pytest.mark.parametrize("kind", ["webdataset", "webdataset-npy", "npz", "images"])
def test_any_number_of_processes_and_any_interruption_give_the_same_bytes(augmenter, tmp_path, kind):
    for folder, size in (("one", 1), ("four", 4)):
        for rank in range(size):
            write(augmenter, tmp_path / folder, format=kind, world=_Unwaiting(rank, size))
    reference = content(tmp_path / "one")
    assert reference == content(tmp_path / "four")
    (missing,) = [name for name in reference if name.startswith("shard-000001")]
    (tmp_path / "four" / missing).unlink()
    unfinished = tmp_path / "four" / f".{missing}-abc"
    unfinished.mkdir()
    (unfinished / missing).write_bytes(b"half of it")
    write(augmenter, tmp_path / "four", format=kind)
    assert content(tmp_path / "four") == reference
    assert not unfinished.exists()


class _Unwaiting(World):
    def wait(self):
        pass


def test_existing_shards_are_not_written_again(augmenter, tmp_path, monkeypatch):
    write(augmenter, tmp_path)
    monkeypatch.setattr(Synthesizer, "generate", lambda *a: pytest.fail("generated again"))
    write(augmenter, tmp_path)


def test_one_chunk_at_a_time(augmenter, tmp_path, monkeypatch):
    alive = []
    generate = Synthesizer.generate

    def counted(self, *args):
        assert sum(ref() is not None for ref in alive) <= 2
        samples = generate(self, *args)
        alive.append(weakref.ref(samples.x))
        return samples

    monkeypatch.setattr(Synthesizer, "generate", counted)
    for kind in ("webdataset", "npz", "images"):
        write(augmenter, tmp_path / kind, 8 * CHUNK, shard_size=8 * CHUNK, format=kind)
    assert len(alive) == 24


def test_npz_shards_preserve_every_bit(augmenter, tmp_path):
    paths = write(augmenter, tmp_path, format="npz")
    expected = augmenter.generate(600, seed=3)
    for k, path in enumerate(paths):
        with np.load(path, allow_pickle=False) as arrays:
            for name, value in expected._asdict().items():
                # The last chunk of `generate` is decoded in part, which may round differently.
                assert np.allclose(arrays[name], value[200 * k : 200 * (k + 1)], atol=1e-6, equal_nan=True)
                assert arrays[name].dtype == value.numpy().dtype
            assert tuple(arrays["names"]) == augmenter.bank_.samples.names
        assert load(path).counts == torch.bincount(expected.y[200 * k : 200 * (k + 1)], minlength=10).tolist()


def test_image_shards_load_as_one_folder(augmenter, tmp_path):
    write(augmenter, tmp_path, format="images", labels=[3, 8])
    assert load(tmp_path).counts == [300, 300]
    tables = [path.read_text().splitlines() for path in sorted(tmp_path.glob("*.csv"))]
    names = [line["file"] for table in tables for line in csv.DictReader(table)]
    assert sorted(names) == sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.png"))


def test_tabular_data_as_csv_and_tar_shards(tabular_augmenter, tmp_path):
    expected = tabular_augmenter.generate(300, seed=3)
    paths = write(tabular_augmenter, tmp_path / "csv", 300, format="csv")
    assert torch.allclose(torch.cat([load(path).x for path in paths]), expected.x, rtol=1e-5)
    assert (tmp_path / "csv" / "shard-000001.parents.csv").is_file()
    path, _ = write(tabular_augmenter, tmp_path / "tar", 300)
    with tarfile.open(path) as archive:
        x = np.load(io.BytesIO(archive.extractfile("000000000005.npy").read()))
    assert np.allclose(x, expected.x[5], rtol=1e-5)


def test_tabular_data_cannot_be_written_as_images(tabular_augmenter, tmp_path):
    with pytest.raises(InputError, match="got format 'images'; write tabular data to one of these"):
        write(tabular_augmenter, tmp_path, format="images")


def test_near_samples_with_their_files(augmenter, digits, tmp_path):
    near, files = digits.x[:3], ("a.png", "b.png", "c.png")
    (path,) = write(augmenter, tmp_path, 7, near=near, labels=digits.y[:3], files=files)
    with tarfile.open(path) as archive:
        record = json.load(archive.extractfile("000000000004.json"))
    assert (record["parent"], record["parent_file"]) == (1, "b.png")


def test_the_manifest_describes_the_shards(augmenter, whole):
    manifest = json.loads((whole[0] / "manifest.json").read_text())
    assert [manifest[key] for key in ("seed", "samples", "shard_size", "shards")] == [3, 600, 200, 3]
    assert manifest["metadata"]["names"] == list(augmenter.bank_.samples.names)
    assert manifest["augmenter"] == shards.fingerprint(augmenter)
    other = augmenter.using()
    bank = augmenter.bank_
    pseudo_labelled = PseudoLabelled(
        bank.samples.x[:1], torch.zeros(1, dtype=torch.long), torch.ones(1), bank.mean[:1], bank.stddev[:1]
    )
    other.bank_ = replace(bank, pseudo_labelled=pseudo_labelled)
    hashes = {shards.fingerprint(a) for a in (augmenter, other, augmenter.using(residual=False))}
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"seed": 4}, "expected seed 3, with which '.*' was begun, got 4; choose another folder"),
        ({"n": 601}, "expected samples 600, with which"),
        ({"shard_size": 100}, "expected shard_size 200, with which"),
        ({"format": "npz"}, "expected content 'webdataset', with which"),
        ({"labels": [1]}, "expected labels None, with which"),
        ({"format": "parquet"}, "expected format to be one of webdataset, webdataset-npy, npz, csv, images, got"),
        ({"format": "csv"}, "expected another format than csv for images, got csv"),
        ({"shard_size": 0}, "expected shard_size to be a whole number from 1 up, got 0"),
    ],
)
def test_other_settings_are_refused(augmenter, whole, other, message):
    before = content(whole[0])
    with pytest.raises(InputError, match=message):
        write(augmenter, whole[0], **other)
    assert content(whole[0]) == before


def test_another_augmenter_is_refused(augmenter, whole):
    with pytest.raises(InputError, match=r"expected augmenter '[0-9a-f]{64}', with which"):
        write(augmenter.using(perturb=Prior()), whole[0])


def test_a_folder_of_something_else_is_refused(augmenter, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="expected a new or empty output folder"):
        write(augmenter, tmp_path)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(InputError, match="expected a new or empty output folder"):
        write(augmenter, tmp_path)


def test_killed_and_resumed(augmenter, tmp_path):
    augmenter.save(tmp_path / "model")
    options = ["-n", "3072", "--shard-size", "256", "--seed", "3", "-o", tmp_path / "o"]
    running = subprocess.Popen(
        [sys.executable, "-m", "vaeaug", "generate", tmp_path / "model", *options],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    while len(list((tmp_path / "o").glob("shard-*.tar"))) < 2 and running.poll() is None:
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL, "killed before it was finished"
    assert 2 <= len(list((tmp_path / "o").glob("shard-*.tar"))) < 12
    write(Augmenter.load(tmp_path / "model"), tmp_path / "o", 3072, shard_size=256)
    write(augmenter, tmp_path / "whole", 3072, shard_size=256)
    assert content(tmp_path / "o") == content(tmp_path / "whole")


def test_importing_vaeaug_is_enough():
    script = "import vaeaug; print(vaeaug.export.shards.write.__name__, vaeaug.export.formats.save.__name__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["write", "save"]
