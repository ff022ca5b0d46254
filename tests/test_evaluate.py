import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Perceptron
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from vaeaug.bench.stages.joined import Joined

import vaeaug.bench.runs as room
from vaeaug import Extrapolate, InputError, Interpolate
from vaeaug.bench import regimes
from vaeaug.bench.compare import Settings, compare, left_out
from vaeaug.bench.methods import CLASSICAL, PEERS, STANDARD, arms, every
from vaeaug.bench.results import read
from vaeaug.bench.stages.base import Synthetic
from vaeaug.bench.stages.baselines import ClassWeights, Mix, Oversample, Smote, WorstOf
from vaeaug.bench.stages.controls import Components, PixelNoise, Repeat
from vaeaug.bench.stages.method import Arm
from vaeaug.data import Samples, load, split, subset
from vaeaug.data.classical import Classical
from vaeaug.models.classifiers import as_classifier
from vaeaug.runtime import seeds as rng

pytestmark = pytest.mark.usefixtures("random_state_untouched")

# Peers and searches have tests of their own.
OURS = tuple(arm for arm in every("digits") if arm.growth not in PEERS.values() and "tuned" not in arm.name)
QUICK = Settings(steps=10, vae=(("steps", 10),))


def run(data="digits", **kwargs):
    options = {"per_class": 5, "seeds": 1, "settings": QUICK, "progress": False, **kwargs}
    return list(compare(data, **options))


def timeless(rows):
    return [{k: v for k, v in asdict(row).items() if "seconds" not in k} for row in rows]


def test_every_cell_has_a_row():
    rows = run(classifiers=("cnn", "forest"), seeds=2)
    assert [(r.seed, r.classifier, r.arm) for r in rows] == [
        (seed, classifier, arm.name) for seed in (0, 1) for classifier in ("cnn", "forest") for arm in arms()
    ]
    for row in rows:
        assert 0 <= row.accuracy <= 1
        assert row.samples == 50
        assert (row.vae_seconds > 0) == ("vae" in row.arm)
        assert row.steps == (10 if row.classifier == "cnn" else 0)
    assert all(len({r.subset for r in rows if r.seed == seed}) == 1 for seed in (0, 1))
    assert len({r.subset for r in rows}) == 2


def test_a_repeat_gives_the_same_rows():
    assert timeless(run(classifiers=("cnn", "forest"))) == timeless(run(classifiers=("cnn", "forest")))


def test_arms_differ_in_nothing_but_the_augmentation():
    still = Arm("still", (Classical(shift=0), Synthetic(replace=0)))
    one, two = run(methods=(Arm("none"), still))
    assert one.accuracy == two.accuracy


@pytest.mark.parametrize("data", ["wine", "breast-cancer"])
def test_rows_of_numbers(data):
    found = run(data, classifiers=("mlp", "logistic", "knn", "svc"))
    assert len(found) == 16
    assert {row.arm for row in run(data, classifiers=("mlp",), methods=OURS)} == {
        arm.name for arm in OURS if arm.name != "cutmix"
    }
    assert max(row.accuracy for row in found) > 0.6


def test_a_run_that_is_cut_off_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    whole = run(seeds=2)
    part = compare("digits", per_class=5, seeds=2, settings=QUICK, progress=False, results=path)
    for _ in range(5):
        next(part)
    part.close()
    assert len(read(path)) == 5
    # The last line is cut off in the middle, as by a power failure.
    path.write_text(path.read_text()[:-30])
    assert len(read(path)) == 4
    fits = []
    made = room.fit_network
    monkeypatch.setattr(room, "fit_network", lambda *args: fits.append(1) or made(*args))
    assert timeless(run(seeds=2, results=path)) == timeless(whole)
    assert len(fits) == 4
    assert timeless(read(path)) == timeless(whole)


def test_processes_change_nothing_but_the_order():
    def key(row):
        return row["seed"], row["classifier"], row["arm"]

    alone, together = (timeless(run(seeds=3, classifiers=("cnn", "svc"), n_jobs=jobs)) for jobs in (1, 2))
    assert sorted(alone, key=key) == sorted(together, key=key)


def test_threads_change_nothing():
    before, alone = torch.get_num_threads(), timeless(run())
    torch.set_num_threads(2)
    try:
        assert timeless(run()) == alone
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_arms_that_are_not_alike_stop_the_run(monkeypatch):
    made = room.fit_network

    def unlike(run, classifier, arm):
        return made(run, classifier, arm)._replace(steps=11 if arm.name == "vae" else 10)

    monkeypatch.setattr(room, "fit_network", unlike)
    with pytest.raises(RuntimeError, match="share the training subset and the number of steps"):
        run()


def test_rows_of_another_setup_are_not_taken(tmp_path):
    path = tmp_path / "rows.csv"
    run(results=path)
    run(results=path, settings=Settings(steps=11, vae=(("steps", 10),)))
    assert [row.steps for row in read(path)] == [10] * 4 + [11] * 4


def test_rows_of_another_test_split_are_not_taken(tmp_path):
    path = tmp_path / "rows.csv"
    pool, test = split(load("digits"))
    one = run(pool, test=test, results=path, classifiers=("knn",), methods=arms("digits", ["none"]))[0]
    wrong = Samples(test.x, (test.y + 1) % 10, test.names)
    two = run(pool, test=wrong, results=path, classifiers=("knn",), methods=arms("digits", ["none"]))[0]
    assert one.accuracy > 0.5 > two.accuracy
    path.write_text("data,reg")
    run(pool, test=test, results=path, classifiers=("knn",), methods=arms("digits", ["none"]))
    assert len(read(path)) == 1


def test_class_weights_level_the_classes_for_estimators(monkeypatch):
    seen = {}
    made = room.classifiers.fit_weighted

    def spy(estimator, x, y, weights):
        seen.update(y=y, weights=weights)
        made(estimator, x, y, weights)

    monkeypatch.setattr(room.classifiers, "fit_weighted", spy)
    counts = [9, 8, 7, 6, 5, 4, 3, 3, 2, 2]
    for name, size in (("class weights", 1), ("classical + class weights", 11)):
        run(per_class=counts, methods=arms("digits", [name]), classifiers=("logistic",))
        sums = np.bincount(seen["y"], seen["weights"])
        assert len(seen["y"]) == size * sum(counts)
        assert np.allclose(sums, sums[0], rtol=1e-4)


def test_foreign_rows_are_refused(tmp_path):
    path = tmp_path / "rows.csv"
    with path.open("w") as file:
        csv.writer(file).writerows([["a", "b"], [1, 2]])
    with pytest.raises(InputError, match=r"expected rows of this version in .*rows.csv.*choose another folder"):
        run(results=path)


class Tripwire(Samples):
    """A test split that may be read while judging only."""

    armed = True

    def __getattribute__(self, name):
        if name in ("x", "y") and Tripwire.armed:
            raise AssertionError(f"the test split's {name} was read before judging")
        return super().__getattribute__(name)


def test_nothing_reads_the_test_split_before_judging(monkeypatch):
    pool, test = split(load("digits"))
    Tripwire.armed = False
    fenced = Tripwire(test.x, test.y, test.names)
    made, judged = room.judge, []

    def judge(predict, held_out):
        Tripwire.armed = False
        judged.append(1)
        try:
            return made(predict, held_out)
        finally:
            Tripwire.armed = True

    monkeypatch.setattr(room, "judge", judge)
    Tripwire.armed = True
    options = {"test": fenced, "per_class": 5, "seeds": 1, "settings": QUICK, "progress": False}
    # The call itself looks at the test split to check and to name it; from then on the fence is up.
    Tripwire.armed = False
    cells = compare(pool, classifiers=("cnn", "forest", "svc"), **options)
    Tripwire.armed = True
    assert len(list(cells)) == len(judged) == 12
    monkeypatch.setattr(room, "judge", made)
    Tripwire.armed = False
    cells = compare(pool, classifiers=("forest",), **options)
    Tripwire.armed = True
    with pytest.raises(AssertionError, match="was read before judging"):
        list(cells)


@pytest.mark.parametrize("classifier", ["cnn", "forest", "logistic", "knn"])
def test_every_arm_runs(classifier):
    counts = [6, 6, 6, 6, 6, 6, 6, 6, 6, 3]
    rows = run(per_class=counts, methods=OURS, classifiers=(classifier,))
    names = {row.arm for row in rows}
    assert len(names) == len(rows)
    assert ("mixup" in names) == ("classical + vae, worst of 4" in names) == (classifier == "cnn")
    assert ("class weights" in names) == (classifier != "knn")
    assert {row.steps for row in rows} == {10 if classifier == "cnn" else 0}
    accuracy = {row.arm: row.accuracy for row in rows}
    if classifier == "logistic":
        assert accuracy["duplicates"] == pytest.approx(accuracy["none"], abs=0.1)
        assert accuracy["class weights"] != accuracy["none"]


def test_children_fill_the_rarer_classes():
    run_ = room.Run(load("digits")[torch.arange(60)], 0, QUICK)
    (arm,) = arms("digits", ["vae oversampling"])
    grown, real = arm.grow(run_), run_.samples
    assert set(grown.counts) == {max(real.counts)}
    assert torch.equal(grown.x[: len(real)], real.x)
    assert torch.equal(grown.y[: len(real)], real.y)
    assert len(grown.x.unique(dim=0)) > len(real)
    level = room.Run(subset(load("digits"), 3, 0), 0, QUICK)
    assert arm.grow(level) is level.samples


def test_rows_and_images_have_perturbations_of_their_own():
    stages = [arms("wine", ["vae"], images=images)[0].stages for images in (True, False)]
    assert stages == [(Synthetic(Extrapolate()),), (Synthetic(Interpolate()),)]
    named = {
        row.arm: row.confusion for row in run("wine", classifiers="knn", methods=arms("wine", ["vae"], images=False))
    }
    assert named == {row.arm: row.confusion for row in run("wine", classifiers="knn") if row.arm == "vae"}


def test_arms_by_name():
    assert tuple(arm.name for arm in arms("digits")) == STANDARD
    assert tuple(arm.name for arm in arms("digits", ["pca", "none"])) == ("pca", "none")
    assert arms("digits", ["all"]) == every("digits")
    assert len({arm.name for arm in every()}) == len(every())
    with pytest.raises(InputError, match=r"expected arm to be one of none, classical, .*, all, got 'magic'"):
        arms("digits", ["magic"])


class Run:
    """What a stage may know, without a benchmark around it."""

    def __init__(self, samples, augmenter=None, network=None):
        self.samples, self.seed, self.network, self._augmenter = samples, 0, network, augmenter

    def augmenter(self):
        return self._augmenter


def one_hot(samples):
    return torch.nn.functional.one_hot(samples.y, len(samples.names)).float()


def test_growths_balance_and_keep_the_originals():
    lopsided = subset(load("digits"), [9, 8, 7, 6, 5, 4, 3, 3, 2, 2])
    for growth, size in ((Oversample(), 9), (Smote(), 9), (Smote(factor=3), 15)):
        grown = growth.grow(Run(lopsided))
        assert grown.counts == [size] * 10
        assert torch.equal(grown.x[: len(lopsided)], lopsided.x)
        assert torch.equal(grown.y[: len(lopsided)], lopsided.y)
    copies = torch.cdist(Oversample().grow(Run(lopsided)).x.flatten(1), lopsided.x.flatten(1)).min(1).values
    assert copies.max() < 1e-6


def test_class_weights_level_the_classes():
    lopsided = subset(load("digits"), [9, 8, 7, 6, 5, 4, 3, 3, 2, 2])
    _, t = ClassWeights().fit(Run(lopsided))(lopsided.x, one_hot(lopsided), 0)
    assert torch.allclose(t.sum(0), torch.full((10,), len(lopsided) / 10), rtol=1e-5)


def test_pixel_noise_changes_as_much_as_the_vae(augmenter, digits):
    like = Synthetic()
    job, t = Run(digits, augmenter), one_hot(digits)
    rms = [
        float((stage.fit(job)(digits.x, t, 1)[0] - digits.x).square().mean().sqrt())
        for stage in (replace(like, replace=1.0), PixelNoise(replace(like, replace=1.0)))
    ]
    assert rms[1] == pytest.approx(rms[0], rel=0.15)


def test_mixing_mixes_labels_and_samples(digits):
    t = one_hot(digits)
    for stage in (Mix(alpha=1.0), Mix(cut=True, alpha=1.0)):
        x, mixed = stage.fit(Run(digits))(digits.x, t, 3)
        assert torch.allclose(mixed.sum(1), torch.ones(len(t)))
        assert (mixed.max(1).values < 1).any()
        assert not torch.equal(x, digits.x)
        again, _ = stage.fit(Run(digits))(digits.x, t, 3)
        assert torch.equal(x, again)


def test_worst_of_k_is_the_worst(augmenter, digits):
    with rng.forked(0):
        network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    job, t = Run(digits, augmenter, network), one_hot(digits)

    def loss(stage):
        x, _ = stage.fit(job)(digits.x, t, 5)
        with torch.no_grad():
            return torch.nn.functional.cross_entropy(network(x), digits.y, reduction="none")

    moves = Classical(shift=0.2, rotate=20)
    assert (loss(WorstOf(moves, 8)) >= loss(moves) - 1).float().mean() > 0.8
    assert loss(WorstOf(moves, 8)).mean() > loss(moves).mean()
    assert loss(Synthetic(replace=1.0, hardest_of=8)).mean() > loss(Synthetic(replace=1.0)).mean()


def test_what_joins_a_batch_stands_behind_it_with_its_targets(augmenter, digits):
    with rng.forked(0):
        network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    job, t = Run(digits, augmenter, network), one_hot(digits) * 2.5  # weighed
    x, targets = Joined().fit(job)(digits.x, t, 4)
    assert len(x) == len(targets) == 4 * len(digits)
    assert torch.equal(x[: len(digits)], digits.x)
    assert torch.equal(targets, t.repeat(4, 1))
    made = x[len(digits) :].view(3, *digits.x.shape)
    assert (made != digits.x).flatten(2).any(2).float().mean() > 0.9
    assert not torch.equal(made[0], made[1])
    again = Joined(Repeat(), 2).fit(job)(digits.x, t, 4)
    assert torch.equal(again[0], digits.x.repeat(3, 1, 1, 1))
    # For an estimator copies join the real samples anyway.
    x, _ = Joined().fit(Run(digits, augmenter))(digits.x, t, 4)
    assert len(x) == len(digits)
    assert Joined(WorstOf(Classical())).networks_only
    assert not Joined().networks_only
    with pytest.raises(InputError, match="expected beside to be a whole number from 1 up, got 0"):
        Joined(add=0)


def test_pca_control_gives_samples_back_at_scale_zero(digits):
    still = Components(Extrapolate(0.0), replace=1.0)
    assert torch.equal(still.fit(Run(digits))(digits.x, one_hot(digits), 0)[0], digits.x)
    moved_ = Components(Extrapolate(1.0), replace=1.0).fit(Run(digits))(digits.x, one_hot(digits), 0)[0]
    assert (moved_ != digits.x).flatten(1).any(1).all()


def test_lopsided_regime():
    counts = list(range(2, 12))
    row = run(per_class=counts, methods=(Arm("none"),), classifiers=("forest",))[0]
    assert row.regime == "2/3/4/5/6/7/8/9/10/11"
    assert row.samples == sum(counts)


def pool_of(counts):
    """A pool with so many samples of each class, and a test split with one."""
    y = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return Samples(torch.rand(len(y), 2, generator=torch.Generator().manual_seed(0)), y)


def test_named_lopsided_regimes():
    pool = pool_of([300] * 10)
    row = run(
        pool, test=pool_of([2] * 10), per_class="lopsided-small", methods=(Arm("none"),), classifiers="knn", seeds=2
    )[1]
    assert row.regime == "300/180/110/66/40/24/14/9/6/4 permuted"
    drawn = [regimes.drawn(pool, "lopsided-small", seed).counts for seed in (0, 1)]
    assert drawn[0] != drawn[1]
    assert [sorted(one, reverse=True) for one in drawn] == [list(regimes.LOPSIDED["lopsided-small"])] * 2
    assert row.samples == sum(drawn[1])
    whole = regimes.drawn(pool_of([3600] * 10), "lopsided", 5)
    assert regimes.text("lopsided") == "/".join(map(str, whole.counts)) == "3600/1800/900/675/450/315/180/90/54/36"


def test_x_and_y_are_what_a_pair_is():
    samples = load("wine")
    pair = run((samples.x, samples.y), classifiers="knn")
    assert timeless(run(samples.x.numpy(), y=samples.y.numpy(), classifiers="knn")) == timeless(pair)
    with pytest.raises(
        InputError, match=r"expected labels, got an array of shape \(178, 13\) alone; pass compare\(X, y\)"
    ):
        compare(samples.x)
    with pytest.raises(InputError, match="expected X with y, or labelled data alone, got Samples with y; leave y out"):
        compare(samples, samples.y)


def test_a_test_part_goes_by_the_names_of_the_classes():
    pool, test = split(load("wine"))
    named, whole = (replace(part, names=("a", "b", "c")) for part in (pool, test))
    expected = timeless(run(named, test=whole, classifiers="knn"))
    # The test part has no wine of class a, and so numbers the others 0 and 1.
    part = test[test.y > 0]
    fewer = run(named, test=Samples(part.x, part.y - 1, ("b", "c")), classifiers="knn")
    assert [row.confusion.split("/")[1:] for row in fewer] == [row["confusion"].split("/")[1:] for row in expected]
    assert timeless(run(named, test=(test.x, test.y), classifiers="knn")) == expected
    with pytest.raises(InputError, match="expected test data of the classes a, b, c, got d; name its classes as"):
        compare(named, test=Samples(part.x, part.y - 1, ("b", "d")))


def tiny(event_shape, classes):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(int(np.prod(event_shape)), classes))


def wrong(event_shape, classes):
    return torch.nn.Flatten()


def test_classifiers_of_your_own():
    own = [tiny, ("nb", GaussianNB()), make_pipeline(StandardScaler(), DecisionTreeClassifier()), Perceptron()]
    rows = run("wine", classifiers=own, seeds=2)
    assert {row.classifier for row in rows} == {"tiny", "nb", "Pipeline", "Perceptron"}
    assert {row.steps for row in rows if row.classifier == "tiny"} == {10}
    assert max(row.accuracy for row in rows) > 0.8
    alone = timeless(rows)
    together = timeless(run("wine", classifiers=own, seeds=2, n_jobs=2))
    assert sorted(alone, key=str) == sorted(together, key=str)
    assert own[3].random_state == 0
    assert not hasattr(own[3], "coef_")


def test_a_seed_sets_every_random_state():
    tree = as_classifier(("t", make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=7))))
    made = tree.estimator(3)
    assert made[1].random_state == 3
    assert tree.spec[1].random_state == 7
    assert tree.accepts_sample_weight
    assert not as_classifier(("k", make_pipeline(KNeighborsClassifier(3)))).accepts_sample_weight


def test_your_own_that_changed_is_run_again(tmp_path):
    for depth in (1, 5, 5):
        run(
            classifiers=DecisionTreeClassifier(max_depth=depth),
            results=tmp_path / "rows.csv",
            methods=arms("", ["none"]),
        )
    assert [row.accuracy > 0.3 for row in read(tmp_path / "rows.csv")] == [False, True]


def test_resnet_and_boosting():
    with rng.forked(0):
        network = as_classifier("resnet18").network((3, 9, 8), 4)
    assert network.eval()(torch.zeros(2, 3, 9, 8)).shape == (2, 4)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(11.2e6, rel=0.01)
    rows = run(
        classifiers=("boosting", "resnet18"), per_class=2, methods=arms("digits", ["none"]), settings=Settings(steps=1)
    )
    assert [row.steps for row in rows] == [0, 1]


def test_what_is_left_out_has_a_reason():
    told = left_out(["knn", "cnn"], arms("", ["none", "mixup", "class weights", "cutmix"]), images=True)
    assert told == [
        ("knn", "mixup", "it mixes labels or asks a network in training"),
        ("knn", "class weights", "the classifier takes no sample weights"),
        ("knn", "cutmix", "it mixes labels or asks a network in training"),
    ]
    assert left_out("mlp", arms("", ["cutmix"]), images=False) == [("mlp", "cutmix", "it is for images")]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda shape, classes: None, r"expected a classifier with a name, got a function without one; pass a pair"),
        (torch.nn.Linear(2, 2), r"expected a function that makes a network, got a network \(Linear\)"),
        (GaussianNB, r"expected an estimator, got the class GaussianNB; pass GaussianNB\(\)"),
        (3, "expected a classifier: a name, a scikit-learn estimator or a function .*, got 3"),
        (("cnn", GaussianNB(), 3), r"expected a classifier: .*, got 3; pass one of these"),
        ([("svc", GaussianNB())], "expected a name of its own for your classifier, got 'svc'"),
        ([GaussianNB(), GaussianNB()], r"expected classifiers of different names, got \['GaussianNB', 'GaussianNB'\]"),
        (wrong, r"expected logits \(2, 10\) from wrong, got \(2, 64\); end the network in nn.Linear"),
        (("n", lambda shape, classes: 3), "expected an nn.Module from n, got int; return the network"),
    ],
)
def test_bad_classifiers(given, message):
    with pytest.raises(InputError, match=message):
        compare("digits", classifiers=given)


def test_what_other_processes_cannot_import_is_refused():
    with pytest.raises(
        InputError, match=r"expected objects that other processes can import, got the classifier f \(.*or use n_jobs=1"
    ):
        compare("digits", classifiers=("f", lambda shape, classes: tiny(shape, classes)), n_jobs=2)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (
            {"classifier": ("resnet",)},
            "expected classifier to be one of cnn, mlp, resnet18, forest, svc, logistic, knn, boosting, got 'resnet'",
        ),
        ({"data": "wine"}, "expected a classifier for rows, got cnn; choose mlp"),
        (
            {"per_class": 5000},
            r"expected at least 5000 samples per class to train on, got 87 of class 8 \(8\): half of the data is held out ",
        ),
        ({"per_class": 1}, "expected at least 2 samples of every class"),
        ({"seeds": 0}, "expected seeds to be a whole number from 1 up, got 0"),
        ({"seeds": []}, r"expected seeds that differ, got \[\]"),
        ({"seeds": [3, 3]}, r"expected seeds that differ, got \[3, 3\]"),
        ({"seeds": [-1]}, "expected seed to be a whole number from 0 up, got -1"),
        ({"test": (np.zeros((4, 1, 9, 9)), np.arange(4))}, r"expected test of shape \(B, 1, 8, 8\)"),
        ({"test": (np.zeros((4, 1, 8, 8)), np.arange(4) + 9)}, "expected labels in 0..9, got labels from 9 to 12"),
        ({"jobs": 0}, "expected jobs to be a whole number from 1 up, got 0"),
        ({"arm": arms("digits", ["mixup"]), "classifier": ("svc",)}, "expected an arm that suits the classifiers"),
        ({"data": "nothing"}, "expected one of digits"),
    ],
)
def test_bad_input_before_any_work(kwargs, message):
    with pytest.raises(InputError, match=message):
        compare(kwargs.pop("data", "digits"), **kwargs)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"steps": 0}, "expected steps to be a whole number from 1 up, got 0"),
        ({"precision": "fp8"}, "expected precision to be one of auto, fp32, bf16"),
        ({"smoothing": 2}, "expected smoothing to be a number from 0 to 1, got 2"),
        ({"vae": (("stepz", 3),)}, "expected an argument of fit_vae to be one of .*, got 'stepz'"),
    ],
)
def test_bad_settings(kwargs, message):
    with pytest.raises(InputError, match=message):
        Settings(**kwargs)


def images(n=400, side=12):
    x = torch.zeros(n, 1, side, side)
    x[:, :, side // 2 - 1 : side // 2 + 2, side // 2 - 1] = 1
    return x


def moved(stage, x):
    return stage.fit(Run(Samples(x, torch.zeros(len(x), dtype=torch.long))))(x, torch.ones(len(x), 1), 0)[0]


def test_classical_without_motion_changes_nothing():
    x = images()
    assert torch.allclose(moved(Classical(shift=0), x), x, atol=1e-5)


def test_classical_shifts_by_whole_pixels():
    x = images()
    out = moved(Classical(shift=2 / 12), x)
    assert torch.allclose(out, out.round(), atol=1e-4), "a shift alone must not blur"
    assert torch.allclose(out.sum((1, 2, 3)), x.sum((1, 2, 3)), atol=1e-3)
    centre = (out * torch.arange(12.0)).sum((1, 2, 3)) / 3 - 5
    assert set(centre.round().int().tolist()) == {-2, -1, 0, 1, 2}


def test_classical_cuts_a_square_out():
    x = torch.ones(500, 2, 12, 10)
    x[0, 0, 0, 0] = 0
    holes = (moved(Classical(shift=0, cutout=0.5), x) < 0.5).long()[1:]
    assert torch.equal(holes[:, 0], holes[:, 1])
    rows, columns = holes[:, 0].amax(2).sum(1), holes[:, 0].amax(1).sum(1)
    assert torch.equal(holes[:, 0].sum((1, 2)), rows * columns), "one rectangle, of zeros alone"
    assert (int(rows.min()), int(rows.max())) == (3, 6), "a centre on the edge cuts half away"
    assert (int(columns.min()), int(columns.max())) == (3, 5)
    middle = holes[:, 0].float().mean(0)
    assert middle[6, 5] > middle[0, 0] > 0
    bright = Samples(x + 5, torch.zeros(len(x), dtype=torch.long))
    bright.x[0, 0, 0, 0] = 2
    cut = Classical(shift=0, cutout=0.5).fit(Run(bright))(bright.x, torch.ones(len(x), 1), 0)[0]
    assert cut.min() == 2, "the darkest value that was seen, not zero"


@pytest.mark.parametrize(
    ("name", "value"), [("shift", 1.5), ("rotate", -1), ("zoom", 1.0), ("cutout", 2), ("jitter", -1)]
)
def test_bad_classical(name, value):
    with pytest.raises(InputError, match=f"expected {name} to be a number from 0.*, got {value}"):
        Classical(**{name: value})


def test_the_classical_arm_has_the_settings_that_the_search_chose():
    path = Path(__file__).parents[1] / "benchmarks" / "results" / "classical.json"
    if not path.exists():
        pytest.skip("benchmarks/ is not there")
    for data, found in json.loads(path.read_text()).items():
        assert CLASSICAL[data] == Classical(**found["moves"])
        assert found["smoothing"] == Settings().smoothing
        best = max(found["mean_accuracy"], key=found["mean_accuracy"].get)
        assert all(f"{name}={value}" in best for name, value in found["moves"].items())


def test_classical_flips_half():
    x = images()
    x[:, :, 0, 0] = 1
    out = moved(Classical(shift=0, flip=True), x)
    mirrored = torch.isclose(out, x.flip(3), atol=1e-4).flatten(1).all(1)
    kept = torch.isclose(out, x, atol=1e-4).flatten(1).all(1)
    assert (mirrored ^ kept).all()
    assert 140 < mirrored.sum() < 260


def test_classical_rotates_and_zooms_within_its_bounds():
    x = torch.zeros(300, 1, 21, 21)
    x[:, :, 5:16, 5:16] = 1
    area = moved(Classical(shift=0, zoom=0.2), x).sum((1, 2, 3)) / 121
    assert 0.6 < area.min() < 0.75
    assert 1.3 < area.max() < 1.5
    turned = moved(Classical(shift=0, rotate=30), x)
    assert torch.allclose(turned.sum((1, 2, 3)), x.sum((1, 2, 3)), rtol=0.03)
    assert (turned != x).flatten(1).any(1).float().mean() > 0.95


def test_jitter_of_rows_has_the_features_spread():
    rows = torch.tensor(np.random.default_rng(0).normal(0, [1, 10], (5000, 2)), dtype=torch.float32)
    spread = (moved(Classical(jitter=0.1), rows) - rows).std(0)
    assert torch.allclose(spread, torch.tensor([0.1, 1.0]), rtol=0.1)
