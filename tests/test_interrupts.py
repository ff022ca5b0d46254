"""Ctrl-C and SIGTERM: files are cleaned up, and one line says what is kept and how to go on."""

import os
import signal
from pathlib import Path

import pytest
from command_line import command
from fake_results import RESULT

from vaeaug import Augmenter, InputError, fit_vae
from vaeaug.bench import compare
from vaeaug.bench.results import read
from vaeaug.bench.tuning import search
from vaeaug.export import shards
from vaeaug.models import training
from vaeaug.runtime import files, signals
from vaeaug.runtime.signals import Terminated, close_at_exit, deferred, terminable

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
NUMBERS = {signal.SIGINT: ("Interrupted", 130), signal.SIGTERM: ("Terminated", 143)}


@pytest.fixture(autouse=True)
def usual_handlers():
    """A shell's background jobs ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler), signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def model(augmenter, tmp_path_factory):
    folder = tmp_path_factory.mktemp("interrupts") / "model"
    augmenter.save(folder)
    return folder


def interrupt_in_call(monkeypatch, target, name, number, call):
    """Sends a signal in the n-th call of a function."""
    original, calls = getattr(target, name), []

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), number)
        return original(*args, **kwargs)

    monkeypatch.setattr(target, name, interrupted)


QUICK = (
    "--per-class",
    5,
    "--seeds",
    1,
    "--classifier",
    "knn",
    "--method",
    "none",
    "--method",
    "classical",
    "--jobs",
    1,
)
# The command, where the signal comes, and what the line says.
COMMANDS = {
    "fit": (("fit", "digits", "-o", "m"), (training, "_update", 5), "nothing is kept; with --checkpoint"),
    "fit with a checkpoint": (
        ("fit", "digits", "-o", "m", "--checkpoint", "c"),
        (training, "_update", 5),
        "'c' keeps the training up to step 5; run the same command again to go on from there",
    ),
    "fit before the first step": (
        ("fit", "digits", "-o", "m", "--checkpoint", "c"),
        (Augmenter, "fit", 1),
        "nothing is kept: 'c' was not written yet",
    ),
    "generate": (("generate", "MODEL", "-n", 9, "-o", "o.npz"), (Augmenter, "chunks", 1), "nothing is kept, and an"),
    "generate shards": (
        ("generate", "MODEL", "-n", 9, "--shard-size", 3, "-o", "o"),
        (shards, "_write_shard", 2),
        "the shards in 'o' are kept; run the same command again to make the others",
    ),
    "tune": (("tune", "digits", "-o", "m"), (search, "tune", 1), "nothing is kept"),
    "bench": (
        ("bench", "digits", "-o", "b", *QUICK),
        (compare, "_run", 2),
        "1 finished runs are kept in 'b/rows.csv'; run the same command again to go on",
    ),
    "bench before the first run": (("bench", "digits", "-o", "b", *QUICK), (compare, "_run", 1), "no run had finished"),
}


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(("words", "place", "text"), COMMANDS.values(), ids=COMMANDS)
def test_one_line_says_what_is_kept(capsys, model, tmp_path, monkeypatch, number, words, place, text):
    monkeypatch.chdir(tmp_path)
    target, name, call = place
    interrupt_in_call(monkeypatch, target, name, number, call)
    code = command(*(model if word == "MODEL" else word for word in words))
    word, expected = NUMBERS[number]
    err = capsys.readouterr().err
    assert code == expected, err
    assert err.rstrip().splitlines()[-1].startswith(f"{word}: ")
    assert text in err
    assert not [path for path in tmp_path.rglob(".*") if path.name != ".sizes.vaeaug"], "nothing unfinished stays"
    if Path("b/rows.csv").exists():
        assert len(read("b/rows.csv")) == 1


@pytest.mark.parametrize("number", NUMBERS)
def test_fit_keeps_a_checkpoint_and_says_so(digits, tmp_path, monkeypatch, number):
    interrupt_in_call(monkeypatch, training, "_update", number, 4)
    with pytest.raises((KeyboardInterrupt, Terminated)) as stopped:
        fit_vae(digits, steps=9, checkpoint=tmp_path / "c", progress=False)
    note = getattr(stopped.value, "note", "") or str(stopped.value)
    assert note == f"'{tmp_path / 'c'}' keeps the training up to step 4; the same call goes on from there"
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_file_that_is_being_written_is_removed(tmp_path, number):
    def write():
        with files.atomic_write(tmp_path / "v") as new:
            new.write_text("half")
            os.kill(os.getpid(), number)

    with pytest.raises((KeyboardInterrupt, Terminated)):
        write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_waits_until_it_is_delivered(number):
    with deferred() as interrupts:
        os.kill(os.getpid(), number)
        assert interrupts.received == [number]
    with pytest.raises((KeyboardInterrupt, Terminated), match=r"kept|143"):
        interrupts.deliver("what is kept")


@pytest.mark.parametrize("number", NUMBERS)
def test_a_second_signal_acts_at_once(number):
    def interrupt_twice():
        with deferred():
            for _ in range(2):
                os.kill(os.getpid(), number)
            pytest.fail("it went on")

    with pytest.raises((KeyboardInterrupt, Terminated)):
        interrupt_twice()


def test_a_handler_of_the_program_itself_stays():
    heard = []
    signal.signal(signal.SIGTERM, lambda *args: heard.append(1))
    try:
        with terminable(), deferred() as interrupts:
            os.kill(os.getpid(), signal.SIGTERM)
            assert not interrupts
        assert heard == [1]
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_two_benchmarks_do_not_write_to_one_file(tmp_path):
    path = tmp_path / "rows.csv"
    settings = {"per_class": 5, "seeds": 1, "classifiers": "knn", "methods": ["none"], "progress": False}
    with files.claimed(path, overwrite=True):
        child = os.fork()
        if not child:
            try:
                list(compare.compare("digits", results=path, **settings))
            except InputError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_an_unfinished_generator_is_closed_before_python_ends():
    closed = []

    def results():
        try:
            yield RESULT
        finally:
            closed.append(1)

    held = close_at_exit(results())
    next(held)
    signals._close_unfinished()
    assert closed == [1]
