"""The same seed gives the same files, whatever is in them and in whatever process they are written."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vaeaug import PCA, Augmenter, Confident, Identity, fit_vae
from vaeaug.data import load

FEW = {"steps": 3, "progress": False}


def save(augmenter, folder):
    """Saves an augmenter that has been used."""
    augmenter.generate(9, seed=1)
    augmenter.save(folder)


def bfloat16(digits):
    augmenter = Augmenter().fit(digits, **FEW)
    augmenter.vae_.bfloat16()
    return augmenter


# A function of samples and a path, which writes there.
SAVED = {
    "filter": lambda d, p: save(Augmenter(filter=Confident(lambda x: torch.ones(len(x), 10))).fit(d, **FEW), p),
    "PCA": lambda d, p: save(Augmenter(PCA(4)).fit(d), p),
    "Identity": lambda d, p: save(Augmenter(Identity()).fit(d), p),
    "unlabelled": lambda d, p: save(Augmenter().fit(d[::2], unlabelled=d.x[1::2], teacher="knn", **FEW), p),
    "conditional": lambda d, p: save(Augmenter().fit(d, num_classes=10, **FEW), p),
    "table": lambda d, p: save(Augmenter().fit(load("wine"), **FEW), p),
    "bfloat16": lambda d, p: save(bfloat16(d), p),
    "checkpoint": lambda d, p: fit_vae(d, checkpoint=p, **FEW),
}


def digests(path):
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize("kind", SAVED)
def test_twice_in_one_process(kind, digits, tmp_path):
    for name in ("one", "two"):
        SAVED[kind](digits, tmp_path / name)
    one, two = (list(digests(tmp_path / name).values()) for name in ("one", "two"))
    assert one == two


def test_in_another_process(digits, tmp_path):
    """Another process hashes text otherwise, and so orders sets otherwise."""
    SAVED["unlabelled"](digits, tmp_path / "one")
    code = (
        "import sys, torch, pathlib; torch.set_num_threads(1); sys.path[:0] = sys.argv[2:]; import test_same_bytes as t; "
        "from vaeaug.data import load, subset; "
        "t.SAVED['unlabelled'](subset(load('digits'), 12, seed=0), pathlib.Path(sys.argv[1]))"
    )
    tests = Path(__file__).parent
    command = [sys.executable, "-c", code, str(tmp_path / "two"), str(tests), str(tests.parent)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
