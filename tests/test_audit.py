"""`vaeaug.audit` and `vaeaug audit`: what they find, what they do not, and what they refuse."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import vaeaug
from vaeaug import Augmenter, InputError, Posterior, Prior
from vaeaug.auditing import text
from vaeaug.auditing.run import ALONE
from vaeaug.cli import app
from vaeaug.data import Samples, load, subset
from vaeaug.export import formats

QUICK = {"seeds": 0, "classifier": "knn", "resamples": 100}


def rows(seed, n=120, d=4, classes=2):
    """Returns rows of one population."""
    random = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return (random.normal(size=(n, d)) + 2 * y[:, None]).astype(np.float32), y


def mixed(seed, n=120):
    """Returns a table with numbers, a category that another one decides, and missing values."""
    import pandas

    random = np.random.default_rng(seed)
    city = random.choice(["Rome", "Oslo", "Lima"], n)
    age = random.normal(40, 10, n).round(1)
    frame = pandas.DataFrame(
        {"city": city, "letter": [c[0] for c in city], "age": age, "beds": random.integers(1, 5, n)}
    )
    frame.loc[::10, "age"] = np.nan
    return frame, np.where(random.random(n) < 0.5, "ill", "well")


def images(seed, n=80):
    """Returns three disjoint sets of digits."""
    x, y = load("digits").x, load("digits").y
    index = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    return [(x[part], y[part]) for part in index[: 3 * n].split(n)]


def moved(data, seed, spread):
    return data[0] + spread * np.random.default_rng(seed).normal(size=data[0].shape).astype(np.float32), data[1]


def test_an_innocent_generator():
    found = vaeaug.audit(rows(0), rows(1), holdout=rows(2), **QUICK)
    assert not found.leak.found
    assert found.leak.measured.share.low < 0.5 < found.leak.measured.share.high
    assert found.leak.control.share.low < 0.5 < found.leak.control.share.high
    assert found.leak.ceiling.share.value == 1
    assert found.leak.ceiling.membership.auc.value == 1
    assert (found.copies.copies, found.found("copies"), found.found("near-copies")) == (0, False, False)
    assert found.notes == ()
    assert 0.8 < found.good.classes[0].density < 1.2
    assert found.good.classes[0].coverage > 0.85
    assert "no leak found" in str(found)


@pytest.mark.parametrize(("spread", "what"), [(0.0, "copies"), (1e-3, "near-copies")])
def test_a_copycat_is_found(spread, what):
    found = vaeaug.audit(rows(0), moved(rows(0), 1, spread), holdout=rows(2), **QUICK)
    assert found.leak.found
    assert found.leak.measured.share.value == 1
    assert found.leak.measured.membership.auc.value == 1
    assert found.leak.measured.membership.tpr.value == 1
    assert found.found(what)
    assert found.found("near-copies")
    assert found.found("copies") == (spread == 0)
    assert getattr(found.copies, what.replace("-", "_")) == 120
    assert [(p.synthetic, p.distance < 0.1) for p in found.pairs] == [(p.real, True) for p in found.pairs]
    assert "Leak found" in str(found)


def test_a_few_copies_among_new_samples_are_found():
    (x, y), (own, labels) = rows(0), rows(1)
    found = vaeaug.audit(
        (x, y), (np.concatenate([own[20:], x[:20]]), np.concatenate([labels[20:], y[:20]])), holdout=rows(2), **QUICK
    )
    assert found.copies.copies == 20
    assert found.found("copies")
    assert {p.real for p in found.pairs} <= set(range(20))


def test_identical_sets_are_copies_that_cover_all():
    data = rows(0)
    found = vaeaug.audit(data, data, holdout=rows(1), **QUICK)
    assert found.copies.copies == found.copies.size
    assert all(c.coverage == 1 and c.density >= 1 for c in found.good.classes)
    assert all(c.difference == 0 for c in found.good.columns)
    assert found.good.associations.difference == 0
    assert found.good.rules == ()


def test_constant_columns():
    x, y = rows(0)
    x[:, 1] = 3
    other, third = rows(1)[0].copy(), rows(2)[0].copy()
    other[:, 1], third[:, 1] = 3, 3
    found = vaeaug.audit((x, y), (other, y), holdout=(third, y), **QUICK)
    without = vaeaug.audit(*((np.delete(z, 1, 1), y) for z in (x, other)), holdout=(np.delete(third, 1, 1), y), **QUICK)
    assert found.leak.measured.share == without.leak.measured.share
    assert found.leak.measured.membership.auc.value == without.leak.measured.membership.auc.value
    assert found.good.columns[1].difference == 0
    other[:30, 1] = 4
    found = vaeaug.audit((x, y), (other, y), holdout=(third, y), **QUICK)
    assert {rule.text: rule.broken for rule in found.good.rules}["1 is always 3"] == 0.25


def test_all_ties():
    same = np.ones((60, 3), dtype=np.float32), np.arange(60) % 2
    found = vaeaug.audit(same, same, holdout=same, **QUICK)
    assert found.leak.measured.share.value == 0.5
    assert found.leak.measured.membership.auc.value == 0.5
    assert not found.leak.found
    assert found.copies == found.reference  # that many equal ones are no sign of copying
    assert not found.found("copies")


def test_a_class_of_one():
    x, y = rows(0)
    y = y.copy()
    y[0] = 2
    found = vaeaug.audit((x, y), rows(1), holdout=rows(2), **QUICK)
    alone = found.good.classes[3]
    assert (alone.name, alone.real, alone.synthetic) == ("2", 1, 0)
    assert math.isnan(alone.density)
    assert math.isnan(alone.agreement)
    assert any("one real sample" in note for note in found.notes)
    assert any("No synthetic samples: 2" in note for note in found.notes)
    json.dumps(found.as_json(), allow_nan=False)
    synthetic = rows(1)[0], np.where(np.arange(120) < 5, 2, np.arange(120) % 2)
    assert not math.isnan(vaeaug.audit((x, y), synthetic, holdout=rows(2), **QUICK).good.classes[0].agreement)


@pytest.mark.parametrize("sizes", [(240, 120), (120, 240)])
def test_sizes_of_2_to_1_do_not_accuse(sizes):
    """Others score 0.67 here: two of three nearest samples are of the larger set."""
    shares = []
    for seed in range(5):
        found = vaeaug.audit(
            rows(10 * seed, sizes[0]), rows(10 * seed + 1, 200), holdout=rows(10 * seed + 2, sizes[1]), **QUICK
        )
        assert found.leak.part == 120
        assert "equal parts, 120 real and 120 held-out" in str(found).replace("\n  ", " ")
        shares.append(found.leak.measured.share.value)
    assert 0.45 < np.mean(shares) < 0.55


def test_equal_parts_are_equal_class_by_class():
    x, y = rows(0, 200)
    y = np.where(np.arange(200) < 150, 0, 1)
    found = vaeaug.audit((x, y), (x, y), holdout=(rows(1, 200)[0], 1 - y), **QUICK)
    assert found.leak.part == 100


def far(data):
    return data[0] * 0.2 + 5, data[1]


SWAPPED = {
    "real and synthetic": lambda: vaeaug.audit(far(rows(1)), rows(0), holdout=rows(2), **QUICK),
    "synthetic and holdout": lambda: vaeaug.audit(rows(0), rows(2), holdout=far(rows(1)), **QUICK),
    "synthetic copies and holdout": lambda: vaeaug.audit(rows(0), rows(2), holdout=moved(rows(0), 1, 1e-3), **QUICK),
    "real and holdout": lambda: vaeaug.audit(rows(2), moved(rows(0), 1, 0.01), holdout=rows(0), **QUICK),
    "the same set twice": lambda: vaeaug.audit(rows(0), rows(1), holdout=rows(0), **QUICK),
}


@pytest.mark.parametrize("case", SWAPPED)
def test_swapped_arguments_are_refused(case):
    with pytest.raises(InputError, match=r"audit\(real, synthetic, holdout=...\)"):
        SWAPPED[case]()


def test_sets_of_different_groups_are_audited_with_a_note():
    """Held-out patients, say, of which each has several samples: near each other, and far from all other patients."""

    def patients(seed):
        random = np.random.default_rng(seed)
        x = np.repeat(random.normal(size=(30, 4)), 4, axis=0) + 0.05 * random.normal(size=(120, 4))
        return x.astype(np.float32), np.arange(120) % 2

    found = vaeaug.audit(patients(0), patients(1), holdout=patients(2), **QUICK)
    assert any("not of one population" in note for note in found.notes)
    with pytest.raises(InputError, match="the synthetic and the real samples do not"):
        vaeaug.audit(rows(0), rows(2), holdout=far(rows(1)), **QUICK)


def test_what_we_generated_is_not_taken_for_real(augmenter, digits, tmp_path):
    generated = augmenter.generate(40, seed=0)
    metadata = formats.Metadata.of(augmenter.bank_)
    formats.save(generated, tmp_path / "more.npz", metadata)
    formats.save(generated, tmp_path / "more", metadata)
    table = Augmenter().fit("wine", steps=2, progress=False)
    formats.save(table.generate(40, seed=0), tmp_path / "more.csv", formats.Metadata.of(table.bank_))
    for source in (generated, tmp_path / "more.npz", tmp_path / "more", str(tmp_path / "more.csv")):
        with pytest.raises(InputError, match="swapped"):
            vaeaug.audit(source, digits)
        with pytest.raises(InputError, match="expected real samples as holdout"):
            vaeaug.audit(digits, digits, holdout=source)


def comparable(found, order=None):
    """Returns all values, and the pairs by the number of a row before it was moved."""
    content = found.as_json()
    for pair in content["pairs"]:
        if order is not None:
            pair["synthetic"], pair["real"] = int(order[0][pair["synthetic"]]), int(order[1][pair["real"]])
    return content


def taken(data, index):
    x, y = data
    return (x.iloc[index] if hasattr(x, "iloc") else x[index]), y[index]


DATA = {
    "rows": lambda: [rows(i) for i in range(3)],
    "mixed": lambda: [mixed(i) for i in range(3)],
    "images": lambda: images(0),
}


@pytest.mark.parametrize("kind", DATA)
def test_the_order_of_the_samples_changes_nothing(kind):
    if kind == "mixed":
        pytest.importorskip("pandas")
    sets = DATA[kind]()
    settings = {**QUICK, "seeds": 1, "classifier": "forest" if kind == "rows" else "knn"}
    found = vaeaug.audit(sets[0], sets[1], holdout=sets[2], **settings)
    orders = [np.random.default_rng(i).permutation(len(sets[0][1])) for i in range(3)]
    shuffled = [taken(data, order) for data, order in zip(sets, orders, strict=True)]
    again = vaeaug.audit(shuffled[0], shuffled[1], holdout=shuffled[2], **settings)
    moved_back, original = comparable(again, (orders[1], orders[0])), comparable(found)
    for pair in (*moved_back["pairs"], *original["pairs"]) if kind == "mixed" else ():
        del pair["synthetic"], pair["real"]  # rows that are equal stand for each other
    assert moved_back == original


def test_prior_samples_of_a_conditional_vae_leak_if_it_saw_few_samples():
    def tested(n):
        fitted = Augmenter(perturb=Prior(), residual=False).fit(
            rows(0, n, 8), steps=500, num_classes=2, input_noise=0.0, progress=False
        )
        return vaeaug.audit(fitted, fitted.generate(500, seed=1), holdout=rows(50, n, 8), **QUICK).leak

    few, many = tested(24), tested(1500)
    assert few.found
    assert few.measured.membership.auc.low > 0.8
    assert few.likelihood.auc.low > 0.9
    assert few.likelihood_control.auc.low < 0.5 < few.likelihood_control.auc.high
    assert not many.found
    assert many.measured.membership.auc.high < 0.56
    assert many.likelihood.auc.high < 0.56


def test_our_own_samples_are_near_their_parents(augmenter, digits):
    near = augmenter.using(perturb=Posterior(0.02))
    found = vaeaug.audit(near, holdout=images(3)[0], **QUICK)
    assert found.leak.found
    assert found.sizes["synthetic"] == found.sizes["real"] == len(digits)
    assert text.NEAR_BY_CONSTRUCTION in str(found).replace("\n  ", " ")


def test_mixed_tables():
    pandas = pytest.importorskip("pandas")
    (frame, y), (other, labels), holdout = mixed(0), mixed(1), mixed(2)
    found = vaeaug.audit((frame, y), (other, labels), holdout=holdout, **QUICK)
    assert found.space == "Gower's distance of columns"
    assert not found.leak.found
    assert not [rule for rule in found.good.rules if "decides" in rule.text]
    assert {c.name: c.kind for c in found.good.columns} == {
        "age": "number",
        "beds": "number",
        "city": "category",
        "letter": "category",
    }
    broken = other.assign(letter="R", beds=other.beds + 0.5)
    broken.loc[0, "city"] = "Bonn"
    rules = {r.text: r for r in vaeaug.audit((frame, y), (broken, labels), holdout=holdout, **QUICK).good.rules}
    assert rules["beds is a whole number"].broken == 1
    assert rules["city is one of Lima, Oslo, Rome"].broken == pytest.approx(1 / 120)
    assert rules["city decides letter"].broken > 0.5
    copies = vaeaug.audit((frame, y), (frame.astype({"beds": float}), y), holdout=holdout, **QUICK)
    assert copies.copies.copies == 120
    assert all(equal for pair in copies.pairs for *_, equal in pair.cells)
    # Without a missing value, and with its columns in another order, it is the same table.
    full = frame.assign(age=frame.age.fillna(40.0))[["beds", "age", "letter", "city"]]
    assert vaeaug.audit((frame, y), (full, y), holdout=holdout, **QUICK).copies.copies == 108
    with pytest.raises(InputError, match="the columns of the real samples in synthetic"):
        vaeaug.audit((frame, y), (pandas.DataFrame({"city": other.city}), labels), holdout=holdout, **QUICK)


def test_signals():
    def signals(seed):
        x, y = rows(seed, 60, 40)
        return Samples(torch.from_numpy(x).reshape(60, 2, 20), torch.from_numpy(y))

    found = vaeaug.audit(signals(0), signals(1), holdout=signals(2), **QUICK)
    assert (found.kind, found.space) == ("signals", "Euclidean distance of values of signals")
    assert not found.leak.found


def test_images_have_a_classifier_of_images():
    train, synthetic, holdout = images(1)
    found = vaeaug.audit(train, synthetic, holdout=holdout, seeds=1, steps=2, resamples=100)
    assert found.good.accuracy.classifier == "cnn"
    assert found.space == "Euclidean distance of pixels"
    assert found.good.columns == ()


def test_the_accuracy_score_is_paired_by_seed():
    useless = rows(1)[0], np.random.default_rng(0).permutation(rows(1)[1])
    found = vaeaug.audit(rows(0), useless, holdout=rows(2), seeds=5, classifier="logistic", resamples=100).good.accuracy
    assert found.seeds == 5
    assert found.real.value > 0.9
    assert found.synthetic.value < 0.7
    assert found.gain.value == pytest.approx(found.both.value - found.real.value)
    assert found.gain.value < 0
    one_class = rows(1)[0], np.zeros(120, dtype=int)
    found = vaeaug.audit(rows(0), one_class, holdout=rows(2), seeds=1, classifier="knn", resamples=100).good.accuracy
    assert math.isnan(found.synthetic.value)
    assert not math.isnan(found.both.value)


def test_labels_that_do_not_fit_are_seen():
    x, y = rows(1)
    found = vaeaug.audit(rows(0), (x, 1 - y), holdout=rows(2), **QUICK).good.classes[0]
    assert found.agreement < 0.2
    assert found.agreement_real > 0.8


def test_who_has_learnt_a_label_by_heart_does_not_judge_its_copy():
    x, _ = rows(0, 200)
    by_chance = np.random.default_rng(0).integers(0, 2, 200)
    found = vaeaug.audit((x, by_chance), (x + 1e-4, by_chance), **QUICK).good.classes[0]
    assert found.agreement == found.agreement_real
    assert found.agreement < 0.65


def test_spaces(augmenter, digits):
    train, synthetic, holdout = images(2)
    codes = vaeaug.audit(train, synthetic, holdout=holdout, augmenter=augmenter, space="codes", **QUICK)
    assert codes.space == "Euclidean distance of codes (VAE, 16 of 64)"
    assert codes.leak.likelihood is not None
    given = vaeaug.audit(train, synthetic, holdout=holdout, features=lambda x: x.mean((1, 2)), **QUICK)
    assert given.space == "the features given"
    with pytest.raises(InputError, match="expected an augmenter for the space of codes, got none"):
        vaeaug.audit(train, synthetic, holdout=holdout, space="codes", **QUICK)
    with pytest.raises(InputError, match=r"expected features of shape \(240, D\), got \(240,\)"):
        vaeaug.audit(train, synthetic, holdout=holdout, features=lambda x: x.mean((1, 2, 3)), **QUICK)


@pytest.mark.parametrize(
    "case", ["one synthetic row", "one class", "one column", "classes of one", "no pairs", "large k"]
)
def test_small_and_odd_sets(case):
    settings = {**QUICK, "seeds": 1}
    options = {"one class": {"classes": 1}, "one column": {"d": 1}, "classes of one": {"n": 40, "classes": 40}}.get(
        case, {}
    )
    if case in ("no pairs", "large k"):
        settings |= {"pairs": 0} if case == "no pairs" else {"k": 500}
    real, synthetic, holdout = (rows(seed, **options) for seed in range(3))
    if case == "one synthetic row":
        synthetic = tuple(part[:1] for part in synthetic)
    found = vaeaug.audit(real, synthetic, holdout=holdout, **settings)
    assert found.copies.size == len(synthetic[1])
    assert max(map(len, str(found).splitlines())) <= 80
    json.dumps(found.as_json(), allow_nan=False)
    assert repr(found).startswith("<Audit: 0 copies, ")


def test_without_held_out_samples():
    found = vaeaug.audit(rows(0), moved(rows(0), 1, 1e-4), **QUICK)
    assert found.leak is None
    assert found.notes == (ALONE,)
    assert found.found("near-copies")
    assert found.good.accuracy is None
    assert "leak not tested" in str(found)


REFUSED = {
    "no synthetic": (lambda: vaeaug.audit(rows(0)), "expected synthetic samples, got none"),
    "few held out": (lambda: vaeaug.audit(rows(0), rows(1), holdout=rows(2, 12), **QUICK), "expected 20 training and"),
    "columns": (lambda: vaeaug.audit(rows(0), rows(1, d=3), **QUICK), "the columns of the real samples in synthetic"),
    "kinds": (lambda: vaeaug.audit(images(0)[0], rows(1), **QUICK), r"samples of shape \(1, 8, 8\) as synthetic"),
    "range": (
        lambda: vaeaug.audit(images(0)[0], (images(0)[1][0] * 255, images(0)[1][1]), **QUICK),
        "in the range of the real ones",
    ),
    "classes": (
        lambda: vaeaug.audit(rows(0), (rows(1)[0], np.where(rows(1)[1], "a", "b")), **QUICK),
        "classes of the real samples in synthetic",
    ),
    "classifier": (lambda: vaeaug.audit(rows(0), rows(1), classifier="tree"), "classifier to be one of"),
    "space": (lambda: vaeaug.audit(rows(0), rows(1), space="words"), "space to be one of"),
    "far too large": (
        lambda: vaeaug.audit(*((1e17 * images(0)[i][0], images(0)[i][1]) for i in (0, 1)), **QUICK),
        r"values up to 1e\+15",
    ),
    "seeds": (lambda: vaeaug.audit(rows(0), rows(1), seeds=-1), "seeds to be a whole number from 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_audited_is_refused(case):
    call, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        call()


def test_class_names_decide_and_not_numbers():
    x, y = rows(0)
    names, other = np.array(["cat", "dog"]), np.array(["dog", "cat"])
    found = vaeaug.audit((x, names[y]), (rows(1)[0], other[1 - y]), holdout=(rows(2)[0], names[y]), **QUICK)
    assert found.good.classes[0].agreement > 0.8
    numbers = vaeaug.audit((x, names[y]), (rows(1)[0], y), holdout=(rows(2)[0], names[y]), **QUICK)
    assert numbers.good.classes[0].agreement > 0.8


def write_csv(path, data):
    x, y = data
    lines = [
        "a,b,c,d,kind",
        *(",".join([*map(str, row), "yes" if label else "no"]) for row, label in zip(x.tolist(), y, strict=True)),
    ]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def run(*words):
    return CliRunner().invoke(app, ["audit", *map(str, words), "--seeds", "0", "--classifier", "knn"])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    data = {"real": rows(0), "new": rows(1), "copies": rows(0), "other": rows(2)}
    return {name: write_csv(folder / f"{name}.csv", values) for name, values in data.items()}


def test_the_command_writes_a_screen_json_and_a_page(files, tmp_path):
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    result = run(files["real"], files["new"], "--holdout", files["other"], "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    screen = result.stdout.split("\nWritten")[0]
    assert max(map(len, screen.splitlines())) <= 80
    assert len(screen.splitlines()) <= 40
    content = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert content["leak"]["found"] is False
    assert content["sizes"] == {"real": 120, "synthetic": 120, "holdout": 120}
    page = (tmp_path / "out" / "audit.html").read_text()
    body = page[page.index("<main>") :]
    assert body.index(text.NEAR_BY_CONSTRUCTION) < body.index("<h1>")
    assert not re.search(r"(src|href)=\"http|@import|url\((?!#)", page.replace("http://www.w3.org", ""))
    for words in (page, screen):
        assert not re.search(r"\b(private|privacy|safe|safety)\b", words, re.I)
    again = run(files["real"], files["new"], "--holdout", files["other"], "-o", tmp_path / "out")
    assert again.exit_code == 0
    assert json.loads((tmp_path / "out" / "audit.json").read_text()) == content


@pytest.mark.parametrize(
    ("fail_on", "code"), [([], 0), (["--fail-on", "copies"], 1), (["--fail-on", "near-copies"], 1)]
)
def test_the_exit_code_is_0_unless_asked(fail_on, code, files, tmp_path):
    result = run(files["real"], files["copies"], "--holdout", files["other"], "-o", tmp_path / "out", *fail_on)
    assert result.exit_code == code
    assert (tmp_path / "out" / "audit.json").exists()
    assert (
        run(files["real"], files["new"], "--holdout", files["other"], "-o", tmp_path / "new", *fail_on).exit_code == 0
    )


def test_the_command_refuses_before_any_work(files, tmp_path):
    (tmp_path / "audit.json").write_text("{}")
    with pytest.raises(InputError, match="which vaeaug did not write"):
        app(["audit", files["real"], files["new"], "-o", str(tmp_path)], standalone_mode=False)
    with pytest.raises(InputError, match=r"'nothing\.csv'"):
        app(["audit", files["real"], "nothing.csv"], standalone_mode=False)
    with pytest.raises(InputError, match="expected fail-on to be one of copies, near-copies"):
        app(["audit", files["real"], files["new"], "--fail-on", "leak"], standalone_mode=False)


def test_files_folders_and_models(digits, augmenter, tmp_path):
    train, synthetic, holdout = images(4)
    for name, (x, y) in {"real": train, "new": synthetic, "other": holdout}.items():
        np.savez(tmp_path / f"{name}.npz", x=(x * 255).round().to(torch.uint8).numpy(), y=y.numpy())
    result = run(tmp_path / "real.npz", tmp_path / "new.npz", "--holdout", tmp_path / "other.npz", "-o", tmp_path / "a")
    assert result.exit_code == 0, result.output
    augmenter.save(tmp_path / "model")
    other = subset(load("digits"), 12, seed=1)
    np.savez(tmp_path / "digits.npz", x=other.x.numpy(), y=other.y.numpy())
    result = run(tmp_path / "model", "--holdout", tmp_path / "digits.npz", "-o", tmp_path / "b")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "b" / "audit.json").read_text())["leak"]["likelihood"]["auc"]["value"] > 0
    formats.save(augmenter.generate(40, seed=0), tmp_path / "more", formats.Metadata.of(augmenter.bank_))
    result = run(tmp_path / "model", tmp_path / "more", "--space", "codes", "-o", tmp_path / "c")
    assert result.exit_code == 0, result.output
    assert "Euclidean distance of codes (VAE, 16 of 64)" in result.stdout


def test_words_of_the_data_cannot_break_the_page(tmp_path):
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    pytest.importorskip("pandas")
    (frame, y), (other, labels) = mixed(0), mixed(1)
    odd = {"age": r"$\frac{$", "city": "<script>alert(1)</script>", "beds": "x" * 200}
    names = np.where(y == "ill", "$a_$", "_b\n</table>"), np.where(labels == "ill", "$a_$", "_b\n</table>")
    found = vaeaug.audit((frame.rename(columns=odd), names[0]), (other.rename(columns=odd), names[1]), **QUICK)
    page = found.save(tmp_path)[1].read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert max(map(len, str(found).splitlines())) <= 80
    assert replace(found, pairs=()).pairs == ()
