"""Outputs: nothing is lost that the library did not write, whatever writes; everything is checked before any work."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import command
from fake_results import RESULT, results_of

import vaeaug
from vaeaug import VAE, Augmenter, InputError
from vaeaug.bench import compare as compare_module
from vaeaug.bench.report import figures, page
from vaeaug.bench.report.gallery import Grid
from vaeaug.bench.results import Result, append, read
from vaeaug.bench.tuning import search
from vaeaug.data import load
from vaeaug.export import formats
from vaeaug.models import checkpoints
from vaeaug.models.networks import MLP
from vaeaug.runtime import files, locks, outputs, renames, seeds, spreadsheets

RESULTS = results_of(none=[50, 60], vae=[55, 65])
GRID = Grid("a grid", column_titles=("one",), lines=(("row", torch.zeros(1, 1, 8, 8)),))


def small_vae(seed=0, **settings):
    with seeds.forked(seed):
        return VAE((1, 8, 8), **{"latent_dim": 2, "architecture": MLP((4,)), **settings}).eval()


@pytest.fixture(scope="module")
def tabular():
    return Augmenter().fit("wine", steps=5, progress=False)


@pytest.fixture(scope="module")
def models(augmenter, tabular, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    augmenter.save(folder / "images")
    tabular.save(folder / "table")
    return folder


def export(augmenter, path, overwrite=False, n=4):
    formats.save(augmenter.generate(n, seed=n), path, formats.Metadata.of(augmenter.bank_), overwrite=overwrite)


def generate(model, path, overwrite=False):
    if command("generate", model, "-n", 3, "-o", path, *(["--overwrite"] if overwrite else [])):
        raise InputError("as the command line has said")


# Everything that writes one file: the name of the file, and the call.
FILE_DOORS = {
    "VAE.save": ("v.safetensors", lambda path, overwrite, **_: small_vae().save(path, overwrite=overwrite)),
    "export npz": ("o.npz", lambda path, overwrite, augmenter, **_: export(augmenter, path, overwrite)),
    "export csv": ("o.csv", lambda path, overwrite, tabular, **_: export(tabular, path, overwrite)),
    "generate npz": ("o.npz", lambda path, overwrite, models, **_: generate(models / "images", path, overwrite)),
    "generate csv": ("o.csv", lambda path, overwrite, models, **_: generate(models / "table", path, overwrite)),
    "report": ("report.html", lambda path, overwrite, **_: page.write(path, RESULTS, overwrite=overwrite)),
    "grid": ("grid.png", lambda path, overwrite, **_: figures.save_png(GRID, path, overwrite=overwrite)),
}


@pytest.fixture(params=FILE_DOORS)
def writer(request, augmenter, tabular, models):
    """A writer: its name, and a function of a path."""
    name, call = FILE_DOORS[request.param]
    parts = {"augmenter": augmenter, "tabular": tabular, "models": models}
    return name, lambda path, overwrite=False: call(path, overwrite, **parts)


def test_a_folder_in_the_place_of_a_file_stays(writer, tmp_path):
    name, write = writer
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(InputError):
            write(tmp_path / name, overwrite)
    assert (tmp_path / name / "thesis.txt").read_text() == "mine"


def test_a_file_of_something_else_stays_unless_told(writer, tmp_path):
    name, write = writer
    path = tmp_path / name
    path.write_text("mine")
    with pytest.raises(InputError):
        write(path)
    assert path.read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == [name]
    write(path, True)
    assert path.read_bytes()[:4] != b"mine"


def test_an_earlier_output_of_the_same_kind_is_replaced(writer, tmp_path):
    name, write = writer
    write(tmp_path / name)
    names = sorted(p.name for p in tmp_path.iterdir())
    (tmp_path / name).chmod(0o640)
    write(tmp_path / name)
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == names


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_followed(writer, tmp_path, exists):
    name, write = writer
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / f"real{Path(name).suffix}"
    if exists:
        target.write_text("")
    (tmp_path / name).symlink_to(target)
    write(tmp_path / name)
    assert (tmp_path / name).is_symlink()
    assert target.stat().st_size > 0


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/null")])
def test_pipes_and_devices_are_refused(writer, tmp_path, make):
    name, write = writer
    make(tmp_path / name)
    with pytest.raises(InputError):
        write(tmp_path / name, True)


@pytest.mark.parametrize("place", ["file/{}", "{}" * 60, "/proc/{}", "a\0{}", "/dev/full/{}"])
def test_places_that_cannot_be_written_are_refused(writer, tmp_path, monkeypatch, place):
    name, write = writer
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    with pytest.raises(InputError):
        write(Path(place.replace("{}", name)))
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


# Folders as outputs: the call, and a file in a folder that it wrote.
FOLDER_DOORS = {
    "Augmenter.save": lambda path, augmenter, models: augmenter.save(path),
    "export images": lambda path, augmenter, models: export(augmenter, path),
    "generate images": lambda path, augmenter, models: generate(models / "images", path),
}
JUNK = (".DS_Store", "Thumbs.db", "desktop.ini", "._config.json", "@eaDir/x", ".ipynb_checkpoints/a-checkpoint.json")


@pytest.mark.parametrize("write", FOLDER_DOORS.values(), ids=FOLDER_DOORS)
def test_folders_with_anything_else_stay(augmenter, models, tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for place in ("mine", "file", ".", "..", "/proc/x"):
        with pytest.raises(InputError):
            write(Path(place), augmenter, models)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == (tmp_path / "file").read_text() == "mine"
    write(Path("new"), augmenter, models)
    (tmp_path / "new" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError):
        write(Path("new"), augmenter, models)
    assert (tmp_path / "new" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("write", FOLDER_DOORS.values(), ids=FOLDER_DOORS)
def test_what_systems_leave_in_a_folder_does_not_count(augmenter, models, tmp_path, write):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for _ in range(2):
        write(tmp_path / "link", augmenter, models)
        for name in JUNK:
            (tmp_path / "real" / name).parent.mkdir(exist_ok=True)
            (tmp_path / "real" / name).write_text("x")
    assert (tmp_path / "link").is_symlink()


# Before any work: commands, with the input in place of {}.
SAME_PLACE = [
    ("fit", "data.npz", "-o", "data.npz"),
    ("fit", "photos", "-o", "photos"),
    ("fit", "photos", "-o", "photos/model"),
    ("fit", "link", "-o", "photos/model"),
    ("fit", "data.npz", "-o", "m", "--checkpoint", "m"),
    ("fit", "data.npz", "-o", "m", "--checkpoint", "m/state"),
    ("fit", "data.npz", "-o", "m/a", "--checkpoint", "m"),
    ("fit", "data.npz", "-o", "m", "--checkpoint", "data.npz"),
    ("fit", "data.npz", "-o", "m", "--checkpoint", "photos"),
    ("fit", "data.npz", "-o", "m", "--checkpoint", "file/c"),
    ("fit", "data.npz", "-o", "file"),
    ("fit", "data.npz", "-o", "n" * 300),
    ("tune", "data.npz", "-o", "data.npz"),
    ("tune", "photos", "-o", "photos/m"),
    ("tune", "data.npz", "-o", "busy"),
    ("bench", "photos", "-o", "photos"),
    ("bench", "photos", "-o", "photos/run"),
    ("bench", "data.npz", "-o", "file"),
    ("bench", "data.npz", "-o", "foreign-json"),
    ("bench", "data.npz", "-o", "foreign-page"),
    ("bench", "data.npz", "-o", "folder-page"),
    ("bench", "data.npz", "-o", "foreign-rows"),
    ("generate", "MODEL", "-n", "2", "-o", "MODEL"),
    ("generate", "MODEL", "-n", "2", "-o", "MODEL/more.npz"),
    ("generate", "MODEL", "-n", "2", "-o", "data.npz", "--near", "data.npz", "--overwrite"),
    ("generate", "MODEL", "-n", "2", "-o", "photos/cat", "--near", "photos"),
    ("generate", "MODEL", "-n", "2", "-o", "photos/cat", "--near", "photos", "--shard-size", "2"),
    ("generate", "MODEL", "-n", "2", "-o", "file", "--shard-size", "2"),
]


@pytest.mark.parametrize("words", SAME_PLACE, ids=" ".join)
def test_outputs_are_refused_before_any_work(capsys, models, digits, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    for target, name in ((Augmenter, "fit"), (Augmenter, "chunks"), (search, "tune"), (compare_module, "_run_seed")):
        monkeypatch.setattr(target, name, lambda *a, **k: pytest.fail("worked before it looked"))
    np.savez("data.npz", x=digits.x.numpy(), y=digits.y.numpy())
    export_images = digits[:20]
    for i, (x, y) in enumerate(zip(export_images.x, export_images.y, strict=True)):
        folder = Path("photos") / ("cat", "dog")[int(y) % 2]
        folder.mkdir(parents=True, exist_ok=True)
        formats.as_image(x, (0.0, 1.0)).save(folder / f"{i}.png")
    Path("link").symlink_to("photos")
    Path("file").write_text("mine")
    Path("busy.tuning.json").write_text('{"chosen": "by me"}')
    for folder, name in (("foreign-json", "rows.json"), ("foreign-page", "report.html"), ("foreign-rows", "rows.csv")):
        Path(folder).mkdir()
        (Path(folder) / name).write_text("[1, 2]\n")
    (Path("folder-page") / "report.html").mkdir(parents=True)
    before = {path: path.is_file() and path.read_bytes() for path in sorted(tmp_path.rglob("*"))}
    model = models / "images"
    code = command(*(word.replace("MODEL", str(model)) for word in words))
    out, err = capsys.readouterr()
    assert code == 2, err
    assert "Error: expected" in err
    assert out == ""
    assert {path: path.is_file() and path.read_bytes() for path in sorted(tmp_path.rglob("*"))} == before


HUGE = [
    (("generate", "MODEL", "-n", 10**13, "-o", "o.npz"), "free disk"),
    (("generate", "MODEL", "-n", 10**13, "-o", "o", "--shard-size", 10**4), "free disk"),
    (("fit", "digits", "-o", "m", "--batch", 10**10), "GiB of memory"),
    (("fit", "digits", "-o", "m", "--latent", 10**10), "GiB of memory"),
    (("fit", "digits", "-o", "m", "--size", 200000), "less than or equal to 16384"),
    (("bench", "digits", "--seeds", 10**9), "at most 100000 seeds"),
    (("bench", "digits", "--seeds", 10**4, "--jobs", 10**4), "n_jobs of at most"),
]


@pytest.mark.parametrize(("words", "message"), HUGE, ids=lambda value: str(value)[:60])
def test_huge_numbers_are_refused_in_words(capsys, models, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code = command(*(models / "images" if word == "MODEL" else word for word in words))
    err = capsys.readouterr().err
    assert code == 2
    assert message in err
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_generate_refuses_what_does_not_fit_into_memory(augmenter):
    with pytest.raises(InputError, match=r"10000000000000 samples to fit into .* GiB of memory, got .*shards"):
        augmenter.generate(10**13)


# Locks


HOLDER = """
import sys, time
from pathlib import Path
from vaeaug.runtime import files
with files.claimed(sys.argv[1], overwrite=True):
    Path(sys.argv[1] + ".ready").write_text("")
    time.sleep(60)
"""


def start_holder(path):
    env = os.environ | {"PYTHONPATH": str(Path(vaeaug.__file__).parents[1])}
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, path], env=env)
    while not Path(f"{path}.ready").exists():
        time.sleep(0.02)
    Path(f"{path}.ready").unlink()
    return holder


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_second_writer_is_refused_until_the_first_has_ended(tmp_path, number, ctrl_c):
    path = tmp_path / "v"
    holder = start_holder(path)
    try:
        (files.locks.working_folder(path) / "main").write_text("unfinished")
        with pytest.raises(
            InputError, match=rf"one writer at a time for '.*', got a second one beside process {holder.pid}"
        ):
            small_vae().save(path)
        assert (files.locks.working_folder(path) / "main").exists(), "a live writer keeps its files"
    finally:
        holder.send_signal(number)
        holder.wait()
    left = [p.name for p in tmp_path.iterdir()]
    assert left == ([".v.vaeaug"] if number == signal.SIGKILL else [])
    small_vae().save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["v"]


def test_a_lock_is_not_inherited_by_a_forked_process(tmp_path):
    with files.claimed(tmp_path / "v"):
        child = os.fork()
        if not child:
            try:
                small_vae().save(tmp_path / "v")
            except InputError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        small_vae().save(tmp_path / "v")
    assert [p.name for p in tmp_path.iterdir()] == ["v"]


def test_without_locks_and_exchange_files_are_written_all_the_same(augmenter, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    monkeypatch.setattr(renames, "_renameat2", lambda: None)
    for _ in range(2):
        augmenter.save(tmp_path / "m")
        small_vae().save(tmp_path / "v")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m", "v"]


def test_a_folder_moved_aside_by_a_killed_call_is_put_back_by_load_and_save(augmenter, tmp_path):
    for again in (lambda: Augmenter.load(tmp_path / "m"), lambda: augmenter.save(tmp_path / "m")):
        augmenter.save(tmp_path / "m")
        work = locks.working_folder(tmp_path / "m")
        work.mkdir()
        (tmp_path / "m").rename(work / "old")
        again()
        assert [p.name for p in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), "enough disk space .*free some space"),
        (OSError(122, "Disk quota exceeded"), "enough disk space .*free some space"),
        (OSError(30, "Read-only file system"), "a writable path .*choose a folder that you may write to"),
        (OSError(27, "File too large"), "a writable path .*takes files of this size"),
        (OSError(5, "Input/output error"), "a writable path .*check the disk"),
    ],
)
def test_the_remedy_fits_the_error(tmp_path, monkeypatch, error, message):
    def fail(*args):
        raise error

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    with pytest.raises(InputError, match=message):
        small_vae().save(tmp_path / "v")
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_something_else_is_not_called_one_of_writing(tmp_path):
    with pytest.raises(FileNotFoundError), files.atomic_write(tmp_path / "v"):
        (tmp_path / "input").read_text()
    assert outputs.is_write_error(OSError(28, "No space left on device"), [tmp_path])


def test_a_file_that_appears_while_another_is_written_stays(tmp_path):
    def write():
        with files.atomic_write(tmp_path / "v") as new:
            new.write_text("ours")
            (tmp_path / "v").write_text("mine")

    with pytest.raises(InputError, match="a new file"):
        write()
    assert (tmp_path / "v").read_text() == "mine"


# What is written


def test_the_same_seed_gives_the_same_bytes(digits, tmp_path):
    contents = set()
    for name in ("a", "b", "c"):
        vaeaug.fit_vae(digits, steps=3, latent_dim=2, seed=1, progress=False).save(tmp_path / name)
        contents.add((tmp_path / name).read_bytes())
    assert len(contents) == 1
    augmenters = []
    for name in ("d", "e"):
        Augmenter().fit(digits, steps=3, seed=1, progress=False).save(tmp_path / name)
        augmenters.append({p.name: p.read_bytes() for p in sorted((tmp_path / name).iterdir())})
    assert augmenters[0] == augmenters[1]


TEXTS = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\tx",
    "'=1",
    "''=1",
    "'tis",
    "cat",
    "-1.5",
    "+7",
    "1e-3",
    "",
    "=",
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_cells_are_no_formulas(text, tmp_path):
    escaped = spreadsheets.escape(text)
    assert spreadsheets.unescape(escaped) == text
    assert escaped[:1] not in tuple("=+-@\t") or spreadsheets.NUMBER.fullmatch(text)
    path = tmp_path / "rows.csv"
    append(path, Result(**{**vars(RESULT), "data": text}))
    assert read(path)[0].data == text
    assert f"\n{escaped}," in path.read_text() or f'\n"{escaped}' in path.read_text()


def test_formulas_in_names_of_exported_tables(tabular, tmp_path):
    metadata = formats.Metadata(("=1+1", "-2+3", "cat"), columns=(*(f"={i}" for i in range(13)), "@kind"))
    formats.save(tabular.generate(9, seed=0), tmp_path / "o.csv", metadata)
    cells = [cell for line in (tmp_path / "o.csv").read_text().splitlines() for cell in line.split(",")]
    assert not [cell for cell in cells if cell[0] in "=+-@" and not spreadsheets.NUMBER.fullmatch(cell)]
    again = load(tmp_path / "o.csv")
    assert again.columns == metadata.columns
    assert set(again.names) == {"=1+1", "-2+3", "cat"}


def test_names_that_no_file_can_hold_are_refused_first(tabular, tmp_path):
    metadata = formats.Metadata.of(tabular.bank_)
    for names in (("a\udcff", "b", "c"),):
        with pytest.raises(InputError, match="names of classes and columns in UTF-8"):
            formats.save(tabular.generate(2), tmp_path / "o.csv", formats.Metadata(names, columns=metadata.columns))
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_is_not_written_with_nan(tmp_path):
    module = torch.nn.Linear(1, 1)
    with torch.no_grad():
        module.weight.fill_(float("nan"))
    with pytest.raises(vaeaug.runtime.errors.Diverged, match="expected finite weights"):
        checkpoints.save(module, torch.optim.AdamW(module.parameters()), tmp_path / "c", 1, "")
    assert list(tmp_path.iterdir()) == []


def test_results_as_json_have_null_for_nan(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("bench", "wine", "--per-class", 5, "--seeds", 1, "--classifier", "svc", "--method", "none", "-o", "r")
    assert command(*words) == 0, capsys.readouterr().err
    assert json.loads(Path("r/rows.json").read_text())[0]["method"] == "none"
    assert load("wine").counts
