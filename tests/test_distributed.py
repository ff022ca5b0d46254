"""Really run under torchrun: processes on gloo."""

import inspect
import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from itertools import chain
from pathlib import Path

import pytest
import torch

import vaeaug
from vaeaug import Augmenter, InputError, fit_vae
from vaeaug.export import shards
from vaeaug.models import training
from vaeaug.models.batches import batches_from_loader
from vaeaug.runtime import distributed
from vaeaug.runtime.distributed import SINGLE_PROCESS, World, process_group

STEPS = 24
TOLERANCE = 1e-3  # of the loss of every step, relative, in fp32


def job(folder, model, dies, world=SINGLE_PROCESS):
    """Fits with a checkpoint every five steps, records the losses, then generates; rank 1 may die at step 12."""
    losses, finite = [], training._finite

    def recorded(value, step, lr):
        if dies and world.rank == 1 and step == 12:
            os.kill(os.getpid(), 9)
        losses.append(finite(value, step, lr))
        return losses[-1]

    patch = pytest.MonkeyPatch()
    patch.setattr(training, "CHECK_EVERY", 1)
    patch.setattr(training, "_finite", recorded)
    patch.setitem(inspect.unwrap(training.train).__kwdefaults__, "every", 5)
    try:
        settings = {"steps": STEPS, "batch_size": 65, "precision": "fp32", "progress": False, "world": world}
        fit_vae("digits", **settings, checkpoint=folder / "checkpoint")
    finally:
        patch.undo()
    shards.write(Augmenter.load(model), folder / "shards", 1100, shard_size=300, progress=False, world=world)
    if world.is_main:
        (folder / "losses.json").write_text(json.dumps(losses))


def torchrun(size, *arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", size, *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(vaeaug.__file__).parents[1])}
    return subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=300)


def content(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def model(augmenter, tmp_path_factory):
    folder = tmp_path_factory.mktemp("distributed") / "model"
    augmenter.save(folder)
    return folder


@pytest.fixture(scope="module")
def alone(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    job(folder, model, dies=False)
    return folder


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_slices_cover_all_samples_once(size):
    for n in (5, 64, 67):
        slices = [list(range(n)[World(rank, size).local_slice(n)]) for rank in range(size)]
        assert list(chain(*slices)) == list(range(n))
        assert max(map(len, slices)) - min(map(len, slices)) <= 1


def test_without_torchrun_a_process_is_alone():
    with process_group() as world:
        assert world == SINGLE_PROCESS
        assert world.is_main
        assert world.mean(torch.tensor([1.0, 3.0])) == 2


@pytest.mark.parametrize("size", [2, 4])
def test_several_processes_fit_and_generate_the_same_as_one(alone, model, tmp_path, size):
    done = torchrun(size, __file__, tmp_path, model, "")
    assert done.returncode == 0, done.stderr
    losses, others = (torch.tensor(json.loads((f / "losses.json").read_text())) for f in (alone, tmp_path))
    assert losses.shape == (STEPS,)
    assert losses[-1] < losses[0] - 0.1
    assert torch.allclose(losses, others, rtol=TOLERANCE, atol=0)
    assert content(alone / "shards") == content(tmp_path / "shards")


def test_a_rank_that_dies_stops_the_others_and_another_world_resumes(alone, model, tmp_path):
    done = torchrun(2, __file__, tmp_path, model, "dies")
    assert done.returncode != 0
    assert "SIGKILL" in done.stderr
    job(tmp_path, model, dies=False)
    losses, others = (torch.tensor(json.loads((f / "losses.json").read_text())) for f in (alone, tmp_path))
    assert len(others) == STEPS - 10, "it resumed from the checkpoint of step 10"
    assert torch.allclose(losses[10:], others, rtol=TOLERANCE, atol=0)


def test_the_command_line_under_torchrun(model, tmp_path):
    arguments = ("-m", "vaeaug", "generate", model, "-n", 600, "--shard-size", 256, "-o", tmp_path / "o")
    done = torchrun(2, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("600 samples in 3 shards") == 1
    done = torchrun(2, *arguments, "--seed", 1)
    assert done.returncode != 0
    assert done.stderr.count("Error: expected seed 0, with which") == 1


def test_a_connection_that_breaks_is_a_clear_error(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name, give in (
        ("init_process_group", None),
        ("get_rank", 1),
        ("get_world_size", 2),
        ("destroy_process_group", None),
    ):
        monkeypatch.setattr(distributed.dist, name, lambda *a, give=give, **k: give)
    message = "expected all 2 processes to stay, got 'gloo: Connection closed by peer' in process 1; look above"
    with pytest.raises(distributed.ProcessLost, match=message), process_group():
        raise RuntimeError("gloo: Connection closed by peer")
    with pytest.raises(RuntimeError, match="out of memory"), process_group():
        raise RuntimeError("out of memory")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"WORLD_SIZE": "2"}, r"all variables of torchrun, or none, got WORLD_SIZE=2 alone .*RANK.*; unset WORLD_SIZE"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, r"got WORLD_SIZE=2 alone .*MASTER_ADDR"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE in the environment to be a whole number from 1 to 1048576, got 'two'"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE in the environment to be a whole number from 1"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK in the environment to be a whole number from 0 to 1, got '2'"),
        ({"WORLD_SIZE": "2", "RANK": "-1"}, "RANK in the environment"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": "x"}, "MASTER_PORT in the environment"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": "99999"}, "MASTER_PORT in the environment"),
    ],
    ids=str,
)
def test_an_environment_of_torchrun_that_is_not_whole_is_named(monkeypatch, environment, message):
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=message), process_group():
        pytest.fail("it connected")


@pytest.mark.parametrize("value", ["", "1"])
def test_a_world_of_one_needs_nothing_else(monkeypatch, value):
    monkeypatch.setenv("WORLD_SIZE", value)
    with process_group() as world:
        assert world == SINGLE_PROCESS


def test_waiting_for_other_processes_is_reported(monkeypatch):
    values = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(distributed, "REPORT_SECONDS", 0.01)
    monkeypatch.setattr(distributed, "TIMEOUT", timedelta(seconds=1))

    def never(*args, timeout, **kwargs):
        time.sleep(0.3)
        raise distributed.dist.DistStoreError("timed out")

    monkeypatch.setattr(distributed.dist, "init_process_group", never)
    lines = []
    with pytest.raises(distributed.ProcessLost, match="timed out"), process_group(report=lines.append):
        pytest.fail("it connected")
    (line,) = lines
    assert line.startswith("process 0 of WORLD_SIZE=2 is waiting for the others at 127.0.0.1:29500")
    assert "unset WORLD_SIZE, or start with torchrun" in line


def test_a_batch_for_every_process(digits):
    with pytest.raises(InputError, match="expected batch_size to be a whole number from 4 up, got 3"):
        fit_vae(digits, steps=1, batch_size=3, world=World(0, 4))
    loader = torch.utils.data.DataLoader(list(zip(digits.x, digits.y, strict=True))[:9], batch_size=4)
    batch = batches_from_loader(loader, 0, lambda samples: None, World(1, 2))
    assert torch.equal(batch(0).x, digits.x[2:4])
    assert batch(1)[2:] == (2, 4)
    with pytest.raises(InputError, match=r"expected batches of 2 samples or more, got one of 1; pass .*drop_last=True"):
        batch(2)


if __name__ == "__main__":
    with process_group() as world_of_job:
        job(Path(sys.argv[1]), sys.argv[2], bool(sys.argv[3]), world_of_job)
