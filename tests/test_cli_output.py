"""What commands print: tables of 80 columns, the verdict, the next step, JSON, progress, and remedies for typing errors."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_results import RESULT
from PIL import Image
from test_cli import vaeaug

from vaeaug import Augmenter, cli
from vaeaug.bench.report.verdict import seeds_needed, verdict
from vaeaug.cli import output, values
from vaeaug.cli.bench_results import narrow_tables, next_step
from vaeaug.data import load
from vaeaug.runtime.errors import did_you_mean
from vaeaug.runtime.parallel import computing_on
from vaeaug.runtime.progress import progress_bar

OURS, BASELINE, OTHER = "classical + synthetic + MixUp", "classical + MixUp", "none"


def results(**accuracies):
    """Returns results of digits by method: the accuracies, one per seed."""
    names = {"ours": (OURS, "ours"), "baseline": (BASELINE, "baseline"), "other": (OTHER, "baseline")}
    common = {"data": "digits", "classifier": "cnn", "data_kind": "images", "regime": "20"}
    return [
        replace(RESULT, **common, method=names[key][0], kind=names[key][1], seed=seed, accuracy=value)
        for key, values_ in accuracies.items()
        for seed, value in enumerate(values_)
    ]


FLAT = [0.8, 0.81, 0.79, 0.8, 0.82]
SHIFTED = [
    [v + d + e for v, e in zip(FLAT, (0, 0.002, -0.002, 0.001, -0.001), strict=True)] for d in (0.02, -0.02, 0.0)
]
UNCLEAR = [v + e for v, e in zip(FLAT, (0.03, -0.01, 0.02, -0.01, 0.01), strict=True)]
UNSHOWABLE = [v + e for v, e in zip(FLAT, (0.03, -0.03, 0.02, -0.03, 0.011), strict=True)]


@pytest.mark.parametrize(
    ("ours", "use", "words", "more_seeds"),
    [
        (SHIFTED[0], True, "Verdict for cnn: yes, use it. classical + synthetic + MixUp against", False),
        (SHIFTED[1], False, "Verdict for cnn: no, it hurts here.", False),
        (SHIFTED[2], False, "Verdict for cnn: no need for it, the difference is within ±0.5 points.", False),
        (UNCLEAR, None, "Verdict for cnn: not shown yet.", True),
        (UNSHOWABLE, None, "Verdict for cnn: not shown, and no sensible number of seeds would show it.", False),
    ],
)
def test_the_verdict_answers_whether_to_use_it(ours, use, words, more_seeds):
    found = verdict(results(baseline=FLAT, ours=ours))
    assert found.use is use
    assert found.sentence.startswith(words)
    assert (found.seeds is not None) == more_seeds
    assert found.seeds is None or f"about {found.seeds} seeds would tell" in found.sentence


def test_the_verdict_needs_seeds_a_method_of_ours_and_the_best_baseline():
    few = verdict(results(baseline=FLAT[:2], ours=SHIFTED[0][:2]))
    assert (few.use, few.seeds) == (None, 10)
    assert "too few seeds to say (2 seeds; a verdict takes 5 or more)" in few.sentence
    assert verdict(results(baseline=FLAT)).sentence.startswith("Verdict: none.")
    beaten = verdict(results(baseline=FLAT, ours=SHIFTED[0], other=[v + 0.05 for v in FLAT]))
    assert beaten.use is False
    assert "but none alone is as good here" in beaten.sentence


def test_the_number_of_seeds_brings_the_interval_clear_of_zero():
    from vaeaug.bench.analysis.comparisons import primary_comparisons

    (c,) = primary_comparisons(results(baseline=FLAT, ours=UNCLEAR))
    n = seeds_needed(c)
    assert c.seeds < n <= 200
    half = (c.high - c.low) / 2 * (c.seeds / n) ** 0.5
    assert c.mean - half > 0
    assert c.mean - (c.high - c.low) / 2 * (c.seeds / (n - 2)) ** 0.5 <= 0
    assert seeds_needed(replace(c, mean=0.0)) is None


def test_the_next_step_follows_from_the_verdict():
    for found, words in (
        (verdict(results(baseline=FLAT, ours=SHIFTED[0])), "vaeaug fit photos -o model"),
        (verdict(results(baseline=FLAT[:2], ours=SHIFTED[0][:2])), "vaeaug bench photos --seeds 10"),
        (verdict(results(baseline=FLAT, ours=SHIFTED[1])), "vaeaug tune photos -o model"),
    ):
        assert next_step(found, "photos", ["bench", "photos"]).startswith(words)


def test_tables_are_aligned_and_fit_80_columns():
    long = "classical + synthetic (1 per sample, hardest of 4) + MixUp + random oversampling"
    rows = results(baseline=FLAT, ours=SHIFTED[0])
    rows += [replace(r, method=long, accuracy=r.accuracy - 0.01) for r in rows if r.method == OURS]
    (text,) = narrow_tables(rows)
    heading, header, line, *cells = text.splitlines()
    assert heading == f"cnn; gain: points over {BASELINE}"
    assert max(map(len, (header, line, *cells))) <= 80
    gain = next(cell for cell in cells if cell.startswith(OURS))
    assert re.search(r"82\.4 ± \d\.\d +\+2\.0 ± \d\.\d +helps", gain)
    start = next(i for i, cell in enumerate(cells) if cell.startswith("classical + synthetic (1 per"))
    assert cells[start + 2] == "  oversampling", "wrapped, and not cut off"


def test_a_table_aligns_numbers_to_the_right_and_words_to_the_left():
    lines = output.table([("name", "n", "word"), ("a", "5", "x"), ("b", "15", "long")]).splitlines()
    assert lines == [
        "name           n  word",
        "----------------------",
        "a              5  x",
        "b             15  long",
    ]


QUICK = ("--per-class", 5, "--seeds", 1, "--vae-steps", 5, "--classifier", "knn")
METHODS = ("--method", "none", "--method", "synthetic (extrapolate)")


def test_bench_ends_with_the_verdict(capsys, tmp_path):
    words = ("bench", "digits", *QUICK, *METHODS, "-o", tmp_path / "run")
    code, out, _ = vaeaug(capsys, *words)
    assert code == 0
    *_, next_line, last = out.splitlines()
    assert next_line.startswith("Next: vaeaug bench digits --per-class 5 ")
    assert "--seeds 1 " not in next_line
    assert "--seeds 10 " in next_line
    assert last.startswith("Verdict for knn: too few seeds to say (one seed; ")
    code, out, err = vaeaug(capsys, *words, "--quiet")
    assert (code, err) == (0, "")
    assert "Next:" not in out
    assert out.splitlines()[-1] == last
    code, out, _ = vaeaug(capsys, *words, "--markdown")
    assert "| classifier | method " in out
    assert "log-loss" in out
    code, out, _ = vaeaug(capsys, *words, "--json")
    content = json.loads(out)
    assert content["verdict"] == {"use": None, "sentence": last, "seeds": 10}
    assert {s["method"] for s in content["summaries"]} == {"none", "synthetic (extrapolate)"}
    assert content["summaries"][0]["low"] is None, "NaN is no JSON"


def test_fit_and_generate_say_what_is_next_and_speak_json(capsys, tmp_path):
    fit = ("fit", "wine", "--steps", 2, "-o", tmp_path / "m")
    out = vaeaug(capsys, *fit)[1]
    command = re.search("^Next: vaeaug (.*)$", out, re.M)[1].split()
    assert command[:2] == ["generate", str(tmp_path / "m")]
    assert command[-1] == "more.csv"
    assert vaeaug(capsys, *command[:-1], tmp_path / "more.csv")[0] == 0, "the line works as it is printed"
    assert vaeaug(capsys, *fit, "--quiet")[1:] == (f"{tmp_path / 'm'}: an augmenter of 178 samples in 3 classes\n", "")
    content = json.loads(vaeaug(capsys, *fit, "--json")[1])
    classes = [f"class_{i}" for i in range(3)]
    assert content == {"output": str(tmp_path / "m"), "samples": 178, "classes": classes, "shape": [13]}
    out = vaeaug(capsys, "generate", tmp_path / "m", "-n", 1, "-o", tmp_path / "one.npz", "--json")[1]
    assert json.loads(out) == {"output": str(tmp_path / "one.npz"), "samples": 1, "shards": 0}


def test_methods_speak_json(capsys):
    content = json.loads(vaeaug(capsys, "methods", "wine", "--json")[1])
    assert "none" in content["baseline"]
    assert list(content) == ["ours", "baseline", "control", "generator", "equal time"]


@pytest.mark.parametrize("command", ["fit", "tune", "generate", "bench", "methods"])
def test_help_groups_its_options_and_fits_80_columns(capsys, command):
    out = vaeaug(capsys, command, "-h")[1]
    assert out == vaeaug(capsys, command, "--help")[1]
    headings = re.findall(r"^([A-Z][\w ]+):$", out, re.M)
    assert headings[0] == "Arguments"
    assert headings[-1] == "Help"
    assert "Output" in headings
    assert "--json" in out
    if command != "methods":
        assert "--quiet" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("fit", "digitz", "-o", "m"), "did you mean digits?"),
        (("fit", "photo", "-o", "m"), "did you mean photos?"),
        (("fit", "./flower.csv", "-o", "m"), "did you mean flowers.csv?"),
        (("fit", "flowers.csv", "--label", "Kind", "-o", "m"), "did you mean kind?"),
        (("fit", "wine", "--perturb", "differnce", "-o", "m"), "did you mean difference?"),
        (("fit", "wine", "--device", "gpu", "-o", "m"), "available: cpu"),
        (("bench", "wine", "--classifier", "forrest"), "did you mean forest?"),
        (("bench", "wine", "--classifier", "knn,forest"), "repeat it: --classifier knn --classifier forest"),
        (("bench", "wine", "--per-class", "imbalance"), "did you mean imbalanced"),
        (("tune", "wine", "--space", "vea", "-o", "m"), "did you mean vae?"),
        (("generate", "nomodel", "-n", "1", "-o", "o"), "'vaeaug fit DATA -o FOLDER' makes one"),
        (("bench", "digits", "--method", "smote"), "similar names: SMOTE; "),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(capsys, tmp_path, monkeypatch, words, remedy):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "flowers.csv").write_text("kind,a\nx,1.5\ny,2.5\nx,3.5\ny,4.5\n")
    code, out, err = vaeaug(capsys, *words)
    assert (code, out) == (2, "")
    assert remedy in err
    assert err.count("\n") == 1


def test_at_most_three_names_are_offered_and_none_that_is_far():
    assert did_you_mean("cnnn", ["cnn", "CNN2", "cnn3", "cnn4", "forest"]).count("cnn") <= 3
    assert did_you_mean("qqqq", ["cnn", "forest"]) == ""
    assert values.check_each("classifier", values.CLASSIFIERS)(["CNN"]) == ["cnn"]


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("bench", "wine", "--flip"), "--flip"),
        (("bench", "wine", "--no-flip", "--shift", "0.1"), "--flip, --shift"),
        (("bench", "wine", "--classifier", "knn", "--steps", "5"), "--steps"),
        (("bench", "wine", "--steps", "5"), "--steps"),
        (("bench", "digits", "--size", "16"), "--size"),
        (("bench", "digits", "--label", "kind"), "--label"),
        (("bench", "digits", "--json", "--markdown"), "--json"),
        (("fit", "digits", "--keep-row-numbers", "-o", "m"), "--keep-row-numbers"),
        (("fit", "table.npz", "--label", "kind", "-o", "m"), "--label"),
        (("fit", "digits", "--bank", "50", "-o", "m"), "--bank"),
        (("tune", "wine", "--no-classical", "-o", "m"), "--no-classical"),
        (("tune", "wine", "--steps", "5", "-o", "m"), "--steps"),
        (("tune", "digits", "--classifier", "forest", "--steps", "5", "-o", "m"), "--steps"),
        (("tune", "digits", "--size", "16", "-o", "m"), "--size"),
        (("generate", "MODEL", "-n", "1", "--size", "16", "-o", "o"), "--size"),
        (("generate", "MODEL", "-n", "1", "--label", "kind", "-o", "o"), "--label"),
        (("generate", "MODEL", "-n", "1", "--near", "table.npz", "--label", "kind", "-o", "o"), "--label"),
        (("generate", "MODEL", "-n", "1", "--shard-size", "5", "--overwrite", "-o", "o"), "--overwrite"),
    ],
)
def test_an_option_without_effect_is_refused(capsys, tmp_path, monkeypatch, augmenter, words, option):
    monkeypatch.chdir(tmp_path)
    np.savez("table.npz", x=np.random.default_rng(0).normal(size=(60, 4)), y=np.arange(60) % 2)
    augmenter.save("model")
    code, out, err = vaeaug(capsys, *["model" if word == "MODEL" else word for word in words])
    assert (code, out) == (2, "")
    assert option in err
    assert err.startswith("Error: expected ")
    assert {path.name for path in tmp_path.iterdir()} == {"table.npz", "model"}


def save_images(folder, size=8, classes=("even", "odd"), n=16):
    for i in range(n):
        path = folder / classes[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((load("digits").x[i, 0] * 255).byte().numpy()).resize((size, size)).save(path)


@pytest.fixture(scope="module")
def resized(tmp_path_factory):
    """A model of images that were resized from 20 to 12 pixels, streamed and not."""
    folder = tmp_path_factory.mktemp("resized")
    save_images(folder / "photos", 20)
    argv, sys.argv = sys.argv, []
    for name, words in (("m", ()), ("streamed", ("--bank", "12"))):
        sys.argv = ["vaeaug", "fit", str(folder / "photos"), "--size", "12", "--steps", "2", "-o", str(folder / name)]
        sys.argv += words
        cli.main.__globals__["app"](standalone_mode=False)
    sys.argv = argv
    return folder


@pytest.mark.parametrize("name", ["m", "streamed"])
def test_near_is_resized_as_at_the_fit(capsys, tmp_path, resized, name):
    assert Augmenter.load(resized / name).bank_.samples.resized_to == 12
    near = resized / "photos" / "even" / "0.png"
    words = ("generate", resized / name, "-n", 2, "--near", near, "--scale", 0, "-o", tmp_path / "o.npz")
    assert vaeaug(capsys, *words)[::2] == (0, "")
    with np.load(tmp_path / "o.npz") as arrays, Image.open(near) as image:
        assert np.array_equal((arrays["x"][0, 0] * 255).round(), np.asarray(image.resize((12, 12))))


def test_near_a_folder_of_class_folders(capsys, tmp_path, resized):
    save_images(tmp_path / "more", 30, n=6)
    words = ("generate", resized / "m", "-n", 6, "--scale", 0, "-o", tmp_path / "o")
    assert vaeaug(capsys, *words, "--near", tmp_path / "more")[::2] == (0, "")
    with (tmp_path / "o" / "manifest.csv").open() as file:
        records = list(csv.DictReader(file))
    files = [f"even/{i}.png" for i in (0, 2, 4)] + [f"odd/{i}.png" for i in (1, 3, 5)]
    assert [r["parent_file"] for r in records] == files
    assert [r["name"] for r in records] == ["even"] * 3 + ["odd"] * 3
    assert {r["confidence"] for r in records} == {""}, "nothing judged them"
    assert vaeaug(capsys, *words, "--near", tmp_path / "more", "--labels", "odd")[0] == 0
    with (tmp_path / "o" / "manifest.csv").open() as file:
        assert {r["name"] for r in csv.DictReader(file)} == {"odd"}, "--labels takes precedence"
    (tmp_path / "more" / "even").rename(tmp_path / "more" / "evn")
    code, _, err = vaeaug(capsys, *words, "--near", tmp_path / "more")
    assert code == 2
    assert "got 'evn'; did you mean even?" in err
    assert vaeaug(capsys, *words, "--near", tmp_path / "more", "--labels", "odd")[0] == 0


def test_a_label_that_the_nearest_codes_gave_has_a_confidence(capsys, tmp_path, resized):
    near = resized / "photos" / "even"
    assert vaeaug(capsys, "generate", resized / "m", "-n", 4, "--near", near, "-o", tmp_path / "o")[0] == 0
    with (tmp_path / "o" / "manifest.csv").open() as file:
        assert all(0 < float(r["confidence"]) <= 1 for r in csv.DictReader(file))


@pytest.mark.parametrize(
    ("total", "steps", "initial"), [(1000, 1, 0), (7, 1, 0), (1000, 130, 0), (50, 1, 25), (3, 3, 0)]
)
def test_a_pipe_gets_at_most_one_line_per_tenth(monkeypatch, total, steps, initial):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar(total, "generating", "sample", show=True, initial=initial) as bar:
        for start in range(initial, total, steps):
            bar.set_postfix(loss="1.0", refresh=False)
            bar.update(min(steps, total - start))
    lines = sys.stderr.getvalue().splitlines()
    assert 1 <= len(lines) <= 10
    assert lines[-1].startswith(f"generating: 100 %, {total} of {total} samples, ")
    assert not any("\r" in line for line in lines)
    tenths = [int(re.search(r"(\d+) %", line)[1]) for line in lines]
    assert tenths == sorted(set(tenths))
    assert min(tenths) > 100 * initial / total


def test_a_hidden_bar_writes_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar(20, "generating", "sample", show=False) as bar:
        bar.update(20)
    assert sys.stderr.getvalue() == ""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar_of_its_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_bar(45, "benchmark", "run", show=True) as bar:
        bar.set_postfix_str("seed 3, logistic")
        bar.start_t -= 30  # seconds
        bar.update(45)
        drawn = str(bar)
    assert len(drawn) <= 80
    assert "seed 3, logistic" in drawn
    assert "100%" in drawn


@pytest.mark.parametrize("words", [("fit", "digits", "--steps", 1), ("generate", "MODEL", "-n", 1)])
@pytest.mark.parametrize("threads", [None, 2])
def test_commands_compute_on_one_thread_unless_told_otherwise(capsys, tmp_path, monkeypatch, augmenter, words, threads):
    augmenter.save(tmp_path / "model")
    found, before = [], torch.get_num_threads()
    for name in ("fit", "chunks"):
        original = getattr(Augmenter, name)

        def counted(self, *args, _original=original, **kwargs):
            found.append(torch.get_num_threads())
            return _original(self, *args, **kwargs)

        monkeypatch.setattr(Augmenter, name, counted)
    options = () if threads is None else ("--threads", threads)
    with computing_on(3):
        code = vaeaug(
            capsys, *[tmp_path / "model" if w == "MODEL" else w for w in words], *options, "-o", tmp_path / "o"
        )[0]
        assert torch.get_num_threads() == 3
    assert code == 0
    assert set(found) == {threads or 1}
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("line", "word", "completion"),
    [
        ("vaeaug ", 1, "tune"),
        ("vaeaug fit di", 2, "digits"),
        ("vaeaug fit photos/c", 2, "photos/cats/"),
        ("vaeaug bench wine --classifier lo", 4, "logistic"),
        ("vaeaug fit digits --perturb diff", 4, "difference"),
    ],
)
def test_a_shell_completes(tmp_path, line, word, completion):
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    environment = {**os.environ, "_VAEAUG_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(word)}
    code = "import sys; sys.argv[0] = 'vaeaug'; from vaeaug import cli; cli.app(prog_name='vaeaug')"
    run = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert completion in run.stdout.split(), run.stderr
