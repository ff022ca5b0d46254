import csv
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from command_line import command
from PIL import Image

from vaeaug import Augmenter, InputError, __version__, cli
from vaeaug.bench import regimes
from vaeaug.bench.methods import Catalogue
from vaeaug.bench.results import read
from vaeaug.bench.tuning import search
from vaeaug.bench.tuning.candidates import VAE_FOR_NETWORKS, TuningResult
from vaeaug.choice.candidates import NONE, Candidate
from vaeaug.choice.search import Choice
from vaeaug.choice.trials import CandidateScore
from vaeaug.cli import options, values
from vaeaug.data import NAMES, load
from vaeaug.export import shards
from vaeaug.models.classifiers import ESTIMATORS, NETWORKS
from vaeaug.models.spaces import SPACE_NAMES
from vaeaug.perturb import PERTURBATIONS, Difference

COMMANDS = tuple(command.callback.__name__ for command in cli.app.registered_commands)


def vaeaug(capsys, *words):
    """Runs the command line as a shell would; returns its exit code, output and errors, without lines of progress."""
    code = command(*words)
    out, err = capsys.readouterr()
    return code, out, re.sub(r"^[^\n]+: \d+ %, .*\n", "", err, flags=re.M)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "model"
    Augmenter().fit("digits", steps=20, progress=False).save(folder)
    return folder


def test_fit_then_generate(capsys, tmp_path):
    code, out, _ = vaeaug(
        capsys, "fit", "digits", "-o", tmp_path / "m", "--steps", 5, "--perturb", "covariance", "--scale", 0.7
    )
    assert code == 0
    assert "1797 samples in 10 classes" in out
    assert repr(Augmenter.load(tmp_path / "m").perturb) == "Covariance(scale=0.7, pooled=True)"
    assert vaeaug(capsys, "generate", tmp_path / "m", "-n", 3, "-o", tmp_path / "o.npz")[0] == 0
    with np.load(tmp_path / "o.npz", allow_pickle=False) as arrays:
        assert arrays["x"].shape == (3, 1, 8, 8)
        assert set(arrays.files) == {"x", "y", "parent", "confidence", "names"}


def test_image_folder_with_a_manifest_that_loads_again(capsys, model, tmp_path):
    assert vaeaug(capsys, "generate", model, "-n", 12, "--labels", "3,8", "-o", tmp_path / "o")[0] == 0
    with (tmp_path / "o" / "manifest.csv").open() as file:
        records = list(csv.DictReader(file))
    assert [row["label"] for row in records] == ["3", "8"] * 6
    real = load("digits")
    for row in records:
        assert (tmp_path / "o" / row["file"]).is_file()
        assert row["name"] == str(real.y[int(row["parent"])].item())
    again = load(tmp_path / "o")
    assert again.names == ("3", "8")
    assert again.counts == [6, 6]
    assert again.event_shape == (1, 8, 8)
    # A folder of ours may be written anew; the images that it had are gone then.
    assert vaeaug(capsys, "generate", model, "-n", 4, "-o", tmp_path / "o")[0] == 0
    assert len(list((tmp_path / "o").rglob("*.png"))) == 4


def test_near_an_image_and_a_folder(capsys, model, tmp_path):
    for i in range(3):
        pixels = (load("digits").x[i, 0] * 255).byte().numpy()
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{i}.png")
    for near, parents in ((tmp_path / "in", [0, 1, 2, 0, 1]), (tmp_path / "in" / "2.png", [0] * 5)):
        code, _, err = vaeaug(
            capsys, "generate", model, "-n", 5, "--near", near, "--scale", 0, "-o", tmp_path / "o.npz"
        )
        assert (code, err) == (0, "")
        with np.load(tmp_path / "o.npz") as arrays:
            assert arrays["parent"].tolist() == parents
            first_image = arrays["x"][0, 0]
    assert np.array_equal((first_image * 255).round(), pixels)
    # Photos of another size, as 'fit --size' takes them.
    Image.fromarray(pixels).resize((24, 16), Image.Resampling.NEAREST).save(tmp_path / "large.png")
    words = ("generate", model, "-n", 1, "--near", tmp_path / "large.png", "--scale", 0, "-o", tmp_path / "o.npz")
    assert "expected near of shape" in vaeaug(capsys, *words)[2]
    assert vaeaug(capsys, *words, "--size", 8)[::2] == (0, "")
    with np.load(tmp_path / "o.npz") as arrays, Image.open(tmp_path / "large.png") as large:
        assert np.array_equal((arrays["x"][0, 0] * 255).round(), np.asarray(large.resize((8, 8))))


def test_same_seed_same_bytes(capsys, model, tmp_path):
    for name in ("a", "b"):
        vaeaug(capsys, "generate", model, "-n", 5, "--seed", 4, "-o", tmp_path / name)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.png"))
    assert len(files) == 5
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)


def test_tabular_data_as_csv_and_near_a_csv(capsys, tmp_path):
    real = load("wine")
    header = ",".join(["kind", *(f"f{i}" for i in range(13))])
    lines = [f"w{y}," + ",".join(map(str, x)) for x, y in zip(real.x.tolist(), real.y.tolist(), strict=True)]
    (tmp_path / "wine.csv").write_text("\n".join([header, *lines]))
    model = tmp_path / "m"
    words = ("fit", tmp_path / "wine.csv", "--label", "kind", "--steps", 5, "-o", model)
    assert vaeaug(capsys, *words)[0] == 0
    assert vaeaug(capsys, "generate", model, "-n", 6, "--labels", "w0,w2", "-o", tmp_path / "o.csv")[0] == 0
    assert (tmp_path / "o.csv").read_text().startswith(header), "the label stands where it stood"
    again = load(tmp_path / "o.csv", label_column="kind")
    assert again.names == ("w0", "w2")
    assert again.columns == (*(f"f{i}" for i in range(13)), "kind")
    with (tmp_path / "o.parents.csv").open() as file:
        parents = [int(row["parent"]) for row in csv.DictReader(file)]
    assert real.y[parents].tolist() == [0, 2] * 3

    (tmp_path / "near.csv").write_text("\n".join([header, lines[100], lines[3]]))
    (tmp_path / "bare.csv").write_text("\n".join(line.partition(",")[2] for line in [header, lines[100], lines[3]]))
    np.savez(tmp_path / "near.npz", x=real.x[[100, 3]].numpy())
    for name, label in (("near.csv", ("--label", "kind")), ("bare.csv", ()), ("near.npz", ())):
        words = ("--near", tmp_path / name, *label, "--scale", 0, "-o", tmp_path / "near-o.csv")
        code, _, err = vaeaug(capsys, "generate", model, "-n", 3, *words)
        assert (code, err) == (0, "")
        assert np.allclose(load(tmp_path / "near-o.csv", label_column="kind").x, real.x[[100, 3, 100]], rtol=1e-6)
    (tmp_path / "mine.csv").write_text("a,b\n1,2\n")
    code, _, err = vaeaug(capsys, "generate", model, "-n", 3, "-o", tmp_path / "mine.csv")
    assert (code, (tmp_path / "mine.csv").read_text()) == (2, "a,b\n1,2\n")
    assert "which vaeaug did not write; choose another name" in err


def test_the_manifest_names_the_files_of_parents(capsys, model, tmp_path):
    for i in range(40):
        folder = tmp_path / "in" / ("even", "odd")[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((load("digits").x[i, 0] * 255).byte().numpy()).save(folder / f"{i}.png")
    vaeaug(capsys, "fit", tmp_path / "in", "--steps", 5, "-o", tmp_path / "m")
    for words, parents in (
        ((tmp_path / "m", "--scale", 0), {f"{w}/{i}.png" for i in range(40) for w in (("even", "odd")[i % 2],)}),
        ((model, "--near", tmp_path / "in" / "odd"), {f"{i}.png" for i in range(1, 40, 2)}),
    ):
        assert vaeaug(capsys, "generate", *words, "-n", 40, "-o", tmp_path / "o")[0] == 0
        with (tmp_path / "o" / "manifest.csv").open() as file:
            records = list(csv.DictReader(file))
        assert {row["parent_file"] for row in records} == parents
    assert vaeaug(capsys, "generate", tmp_path / "m", "-n", 40, "--scale", 0, "-o", tmp_path / "p")[0] == 0
    with (tmp_path / "p" / "manifest.csv").open() as file:
        for row in csv.DictReader(file):
            paths = f"p/{row['file']}", f"in/{row['parent_file']}"
            copy, parent = (np.array(Image.open(tmp_path / path)) for path in paths)
            assert np.array_equal(copy, parent if parent.ndim == 2 else parent[..., 0])


def test_bench_writes_results_a_table_and_a_report(capsys, tmp_path):
    words = ("bench", "digits", "--per-class", 5, "--seeds", 2, "--steps", 5, "--vae-steps", 5, "-o", tmp_path / "run")
    code, out, _ = vaeaug(capsys, *words)
    assert code == 0
    assert "\nclassical + synthetic " in out
    assert "points over classical + MixUp" in out
    names = {p.name for p in (tmp_path / "run").iterdir()}
    assert {"rows.csv", "rows.json", "comparisons.json", "report.html"} < names
    (augmenter,) = names - {"rows.csv", "rows.json", "comparisons.json", "report.html"}
    assert Augmenter.load(tmp_path / "run" / augmenter).bank_.samples.counts == [5] * 10
    csv_text = (tmp_path / "run" / "rows.csv").read_bytes()
    results = json.loads((tmp_path / "run" / "rows.json").read_text())
    assert [r["method"] for r in results] == [m.name for m in Catalogue("digits").standard] * 2
    assert vaeaug(capsys, *words)[1] == out, "a finished run is not run again"
    assert (tmp_path / "run" / "rows.csv").read_bytes() == csv_text


def test_bench_of_a_csv(capsys, tmp_path):
    samples = load("wine")
    lines = [",".join(f"a{i}" for i in range(13)) + ",kind"] + [
        ",".join(map(str, x)) + f",w{y}" for x, y in zip(samples.x.tolist(), samples.y.tolist(), strict=True)
    ]
    (tmp_path / "wine.csv").write_text("\n".join(lines))
    code, out, err = vaeaug(
        capsys, "bench", tmp_path / "wine.csv", "--per-class", "10,8,6", "--seeds", 1, "--vae-steps", 5,
        "--classifier", "logistic", "-o", tmp_path / "run",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "wine, 10,8,6 training samples per class" in out
    assert (tmp_path / "run" / "report.html").is_file()


def test_bench_with_your_own_test_data_and_classical_augmentation(capsys, tmp_path):
    samples = load("digits")
    for name, split in (("train", samples[:900]), ("test", samples[900:])):
        np.savez(tmp_path / f"{name}.npz", x=split.x.numpy(), y=split.y.numpy())
    path = tmp_path / "run" / "rows.csv"
    words = ("bench", tmp_path / "train.npz", "--per-class", 40, "--seeds", 1, "--classifier", "knn", "-o", path.parent)
    methods = ("--method", "none", "--method", "classical", "--method", "MixUp")
    moves = ("--flip", "--shift", 0.2, "--cutout", 0.5)
    code, out, _ = vaeaug(capsys, *words, *methods, *moves, "--test", tmp_path / "test.npz")
    assert code == 0
    assert "knn: left out MixUp: it mixes labels or needs a network in training." in out
    results = {result.method: result for result in read(path)}
    assert sum(map(int, results["none"].confusion.replace("/", " ").split())) == len(samples) - 900
    vaeaug(capsys, *words, "--method", "classical", "--test", tmp_path / "test.npz")
    (mild,) = read(path)[2:]
    assert mild.accuracy > results["classical"].accuracy
    code, _, err = vaeaug(capsys, *words, "--per-class", 60)
    assert code == 2
    assert (
        "expected at least 60 samples per class to train on, got 44 of class 8 (8): half of the data is held out" in err
    )
    assert "or pass test data of your own (--test on the command line)" in err


def test_bench_of_a_named_regime_needs_its_classes(capsys, tmp_path):
    code, _, err = vaeaug(capsys, "bench", "wine", "--per-class", "imbalanced", "-o", tmp_path / "run")
    assert (code, err) == (2, "Error: expected one count or 3 counts, got 10 counts; give one count per class\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fit", "nothing", "-o", "m"), "expected one of digits, breast-cancer"),
        (("generate", "MODEL", "-n", "0", "-o", "o"), "expected n to be a whole number from 1 up, got 0"),
        (("generate", "MODEL", "-n", "-4", "-o", "o"), "expected n to be a whole number from 1 up, got -4"),
        (("generate", "MODEL", "-n", "2", "--labels", "cat", "-o", "o"), "expected classes among 0, 1, 2"),
        (("generate", "MODEL", "-n", "2", "-o", "o.csv"), "expected an .npz or a folder for images, got 'o.csv'"),
        (("generate", "MODEL", "-n", "2", "--device", "warp", "-o", "o"), "expected a device that torch can use here"),
        (("generate", "MODEL", "-n", "2", "--shard-size", "0", "-o", "o"), "expected shard_size to be a whole number"),
        (("generate", "MODEL", "-n", "2", "--format", "zip", "-o", "o"), "expected format to be one of webdataset"),
        (("generate", "MODEL", "-n", "2", "--near", "latin.csv", "-o", "o"), "expected"),
        (("generate", "MODEL", "-n", "2", "--perturb", "shake", "-o", "o"), "expected perturb to be one of posterior"),
        (
            ("generate", "MODEL", "-n", "2", "--near", "photo.png", "-o", "o"),
            r"expected near of shape (B, 1, 8, 8), got (1, 1, 9, 9)",
        ),
        (("generate", "MODEL", "-n", "2", "-o", "FULL"), "expected a new or empty output folder"),
        (("bench", "digits", "--scale", "2"), "expected --perturb with --scale, got none"),
        (("bench", "--arm", "none"), "expected the option --method, got --arm 'none'; --arm is now called --method"),
        (("tune", "digits", "-o", "m", "--classifier", "resnet"), "expected classifier to be one of cnn"),
        (("methods", "nothing"), "expected one of digits"),
        (
            ("generate", "nothing", "-n", "1", "-o", "o"),
            "expected a folder that 'vaeaug fit' wrote, got 'nothing', which",
        ),
        (
            ("generate", "MODEL", "-n", "2", "--near", "nothing", "-o", "o"),
            "expected an image, a folder of images or of class folders, an .npz",
        ),
        (("bench", "digits", "--per-class", "ten"), "expected whole numbers with commas between, got 'ten'"),
        (("bench", "digits", "--classifier", "resnet"), "expected classifier to be one of cnn"),
        (("bench", "fashion"), "expected one of digits"),
        (("bench", "digits", "-o", "photo.png/x"), "expected a writable path"),
        (("bench", "CUT"), "expected arrays x and y of numbers"),
        (("bench", "latin.csv"), "expected comma-separated UTF-8 text"),
        (("bench", "broken"), "expected an image, got 'broken/cat/0.png', which is none"),
    ],
)
def test_bad_input_is_one_line_and_code_2(capsys, model, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (9, 9)).save("photo.png")
    (tmp_path / "FULL").mkdir()
    (tmp_path / "FULL" / "thesis.txt").write_text("mine")
    np.savez("whole.npz", x=np.zeros((40, 1, 8, 8)), y=np.arange(40) % 2)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:900])
    (tmp_path / "latin.csv").write_bytes("größe,y\n1,0\n".encode("latin-1"))
    (tmp_path / "broken" / "cat").mkdir(parents=True)
    (tmp_path / "broken" / "cat" / "0.png").write_bytes(b"no picture")
    before = sorted(tmp_path.rglob("*"))
    names = {"MODEL": model, "CUT": "cut.npz"}
    code, out, err = vaeaug(capsys, *[names.get(word, word) for word in words])
    assert code == 2
    assert message in err
    assert err.startswith("Error: expected")
    assert err.count("\n") == 1
    assert out == ""
    assert sorted(tmp_path.rglob("*")) == before, "nothing is half-written"


def test_a_model_is_not_overwritten_by_samples(capsys, model):
    before = sorted(model.iterdir())
    code, _, err = vaeaug(capsys, "generate", model, "-n", 1, "-o", model)
    assert code == 2
    assert "expected a new or empty output folder" in err
    assert sorted(model.iterdir()) == before


def test_a_folder_with_anything_else_in_it_is_not_replaced(capsys, model, tmp_path):
    vaeaug(capsys, "generate", model, "-n", 2, "-o", tmp_path / "o")
    (tmp_path / "o" / "thesis.txt").write_text("mine")
    code, _, err = vaeaug(capsys, "generate", model, "-n", 2, "-o", tmp_path / "o")
    assert code == 2
    assert "which has other files" in err
    assert (tmp_path / "o" / "thesis.txt").read_text() == "mine"


def test_a_failure_while_replacing_brings_the_old_folder_back(capsys, model, tmp_path, monkeypatch):
    vaeaug(capsys, "generate", model, "-n", 2, "-o", tmp_path / "o")
    before = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*"))

    def interrupted(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", interrupted)
    vaeaug(capsys, "generate", model, "-n", 2, "--seed", 1, "-o", tmp_path / "o")
    monkeypatch.undo()
    assert sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*")) == before


def test_fit_looks_at_the_output_first(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(Augmenter, "fit", lambda *args, **kwargs: pytest.fail("trained before looking"))
    (tmp_path / "thesis.txt").write_text("mine")
    code, _, err = vaeaug(capsys, "fit", "digits", "-o", tmp_path)
    assert code == 2
    assert "expected a new or empty folder" in err


QUICK = ("--per-class", 5, "--seeds", 1, "--vae-steps", 5)


def test_bench_without_a_baseline(capsys, tmp_path):
    words = ("bench", "digits", *QUICK, "--classifier", "knn", "-o", tmp_path / "run")
    code, _, err = vaeaug(capsys, *words, "--method", "synthetic", "--method", "duplicates")
    assert (code, err) == (0, "")
    assert (tmp_path / "run" / "report.html").is_file()


def test_bench_prints_the_answer_first(capsys, tmp_path):
    words = ("bench", "digits", *QUICK, "--classifier", "knn", "-o", tmp_path / "run")
    names = ("none", "synthetic (extrapolate)", "one VAE per class", "synthetic (PCA)")
    code, out, err = vaeaug(capsys, *words, *(word for name in names for word in ("--method", name)))
    assert (code, err) == (0, "")
    # The only comparison of ours with a baseline is the primary one.
    assert [line for line in out.splitlines() if line.startswith("knn:")] == []
    assert "Primary comparison, knn: synthetic (extrapolate) against none: " in out
    assert out.index("Primary comparison") < out.index("\nmethod")
    assert "What the VAE adds over the best control: " in out
    content = json.loads((tmp_path / "run" / "comparisons.json").read_text())
    assert [c["method"] for c in content["primary"]] == ["synthetic (extrapolate)"]


def test_bench_prints_sentences_about_our_methods(capsys, tmp_path):
    words = ("bench", "digits", *QUICK, "--classifier", "knn", "-o", tmp_path / "run")
    names = ("none", "classical", "synthetic (extrapolate)", "classical + synthetic", "one VAE per class")
    code, out, err = vaeaug(capsys, *words, *(word for name in names for word in ("--method", name)))
    assert (code, err) == (0, "")
    sentences = [line for line in out.splitlines() if line.startswith("knn:")]
    # Over the primary comparison's baseline, then over none; the primary comparison itself stands first.
    ours = ["synthetic (extrapolate)", "synthetic (extrapolate)", "classical + synthetic"]
    assert len(sentences) == 3
    assert all(text.startswith(f"knn: {name}") for text, name in zip(sentences, ours, strict=True)), sentences
    assert "Primary comparison, knn: classical + synthetic against classical: " in out


def test_bench_with_a_perturbation_and_unlabelled_samples(capsys, tmp_path):
    words = ("bench", "digits", *QUICK, "--steps", 1, "--perturb", "Covariance", "--scale", 0.5, "--unlabelled", 30)
    code, out, err = vaeaug(capsys, *words, "--method", "synthetic (covariance)", "-o", tmp_path / "run")
    assert (code, err) == (0, "")
    assert "synthetic (covariance), unlabelled pool" in out
    assert "Covariance(scale=0.5, pooled=True)" in (tmp_path / "run" / "report.html").read_text()


def test_bench_of_an_unknown_method_names_similar_ones(capsys, tmp_path):
    code, _, err = vaeaug(capsys, "bench", "digits", "--method", "synthetics", "-o", tmp_path / "run")
    assert code == 2
    assert "expected the name of a method, got 'synthetics'; similar names: synthetic; " in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("words", "images"), [((), True), (("digits",), True), (("wine",), False)])
def test_methods_lists_names_by_kind(capsys, words, images):
    code, out, err = vaeaug(capsys, "methods", *words)
    assert (code, err) == (0, "")
    kinds = {}
    for line in out.splitlines():
        if line.endswith(":"):
            kinds[line[:-1]] = names = []
        else:
            names.append(line.strip())
    catalogue = Catalogue("".join(words), images=images)
    assert list(kinds) == ["ours", "baseline", "control", "generator", "equal time"]
    for kind, names in kinds.items():
        assert names == [m.name for m in catalogue.all if m.kind == kind and m.supports("mlp", images)]


@pytest.mark.parametrize("name", ["folder", "images.npz", "table.npz", "table.csv"])
def test_methods_for_your_own_data(capsys, tmp_path, name):
    (tmp_path / "folder").mkdir()
    np.savez(tmp_path / "images.npz", x=np.zeros((4, 8, 8)), y=np.arange(4) % 2)
    np.savez(tmp_path / "table.npz", x=np.zeros((4, 3)), y=np.arange(4) % 2)
    (tmp_path / "table.csv").write_text("a,b\n1,x\n2,y\n")
    out = vaeaug(capsys, "methods", tmp_path / name)[1]
    assert ("classical + synthetic (interpolate)" in out) == name.startswith("table")
    assert ("CutMix" in out) == (not name.startswith("table"))


def test_tune_saves_an_augmenter_and_a_report(capsys, tmp_path):
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(0).normal(size=(40, 4)), y=np.arange(40) % 2)
    model = tmp_path / "model"
    words = ("tune", tmp_path / "data.npz", "-o", model, "--folds", 2, "--repeats", 1, "--vae-steps", 5)
    code, out, err = vaeaug(capsys, *words, "--classifier", "logistic")
    assert code == 0, err
    report = json.loads((tmp_path / "model.tuning.json").read_text())
    fields = {*TuningResult.__dataclass_fields__, *Choice.__dataclass_fields__} - {"choice"}
    assert set(report) == {*fields, "sentence", "usage"}
    assert set(report["chosen"]) == {"name", *Candidate.__dataclass_fields__}
    assert {frozenset(score) for score in report["scores"]} == {frozenset(CandidateScore.__dataclass_fields__)}
    assert report["sentence"] in out
    assert out.endswith(f"{report['usage']}\n")
    assert len(Augmenter.load(model).bank_) == 40
    assert vaeaug(capsys, *words[:3], tmp_path, "--folds", 2)[2].startswith("Error: expected a new or empty folder")


@pytest.mark.parametrize("candidate", [*VAE_FOR_NETWORKS, NONE])
def test_tune_prints_the_whole_line_to_use(capsys, tmp_path, monkeypatch, digits, candidate):
    other = Candidate(Difference(0.3), add=1)
    scores = [CandidateScore(c, 90.0, 0.0, 0.0, 2, 1.0) for c in dict.fromkeys((NONE, candidate))]
    scores.append(CandidateScore(other, *[float("nan")] * 3, 0, 0.0))
    reason, best = ("out of time", None) if candidate == NONE else ("best", candidate)
    choice = Choice(candidate, best, reason, tuple(scores), (other,), "accuracy", 2, 1, 0)
    result = TuningResult(choice, True, 300, None, 1.0, 0.5)
    augmenter = Augmenter().fit(digits, steps=2, progress=False)
    monkeypatch.setattr(search, "tune", lambda *args, **kwargs: (augmenter, result))
    code, out, err = vaeaug(capsys, "tune", "digits", "-o", tmp_path / "model")
    assert (code, err) == (0, "")
    assert out.endswith(f"\n{result.usage}\n")
    report = json.loads((tmp_path / "model.tuning.json").read_text())
    assert report["chosen"]["hardest_of"] == candidate.hardest_of
    assert report["chosen"]["perturb"] == (repr(candidate.perturb) if candidate.perturb else None)
    assert report["scores"][-1]["gain"] is None
    assert report["scores"][-1]["candidate"]["perturb"] == repr(Difference(0.3))
    assert report["cut_short"] == [other.name]


@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="root may write everywhere")
def test_unwritable_output(capsys, model, tmp_path):
    tmp_path.chmod(0o500)
    code, _, err = vaeaug(capsys, "generate", model, "-n", 1, "-o", tmp_path / "o")
    assert code == 2
    assert "expected a writable path" in err


def test_output_below_a_file_is_refused(capsys, model, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = vaeaug(capsys, "generate", model, "-n", 1, "-o", tmp_path / "file" / "o")
    assert code == 2
    assert "expected a writable path" in err


def test_full_disk_leaves_nothing(capsys, model, tmp_path, monkeypatch):
    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    code, _, err = vaeaug(capsys, "generate", model, "-n", 1, "-o", tmp_path / "o")
    assert code == 2
    assert "No space left on device" in err
    assert list(tmp_path.iterdir()) == []


def test_version(capsys):
    assert vaeaug(capsys, "--version") == (0, f"vaeaug {__version__}\n", "")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_teaches(capsys, command):
    code, out, _ = vaeaug(capsys, *command.split(), "--help")
    assert code == 0
    assert "vaeaug" in out
    assert ("Example" in out) or not command


ANSWERED_WITHOUT_TORCH = [
    (),
    ("--help",),
    ("--version",),
    *((command, "--help") for command in COMMANDS),
    ("fitt",),
    ("fit",),
    ("fit", "--stepz", "3"),
    ("fit", "nothing", "-o", "m"),
    ("generate", "nothing", "-n", "1", "-o", "o"),
    ("generate", ".", "-n", "0", "-o", "o"),
    ("generate", ".", "-n", "1", "-o", "o", "--format", "zip"),
    ("generate", ".", "-n", "1", "-o", "o", "--near", "nothing"),
    ("tune", "digits", "-o", "m", "--classifier", "nothing"),
    ("bench", "nothing"),
    ("bench", "--arm", "none"),
    ("bench", "--classifier", "nothing"),
    ("bench", "--per-class", "ten"),
    ("bench", "--perturb", "nothing"),
    ("bench", "--scale", "2"),
    ("methods", "nothing"),
]
LOADED = """
import sys
from vaeaug import cli
for words in {words!r}:
    sys.argv = ["vaeaug", *words]
    try:
        cli.main()
    except SystemExit as end:
        if not end.code and words and "--help" not in words and "--version" not in words:
            sys.exit(f"no error for {{words}}")
    heavy = {{"torch", "numpy", "torchvision", "sklearn", "vaeaug.bench", "vaeaug.augmenter"}} & set(sys.modules)
    if heavy:
        sys.exit(f"{{words}} loaded {{heavy}}")
"""


def test_help_and_typing_errors_load_nothing_heavy(tmp_path):
    script = LOADED.format(words=ANSWERED_WITHOUT_TORCH)
    run = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert list(tmp_path.iterdir()) == []


def test_lists_in_the_help_are_the_real_ones():
    assert values.DATA_SETS == NAMES
    assert tuple(name.lower() for name in PERTURBATIONS) == values.PERTURBATIONS
    assert (*NETWORKS, *ESTIMATORS) == values.CLASSIFIERS
    assert tuple(NETWORKS) == values.NETWORKS
    assert tuple(regimes.IMBALANCED) == values.REGIMES
    assert tuple(shards.FORMATS) == values.FORMATS
    assert SPACE_NAMES == values.SPACES
    for name in ("digits", "breast-cancer", "wine"):
        assert (name in values.IMAGE_SETS) == (load(name).x.ndim == 4)


def test_a_scale_alone_changes_the_default_only_in_scale():
    assert options.parse_perturbation(None, 0.5) == Difference(0.5, pairs_from="shrunk")
    default = Difference(2.0, pairs_from="any_class")
    assert options.parse_perturbation("difference", None, default) == default
    assert options.parse_perturbation("difference", 0.1, default) == Difference(0.1, pairs_from="any_class")
    assert options.parse_perturbation("interpolate", None, default) == PERTURBATIONS["Interpolate"]()
    with pytest.raises(InputError, match="expected scale to be a number from 0"):
        options.parse_perturbation("interpolate", 2.0)
