"""Saved things with one odd field: a clear error of ours or a right reading, never a foreign exception."""

import copy
import csv
import json
import os
import struct
from dataclasses import dataclass

import pytest
import torch
from fake_results import RESULT, results_of

from vaeaug import PCA, VAE, Augmenter, Identity, InputError, fit_vae
from vaeaug.bench.results import append, read
from vaeaug.export import shards
from vaeaug.models import checkpoints
from vaeaug.models.networks import MLP
from vaeaug.models.spaces import LinearSpace
from vaeaug.runtime import files, schema

ODD = (
    None,
    True,
    -1,
    0,
    1.5,
    10**30,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\udcff",
    [],
    [1],
    [[]],
    ["x"],
    {},
    {"x": 1},
)


def mutations(content):
    """Yields copies of parsed JSON, each with one value replaced, removed or added."""
    for path in list(paths(content)):
        for value in ODD:
            yield change(content, path, lambda parent, key, value=value: parent.__setitem__(key, value))
        yield change(content, path, lambda parent, key: parent.__delitem__(key))
    if isinstance(content, dict):
        yield {**content, "extra": 1}
    yield from ODD


def paths(content, path=()):
    entries = ()
    if isinstance(content, dict):
        entries = content.items()
    elif isinstance(content, list):
        entries = enumerate(content[:2])
    for key, value in entries:
        yield (*path, key)
        yield from paths(value, (*path, key))


def change(content, path, edit):
    content = copy.deepcopy(content)
    parent = content
    for key in path[:-1]:
        parent = parent[key]
    edit(parent, path[-1])
    return content


def header_of(path):
    """Returns the header of a safetensors file, and its other bytes."""
    text = path.read_bytes()
    (size,) = struct.unpack_from("<Q", text)
    return json.loads(text[8 : 8 + size]), text[8 + size :]


def config_of(path):
    return json.loads(header_of(path)[0]["__metadata__"]["config"])


def write_config(path, original, config):
    """Writes a file of ours with another config in its header."""
    header, rest = header_of(original)
    header["__metadata__"]["config"] = json.dumps(config)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + rest)


def accepts(read_it):
    """Returns whether something could be read; any other error than ours fails the test."""
    try:
        read_it()
    except InputError as error:
        return not str(error).startswith("expected ")
    return True


def make_vae(path):
    VAE((5,), latent_dim=2, num_classes=3, architecture=MLP((4,))).save(path)


def make_conv(path):
    VAE((1, 8, 8), latent_dim=2).save(path)


def make_pca(path):
    PCA(3).fit(torch.linspace(0, 1, 45).view(9, 5).sin()).save(path)


def make_identity(path):
    Identity().fit(torch.linspace(0, 1, 9 * 64).view(9, 1, 8, 8)).save(path)


TENSOR_FILES = {
    "a VAE": (make_vae, VAE.load, "vae"),
    "a convolutional VAE": (make_conv, VAE.load, "vae"),
    "PCA": (make_pca, LinearSpace.load, "space"),
    "Identity": (make_identity, LinearSpace.load, "space"),
}
each_file = pytest.mark.parametrize(("make", "load", "kind"), TENSOR_FILES.values(), ids=TENSOR_FILES)


@each_file
def test_configs_in_headers(tmp_path, make, load, kind):
    make(tmp_path / "whole")
    assert accepts(lambda: load(tmp_path / "whole"))
    refused = 0
    for odd in mutations(config_of(tmp_path / "whole")):
        write_config(tmp_path / "odd", tmp_path / "whole", odd)
        refused += not accepts(lambda: load(tmp_path / "odd"))
    assert refused > 50


@each_file
@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite(tmp_path, make, load, kind, number):
    make(tmp_path / "v")
    tensors, config = files.load_tensors(tmp_path / "v", kind)
    for name in tensors:
        odd = {key: tensor.clone() for key, tensor in tensors.items()}
        odd[name].view(-1)[-1] = number
        files.save_tensors(tmp_path / "odd", odd, kind, config)
        with pytest.raises(InputError, match=f"expected finite numbers in '{name}' in '.*', got NaN or infinity"):
            load(tmp_path / "odd")


@each_file
def test_tensors_that_are_missing_or_of_another_shape(tmp_path, make, load, kind):
    make(tmp_path / "v")
    tensors, config = files.load_tensors(tmp_path / "v", kind)
    for name, tensor in tensors.items():
        without = {key: value for key, value in tensors.items() if key != name}
        odd_shape = {**tensors, name: torch.ones(*tensor.shape, 2)}
        odd_type = {**tensors, name: torch.ones(tensor.shape, dtype=torch.complex64)}
        for odd in (without, odd_shape, odd_type, {**tensors, "extra": torch.ones(1)}):
            files.save_tensors(tmp_path / "odd", odd, kind, config)
            assert not accepts(lambda: load(tmp_path / "odd"))


def test_tied_weights_can_be_saved(tmp_path):
    weight = torch.ones(3, 3)
    files.save_tensors(tmp_path / "t", {"a": weight, "b": weight, "c": weight[:1]}, "vae", {})
    tensors, _ = files.load_tensors(tmp_path / "t", "vae")
    assert torch.equal(tensors["a"], tensors["b"])
    assert tensors["c"].shape == (1, 3)


def test_headers_and_files_that_are_none(tmp_path):
    make_vae(tmp_path / "v")
    header, rest = header_of(tmp_path / "v")
    for odd in mutations(header["__metadata__"]):
        text = json.dumps({**header, "__metadata__": odd}).encode()
        (tmp_path / "odd").write_bytes(struct.pack("<Q", len(text)) + text + rest)
        accepts(lambda: VAE.load(tmp_path / "odd"))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("link")
    for odd in (b"", b"x", b"\xff" * 100, struct.pack("<Q", 2**62), struct.pack("<Q", 2) + b"{}"):
        (tmp_path / "bytes").write_bytes(odd)
        assert not accepts(lambda: VAE.load(tmp_path / "bytes"))
    for name in ("pipe", "folder", "link", "nothing", "n" * 300, "a\0b"):
        assert not accepts(lambda name=name: VAE.load(tmp_path / name))
        assert not accepts(lambda name=name: Augmenter.load(tmp_path / name))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged") / "m"
    Augmenter().fit("wine", steps=2, progress=False).save(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A folder of links to the files of a saved augmenter, of which a test replaces one."""
    (tmp_path / "m").mkdir()
    for path in saved.iterdir():
        (tmp_path / "m" / path.name).symlink_to(path)
    return tmp_path / "m"


@pytest.mark.filterwarnings("ignore:.*had a filter")
def test_config_json(saved, folder):
    config = json.loads((saved / "config.json").read_text())
    for data in ("names", "counts"):
        assert len(config["data"][data]) == 3
    (folder / "config.json").unlink()
    refused = 0
    for odd in mutations(config):
        (folder / "config.json").write_text(json.dumps(odd))
        refused += not accepts(lambda: Augmenter.load(folder))
    assert refused > 300
    for text in (b"", b"{", b"[" * 100_000, b"\xff", b"\0"):
        (folder / "config.json").write_bytes(text)
        assert not accepts(lambda: Augmenter.load(folder))


def test_a_bank(folder):
    bank = folder / "bank.safetensors"
    tensors, _ = files.load_tensors(bank, "bank")
    bank.unlink()
    y = tensors["y"]
    odd = [{key: value for key, value in tensors.items() if key != name} for name in tensors]
    odd += [{**tensors, name: value[:-1].clone()} for name, value in tensors.items()]
    odd += [{**tensors, name: torch.ones(())} for name in tensors]
    odd += [{**tensors, "y": value} for value in (y.float(), y - 5, y + 10**12, y * 0, y[:, None], y.bool())]
    odd += [{**tensors, "stddev": -tensors["stddev"]}, {**tensors, "pseudo_labelled.x": tensors["x"]}]
    for content in odd:
        files.save_tensors(bank, content, "bank", {})
        assert not accepts(lambda: Augmenter.load(folder))


def test_checkpoints(digits, tmp_path):
    settings = {"steps": 3, "latent_dim": 2, "architecture": MLP((4,)), "progress": False}
    fit_vae(digits, **settings, checkpoint=tmp_path / "c")
    assert checkpoints.step_of(tmp_path / "c") == 3
    for odd in mutations(config_of(tmp_path / "c")):
        write_config(tmp_path / "odd", tmp_path / "c", odd)
        accepts(lambda: fit_vae(digits, **settings, checkpoint=tmp_path / "odd"))
    tensors, config = files.load_tensors(tmp_path / "c", "checkpoint")
    for name, tensor in tensors.items():
        others = {key: value for key, value in tensors.items() if key != name}
        for odd in (others, {**others, f"{name}x": tensor}, {**tensors, name: torch.ones(*tensor.shape, 2)}):
            (tmp_path / "odd").unlink()
            files.save_tensors(tmp_path / "odd", odd, "checkpoint", config)
            assert not accepts(lambda: fit_vae(digits, **settings, checkpoint=tmp_path / "odd"))
    (tmp_path / "text").write_text("mine")
    assert not accepts(lambda: fit_vae(digits, **settings, checkpoint=tmp_path / "text"))
    assert (tmp_path / "text").read_text() == "mine"


def test_lines_of_results(tmp_path):
    path = tmp_path / "rows.csv"
    for result in results_of(none=[50], vae=[60]):
        append(path, result)
    lines = list(csv.reader(path.read_text().splitlines()))
    refused = 0
    for i, j in ((i, j) for i in (0, 2) for j in range(len(lines[0]))):
        for value in ("", "x", "-1", "1.5", "nan", "inf", "2021_05", "²", "1e999", "9" * 5000, "=1", "\0"):
            odd = [list(line) for line in lines]
            odd[i][j] = value
            path.write_text("".join(",".join(line) + "\n" for line in odd))
            refused += not accepts(lambda: read(path))
    assert refused > 150
    whole = "".join(",".join(line) + "\n" for line in lines)
    for text in (whole.replace("none", "none,none"), whole.replace("none,", ""), whole.replace("none", '"none'), "a\n"):
        path.write_text(text)
        assert not accepts(lambda: read(path))
    path.write_bytes(b"\xff\xfe\n")
    assert not accepts(lambda: read(path))
    os.mkfifo(tmp_path / "pipe")
    assert not accepts(lambda: read(tmp_path / "pipe"))


def test_the_line_of_an_odd_result_is_named(tmp_path):
    path = tmp_path / "rows.csv"
    append(path, RESULT)
    path.write_text(path.read_text().replace(",0.5,0.5,0.5,", ",0.5,half,0.5,"))
    message = r"expected balanced_accuracy to be a number in line 2 of '.*', got 'half'; correct the line or remove it"
    with pytest.raises(InputError, match=message):
        read(path)


def test_manifests_of_shards(augmenter, tmp_path):
    write = lambda: shards.write(augmenter, tmp_path, 4, shard_size=2, seed=0, progress=False)  # noqa: E731
    paths = write()
    whole = {path.name: path.read_bytes() for path in sorted(tmp_path.iterdir())}
    for odd in mutations(json.loads((tmp_path / "manifest.json").read_text())):
        (tmp_path / "manifest.json").write_text(json.dumps(odd))
        accepts(write)
    (tmp_path / "manifest.json").write_bytes(whole["manifest.json"])
    for size in (0, 100, 5000):
        paths[1].write_bytes(paths[1].read_bytes()[:size])
        write()
        assert {path.name: path.read_bytes() for path in sorted(tmp_path.iterdir())} == whole, "it is made again"


@dataclass
class Sizes:
    sizes: tuple[int, ...]


def test_the_field_is_named():
    with pytest.raises(schema.Mismatch, match=r"sizes\[1\]: expected a whole number, got True"):
        schema.parse(Sizes, {"sizes": [1, True]})
    with pytest.raises(InputError, match=r"expected sizes to be a list in 'a.json', got 3; write it again"):
        schema.read(Sizes, {"sizes": 3}, "'a.json'", "write it again")
