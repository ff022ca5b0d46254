"""Kills a writer at every change of the file system: the old or the new content is there, and the next call cleans up."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from command_line import command
from fake_results import RESULT, results_of

from vaeaug import VAE, Augmenter, fit_vae
from vaeaug.bench.report import page
from vaeaug.bench.results import append, read
from vaeaug.bench.tuning import search
from vaeaug.bench.tuning.candidates import TuningResult
from vaeaug.choice.candidates import NONE
from vaeaug.choice.search import Choice
from vaeaug.choice.trials import CandidateScore
from vaeaug.export import formats, shards
from vaeaug.models.networks import MLP
from vaeaug.runtime import files, locks, renames, seeds

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
CHANGES = {"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link", "os.truncate", "os.chmod"}
WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def is_change(event, arguments, folder):
    if event == "open":
        path, _, flags = arguments
        return isinstance(path, str | bytes) and bool(flags & WRITE_FLAGS) and os.fsdecode(path).startswith(str(folder))
    return event in CHANGES


def killed_at(number, write, folder):
    """Runs a writer in a process that is killed at its n-th change of the file system; returns whether it came that far."""
    child = os.fork()
    if not child:
        count = 0

        def change(event, *arguments):
            nonlocal count
            if event == "exchange" or is_change(event, arguments[0], folder):
                count += 1
                if count == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        exchange = renames.rename

        def rename(*arguments):
            change("exchange")  # called through ctypes, which has no audit event
            return exchange(*arguments)

        renames.rename = rename
        sys.addaudithook(change)
        try:
            write()
        except BaseException:
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the writer failed by itself"
    return os.WIFSIGNALED(status)


def content(folder):
    """Returns the bytes of every file, without what is unfinished."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = {path.relative_to(folder): path for path in paths}
    return {
        part.as_posix(): path.read_bytes()
        for part, path in parts.items()
        if not any(locks.is_working_folder(Path(name)) for name in part.parts)
    }


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def check_every_kill(tmp_path, write, old, whole):
    """Kills `write` at each of its changes, from the same old state each time.

    Arguments:
        tmp_path: A folder.
        write: Writes into a folder.
        old: Prepares what is there before; it may do nothing.
        whole: Takes what a kill has left, what was there before and what is there after, as `content` returns them, and the
            folder; returns whether nothing is lost.
    """
    prepared, folder, clean = tmp_path / "prepared", tmp_path / "here", tmp_path / "clean"
    prepared.mkdir()
    old(prepared)
    shutil.copytree(prepared, clean)
    write(clean)
    before, after = content(prepared), content(clean)
    number = 0
    while True:
        number += 1
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(prepared, folder)
        if not killed_at(number, lambda: write(folder), folder):
            break
        assert whole(content(folder), before, after, folder), f"after change {number}"
        write(folder)
        assert names(folder) == names(clean), f"after change {number}"
        assert content(folder) == after, f"after change {number}"
    assert number > 3, "it was killed"


def old_or_new(left, before, after, folder):
    return left in (before, after)


def vae(seed):
    with seeds.forked(seed):
        return VAE((1, 8, 8), latent_dim=2, architecture=MLP((4,)))


@pytest.mark.parametrize("exists", [False, True])
def test_a_file(tmp_path, exists):
    old = (lambda folder: vae(0).save(folder / "v")) if exists else (lambda folder: None)
    check_every_kill(tmp_path, lambda folder: vae(1).save(folder / "deep" / ".." / "v"), old, old_or_new)


@pytest.mark.parametrize("exists", [False, True])
def test_a_report(tmp_path, exists):
    old = (
        (lambda folder: page.write(folder / "r.html", results_of(none=[1], vae=[2]))) if exists else lambda folder: None
    )
    write = lambda folder: page.write(folder / "r.html", results_of(none=[50, 60], vae=[55, 65]))  # noqa: E731
    check_every_kill(tmp_path, write, old, old_or_new)


def test_an_augmenter(augmenter, digits, tmp_path):
    other = Augmenter().fit(digits, steps=2, progress=False)
    check_every_kill(
        tmp_path, lambda folder: augmenter.save(folder / "m"), lambda folder: other.save(folder / "m"), old_or_new
    )


def test_an_augmenter_where_folders_cannot_change_places(augmenter, digits, tmp_path, monkeypatch):
    monkeypatch.setattr(renames, "_renameat2", lambda: None)
    other = Augmenter().fit(digits, steps=2, progress=False)

    def whole(left, before, after, folder):
        Augmenter.load(folder / "m")  # puts it back
        return content(folder) in (before, after)

    check_every_kill(
        tmp_path, lambda folder: augmenter.save(folder / "m"), lambda folder: other.save(folder / "m"), whole
    )


def export(augmenter, path, seed):
    formats.save(augmenter.generate(5, seed=seed), path, formats.Metadata.of(augmenter.bank_))


@pytest.mark.parametrize("name", ["o.npz", "o"])
def test_exported_images(augmenter, tmp_path, name):
    write = lambda folder: export(augmenter, folder / name, 1)  # noqa: E731
    check_every_kill(tmp_path, write, lambda folder: export(augmenter, folder / name, 0), old_or_new)


@pytest.mark.parametrize("exists", [False, True])
def test_a_table_and_its_parents_are_never_mixed(tmp_path, exists):
    augmenter = Augmenter().fit("wine", steps=5, progress=False)
    old = (lambda folder: export(augmenter, folder / "o.csv", 0)) if exists else (lambda folder: None)

    def whole(left, before, after, folder):
        parents = left.get("o.parents.csv")
        of_old = left.get("o.csv") == before.get("o.csv") and parents in (None, before.get("o.parents.csv"))
        return of_old or (left["o.csv"] == after["o.csv"] and parents in (None, after["o.parents.csv"]))

    check_every_kill(tmp_path, lambda folder: export(augmenter, folder / "o.csv", 1), old, whole)


@pytest.mark.parametrize("format", ["webdataset", "images", "csv"])
def test_shards(augmenter, tmp_path, format):
    made = Augmenter().fit("wine", steps=5, progress=False) if format == "csv" else augmenter

    def write(folder):
        shards.write(made, folder / "o", 6, shard_size=3, seed=0, format=format, progress=False)

    def whole(left, before, after, folder):
        manifest = "o/manifest.json"
        return all(text == after[name] for name, text in left.items() if name != manifest)

    check_every_kill(tmp_path, write, lambda folder: None, whole)


def test_a_line_of_results_that_is_cut_off_anywhere_is_written_again(tmp_path):
    path, results = tmp_path / "rows.csv", results_of(none=[50], vae=[55])
    append(path, results[0])
    before = path.read_bytes()
    append(path, results[1])
    after = path.read_bytes()
    for size in range(len(before), len(after)):
        path.write_bytes(after[:size])
        assert repr(read(path)) == repr(results[:1])
        append(path, results[1])
        assert path.read_bytes() == after


def test_results_of_an_older_version(tmp_path):
    columns = "auc,log_loss,calibration_error"

    def old(folder):
        append(folder / "rows.csv", RESULT)
        lines = (folder / "rows.csv").read_text().splitlines()
        text = [lines[0].removesuffix(f",{columns}"), lines[1].removesuffix(",nan,nan,nan")]
        (folder / "rows.csv").write_text("\n".join([*text, ""]))

    def write(folder):
        with files.claimed(folder / "rows.csv", overwrite=True):  # as `compare` does
            if len(read(folder / "rows.csv")) == 1:
                append(folder / "rows.csv", results_of(vae=[60])[0])

    check_every_kill(tmp_path, write, old, lambda left, before, after, folder: len(read(folder / "rows.csv")) in (1, 2))


def test_a_checkpoint(digits, tmp_path):
    def fit(folder, steps=6):
        vae = fit_vae(
            digits, steps=steps, latent_dim=2, architecture=MLP((4,)), progress=False, checkpoint=folder / "c"
        )
        vae.save(folder / "v")

    whole = lambda left, before, after, folder: all(text == after[name] for name, text in left.items())  # noqa: E731
    check_every_kill(tmp_path, fit, lambda folder: None, whole)


def successful(*words):
    assert command(*words) == 0


COMMANDS = {
    "fit": lambda folder, model: (
        "fit",
        "wine",
        "--steps",
        2,
        "--latent",
        2,
        "--checkpoint",
        folder / "c",
        "-o",
        folder / "m",
    ),
    "generate npz": lambda folder, model: ("generate", model, "-n", 3, "-o", folder / "o.npz"),
    "generate images": lambda folder, model: ("generate", model, "-n", 3, "-o", folder / "o"),
    "generate shards": lambda folder, model: ("generate", model, "-n", 4, "--shard-size", 2, "-o", folder / "o"),
    "tune": lambda folder, model: ("tune", "digits", "-o", folder / "m"),
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_commands(augmenter, tmp_path, monkeypatch, words, request):
    folder = tmp_path / "model"
    augmenter.save(folder)
    scores = (CandidateScore(NONE, 90.0, 0.0, 0.0, 2, 1.0),)
    choice = Choice(NONE, None, "out of time", scores, (), "accuracy", 2, 1, 0)
    result = TuningResult(choice, True, 300, None, 1.0, 0.5)
    monkeypatch.setattr(search, "tune", lambda *args, **kwargs: (augmenter, result))
    whole = lambda left, before, after, folder: all(  # noqa: E731
        text == after[name] for name, text in left.items() if Path(name).name != "manifest.json"
    )
    check_every_kill(tmp_path, lambda here: successful(*words(here, folder)), lambda here: None, whole)


def test_bench(tmp_path):
    def write(folder):
        words = ("--per-class", 5, "--seeds", 1, "--classifier", "knn", "--method", "none", "--jobs", 1)
        successful("bench", "wine", *words, "-o", folder / "b")

    def lines(text):
        # Seconds differ.
        return [line.split(",")[:10] for line in text.decode().splitlines()]

    folder = tmp_path / "here"
    number, whole = 0, True
    while whole:
        number += 1
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        whole = killed_at(number, lambda: write(folder), folder)
        write(folder)
        assert names(folder) == ["b", "b/comparisons.json", "b/report.html", "b/rows.csv", "b/rows.json"]
        assert len(read(folder / "b" / "rows.csv")) == 1
    assert number > 10
