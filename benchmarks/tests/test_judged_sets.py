"""The sets for judging alone: their parts share nothing, and what is missing is said."""

import importlib
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).parents[1]


@pytest.fixture
def judged_sets(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("judged_sets")


@pytest.mark.parametrize("name", ["letters", "clip-art", "brain"])
def test_the_parts_have_the_same_classes_and_share_no_image(judged_sets, name):
    judged_set = judged_sets.SETS[name]
    try:
        train, test = judged_set.load(), judged_set.load(train=False)
    except judged_sets.MissingFilesError as error:
        pytest.skip(str(error))
    assert train.names == test.names
    assert train.event_shape == test.event_shape == (3 if name == "clip-art" else 1, 32, 32)
    assert train.x.dtype == torch.float32
    assert train.x.min() >= 0
    assert 0.5 < train.x.max() <= 1
    assert min(train.counts) >= 40, "enough for 20 of each class and some to choose from"
    assert sum(count >= 40 for count in test.counts) >= 4
    if name != "letters":  # whose images are binary, so that two writers may draw the same one
        images = {image.numpy().tobytes() for image in train.x}
        assert not any(image.numpy().tobytes() in images for image in test.x)


@pytest.mark.parametrize(("name", "place"), [("letters", "LETTERS"), ("clip-art", "CLIP_ART"), ("brain", "BRAIN")])
def test_missing_files_are_named_with_the_command_that_fetches_them(judged_sets, monkeypatch, tmp_path, name, place):
    monkeypatch.setattr(judged_sets, place, tmp_path / "nothing")
    with pytest.raises(judged_sets.MissingFilesError, match=r"nothing is missing: run '(python|apt-get)"):
        judged_sets.SETS[name].load()


def test_a_pickle_of_arrays_is_read_and_any_other_is_refused(judged_sets):
    arrays = {"data": [np.arange(6, dtype=np.uint8).reshape(2, 3)], "folds": np.array([0, 1])}
    stored = pickle.dumps(arrays, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    read = judged_sets._ArrayUnpickler(io.BytesIO(stored), encoding="latin1").load()
    assert (read["data"][0] == arrays["data"][0]).all()

    class Harmful:
        def __reduce__(self):
            return os.mkdir, ("harm",)

    with pytest.raises(pickle.UnpicklingError, match="is not part of an array"):
        judged_sets._ArrayUnpickler(io.BytesIO(pickle.dumps(Harmful()))).load()
    assert not Path("harm").exists()
