import signal

import pytest
import torch

from vaeaug import Augmenter
from vaeaug.data import DEBIAN_FASHION, load, subset

# The models of the tests are so small that a second thread costs more than it brings, above all on a busy machine.
torch.set_num_threads(1)

needs_fashion = pytest.mark.skipif(not DEBIAN_FASHION.is_dir(), reason="needs Debian's package dataset-fashion-mnist")


@pytest.fixture(scope="session")
def digits():
    return subset(load("digits"), 12, seed=0)


@pytest.fixture(scope="session")
def augmenter(digits):
    return Augmenter().fit(digits, steps=60, progress=False)


@pytest.fixture(scope="module")
def quick_teachers():
    """The small classifiers of the explorer's page train for a few steps only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vaeaug.explorer.teachers.STEPS", 30)
        yield


@pytest.fixture
def random_state_untouched():
    before = torch.random.get_rng_state()
    yield
    assert torch.equal(before, torch.random.get_rng_state()), (
        "the test or the library drew from torch's global generator"
    )


@pytest.fixture
def ctrl_c():
    """Ctrl-C works, as in a terminal, in this process and in those that it starts; a shell's background jobs ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
