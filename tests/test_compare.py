"""compare: results on disk, processes, the shared conditions of methods, and no look at the test split before judging."""

import csv
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from quick_bench import QUICK, context_of, quick_compare, without_seconds
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Perceptron
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from vaeaug import Augmenter, InputError
from vaeaug.bench import runs
from vaeaug.bench.compare import augmenter_folder, compare, unsupported
from vaeaug.bench.inputs import official_split
from vaeaug.bench.methods import Catalogue
from vaeaug.bench.results import read
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.baselines import ClassicalAugmentation, Mix
from vaeaug.bench.stages.controls import Unchanged
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Synthetic
from vaeaug.data import Samples, load, split
from vaeaug.data.classical import Classical

pytestmark = pytest.mark.usefixtures("random_state_untouched")

FOUR = ("none", "classical", "synthetic (extrapolate)", "classical + synthetic")
# Generators and the search have tests of their own.
METHODS = tuple(
    m
    for m in Catalogue("digits").named(["all"])
    if m.kind != "generator" and not {"tuned", "pretrained"} & set(m.name.split())
)


def test_every_run_has_a_result():
    results = quick_compare(classifiers=("cnn", "forest"), seeds=2)
    standard = Catalogue("digits").standard
    assert [(r.seed, r.classifier, r.method, r.kind) for r in results] == [
        (seed, classifier, method.name, method.kind)
        for seed in (0, 1)
        for classifier in ("cnn", "forest")
        for method in standard
        if method.supports(classifier)
    ]
    for result in results:
        assert 0 <= result.accuracy <= 1
        assert result.samples == 50
        assert (result.vae_seconds > 0) >= (result.kind == "ours")
        assert (result.vae_seconds > 0) <= (result.kind in ("ours", "control"))
        assert (result.data_kind, len(result.frame)) == ("images", 12)
        assert (result.space == "vae") == (result.kind == "ours")
        assert bool(result.scheme) == bool(result.space)
        assert result.steps == (10 if result.classifier == "cnn" else 0)
    assert all(len({r.subset for r in results if r.seed == seed}) == 1 for seed in (0, 1))
    assert len({r.subset for r in results}) == 2


def test_a_repetition_gives_the_same_results():
    one, two = (quick_compare(classifiers=("cnn", "forest")) for _ in range(2))
    assert without_seconds(one) == without_seconds(two)


def test_methods_differ_in_nothing_but_the_augmentation():
    unchanged = Method("unchanged", (ClassicalAugmentation(Classical(shift=0)), Synthetic(replace=0)))
    one, two = quick_compare(methods=(Method("none"), unchanged))
    assert one.accuracy == two.accuracy


@pytest.mark.parametrize("data", ["wine", "breast-cancer"])
def test_tabular_data(data):
    results = quick_compare(data, classifiers=("mlp", "logistic", "knn", "svc"))
    assert len(results) == 4 * len(Catalogue(data, images=False).standard)
    assert {result.data_kind for result in results} == {"tabular"}
    assert max(result.accuracy for result in results) > 0.6
    methods = [m for m in Catalogue(data, images=False).named(["all"]) if m.name in {m.name for m in METHODS}]
    names = {result.method for result in quick_compare(data, classifiers=("mlp",), methods=methods)}
    for_images = {m.name for m in methods if re.search("CutMix|RandAugment|TrivialAugment|erasing|elastic", m.name)}
    assert names == {method.name for method in methods} - for_images


def test_an_interrupted_run_is_resumed(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    expected = quick_compare(methods=FOUR, seeds=2)
    interrupted = compare("digits", methods=FOUR, per_class=5, seeds=2, settings=QUICK, progress=False, results=path)
    for _ in range(5):
        next(interrupted)
    interrupted.close()
    assert len(read(path)) == 5
    # The last line is incomplete, as after a power failure.
    path.write_text(path.read_text()[:-30])
    assert len(read(path)) == 4
    fitted = []
    fit_classifier = runs.fit_classifier
    monkeypatch.setattr(runs, "fit_classifier", lambda *args: fitted.append(1) or fit_classifier(*args))
    assert without_seconds(quick_compare(methods=FOUR, seeds=2, results=path)) == without_seconds(expected)
    assert len(fitted) == 4
    assert without_seconds(read(path)) == without_seconds(expected)


def test_processes_change_only_the_order(tmp_path):
    def key(result):
        return result["seed"], result["classifier"], result["method"]

    path = tmp_path / "rows.csv"
    one = quick_compare(seeds=3, classifiers=("cnn", "svc"))
    two = quick_compare(seeds=3, classifiers=("cnn", "svc"), n_jobs=2, results=path)
    assert sorted(without_seconds(one), key=key) == sorted(without_seconds(two), key=key)
    assert without_seconds(read(path)) == without_seconds(two)


def test_threads_change_nothing():
    before, expected = torch.get_num_threads(), without_seconds(quick_compare())
    torch.set_num_threads(2)
    try:
        assert without_seconds(quick_compare()) == expected
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_methods_that_do_not_share_their_steps_stop_the_run(monkeypatch):
    fit_classifier = runs.fit_classifier

    def fit_longer(context, method):
        return fit_classifier(context, method)._replace(steps=10 if method.name == "none" else 11)

    monkeypatch.setattr(runs, "fit_classifier", fit_longer)
    with pytest.raises(RuntimeError, match="share the training subset and the number of steps"):
        quick_compare()


def test_results_of_other_settings_are_not_reused(tmp_path):
    path = tmp_path / "rows.csv"
    quick_compare(methods=FOUR, results=path)
    quick_compare(methods=FOUR, results=path, settings=Settings(steps=11, vae=(("steps", 10),)))
    assert [result.steps for result in read(path)] == [10] * 4 + [11] * 4


def test_results_of_another_test_split_are_not_reused(tmp_path):
    path = tmp_path / "rows.csv"
    data, test = split(load("digits"))
    options = {"results": path, "classifiers": ("knn",), "methods": "none"}
    right = quick_compare(data, test=test, **options)[0]
    wrong_labels = Samples(test.x, (test.y + 1) % 10, test.names)
    wrong = quick_compare(data, test=wrong_labels, **options)[0]
    assert right.accuracy > 0.5 > wrong.accuracy
    path.write_text("data,reg")
    quick_compare(data, test=test, **options)
    assert len(read(path)) == 1


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "rows.csv"
    with path.open("w") as file:
        csv.writer(file).writerows([["a", "b"], [1, 2]])
    with pytest.raises(InputError, match=r"expected results of this version in .*rows.csv.*choose another folder"):
        quick_compare(results=path)


class Tripwire(Samples):
    """A test split that may be read only while judging."""

    armed = True

    def __getattribute__(self, name):
        if name in ("x", "y") and Tripwire.armed:
            raise AssertionError(f"the test split's {name} was read before judging")
        return super().__getattribute__(name)


@pytest.fixture
def guarded():
    """Training data and a guarded test split; the guard is down until a test raises it."""
    Tripwire.armed = False
    data, test = split(load("digits"))
    yield data, Tripwire(test.x, test.y, test.names)
    Tripwire.armed = False


def test_nothing_reads_the_test_split_before_judging(monkeypatch, guarded):
    data, test = guarded
    judge, judged = runs.judge, []

    def judge_unguarded(trained, test):
        Tripwire.armed = False
        judged.append(1)
        try:
            return judge(trained, test)
        finally:
            Tripwire.armed = True

    monkeypatch.setattr(runs, "judge", judge_unguarded)
    options = {"test": test, "per_class": 5, "seeds": 1, "settings": QUICK, "progress": False}
    # The call itself checks and hashes the test split; training starts with the first result.
    results = compare(data, classifiers=("cnn", "forest", "svc"), methods=FOUR, **options)
    Tripwire.armed = True
    assert len(list(results)) == len(judged) == 12


def test_the_tripwire_notices_a_look_at_the_test_split(guarded):
    data, test = guarded
    results = compare(data, classifiers="forest", test=test, per_class=5, seeds=1, settings=QUICK, progress=False)
    Tripwire.armed = True
    with pytest.raises(AssertionError, match="was read before judging"):
        list(results)


@pytest.mark.parametrize("classifier", ["cnn", ("trees", RandomForestClassifier(5)), "logistic", "knn"], ids=str)
def test_every_method_runs(classifier):
    counts = [6, 6, 6, 6, 6, 6, 6, 6, 6, 3]
    results = quick_compare(per_class=counts, methods=METHODS, classifiers=(classifier,))
    names = {result.method for result in results}
    assert len(names) == len(results)
    assert ("MixUp" in names) == ("classical + synthetic (extrapolate, hardest of 4)" in names) == (classifier == "cnn")
    assert ("class weights" in names) == (classifier != "knn")
    shared = {result.steps for result in results if result.kind != "equal time"}
    assert shared == {10 if classifier == "cnn" else 0}
    assert all(result.steps >= 10 for result in results if result.kind == "equal time")
    accuracy = {result.method: result.accuracy for result in results}
    if classifier == "logistic":
        assert accuracy["duplicates"] == pytest.approx(accuracy["none"], abs=0.1)
        assert accuracy["class weights"] != accuracy["none"]


def test_an_imbalanced_regime():
    counts = list(range(2, 12))
    result = quick_compare(per_class=counts, methods="none", classifiers="forest")[0]
    assert result.regime == "2/3/4/5/6/7/8/9/10/11"
    assert result.samples == sum(counts)


def test_a_permuted_regime():
    def samples(per_class):
        y = torch.arange(10).repeat_interleave(per_class)
        return Samples(torch.rand(len(y), 2, generator=torch.Generator().manual_seed(0)), y)

    options = {"per_class": "imbalanced-small", "methods": "none", "classifiers": "knn"}
    results = quick_compare(samples(300), test=samples(2), seeds=2, **options)
    assert {result.regime for result in results} == {"300/180/110/66/40/24/14/9/6/4 permuted"}
    assert {result.samples for result in results} == {753}
    assert results[0].subset != results[1].subset


def test_x_and_y_mean_the_same_as_a_pair():
    samples = load("wine")
    pair = quick_compare((samples.x, samples.y), classifiers="knn")
    apart = quick_compare(samples.x.numpy(), y=samples.y.numpy(), classifiers="knn")
    assert without_seconds(apart) == without_seconds(pair)
    with pytest.raises(
        InputError, match=r"expected labels, got an array of shape \(178, 13\) alone; pass compare\(X, y\)"
    ):
        compare(samples.x)
    with pytest.raises(InputError, match="expected X with y, or labelled data alone, got Samples with y; leave y out"):
        compare(samples, samples.y)


def test_labels_of_the_test_data_follow_the_class_names():
    data, test = (replace(samples, names=("a", "b", "c")) for samples in split(load("wine")))
    expected = without_seconds(quick_compare(data, test=test, classifiers="knn"))
    # This test data lacks class a, and so numbers the others 0 and 1.
    some = test[test.y > 0]
    results = quick_compare(data, test=Samples(some.x, some.y - 1, ("b", "c")), classifiers="knn")
    assert [r.confusion.split("/")[1:] for r in results] == [r["confusion"].split("/")[1:] for r in expected]
    assert without_seconds(quick_compare(data, test=(test.x, test.y), classifiers="knn")) == expected
    with pytest.raises(InputError, match="expected test data of the classes a, b, c, got d; name its classes as"):
        compare(data, test=Samples(some.x, some.y - 1, ("b", "d")))


def linear(event_shape, classes):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(int(np.prod(event_shape)), classes))


def without_logits(event_shape, classes):
    return torch.nn.Flatten()


def test_classifiers_of_your_own():
    own = [linear, ("nb", GaussianNB()), make_pipeline(StandardScaler(), DecisionTreeClassifier()), Perceptron()]
    results = quick_compare("wine", classifiers=own, seeds=2)
    assert {result.classifier for result in results} == {"linear", "nb", "Pipeline", "Perceptron"}
    assert {result.steps for result in results if result.classifier == "linear"} == {10}
    assert max(result.accuracy for result in results) > 0.8
    in_processes = quick_compare("wine", classifiers=own, seeds=2, n_jobs=2)
    assert sorted(without_seconds(results), key=str) == sorted(without_seconds(in_processes), key=str)
    assert own[3].random_state == 0
    assert not hasattr(own[3], "coef_")


def test_a_classifier_of_your_own_that_changed_is_run_again(tmp_path):
    path = tmp_path / "rows.csv"
    for depth in (1, 5, 5):
        quick_compare(classifiers=DecisionTreeClassifier(max_depth=depth), results=path, methods="none")
    assert [result.accuracy > 0.3 for result in read(path)] == [False, True]


def test_resnet_and_boosting():
    results = quick_compare(
        classifiers=("boosting", "resnet18"), per_class=2, methods="none", settings=Settings(steps=1)
    )
    assert [result.steps for result in results] == [0, 1]


class OnlyLabels(ClassifierMixin, BaseEstimator):
    """An estimator that gives labels, and neither probabilities nor scores."""

    def fit(self, x, y):
        self.tree_ = DecisionTreeClassifier(random_state=0).fit(x, y)
        self.classes_ = self.tree_.classes_
        return self

    def predict(self, x):
        return self.tree_.predict(x)


def test_scores_of_classifiers():
    own = [("pairs", SVC(decision_function_shape="ovo")), ("labels", OnlyLabels())]
    results = {
        r.classifier: r for r in quick_compare("wine", classifiers=("mlp", "forest", "svc", *own), methods="none")
    }
    for name in ("mlp", "forest"):
        assert 0.5 < results[name].auc <= 1
        assert results[name].log_loss > 0
        assert 0 <= results[name].calibration_error <= 1
    assert 0.5 < results["svc"].auc <= 1, "a decision function has an area under the ROC curve"
    for name in ("svc", "pairs", "labels"):
        assert math.isnan(results[name].log_loss), "but no probabilities"
        assert math.isnan(results[name].calibration_error)
    assert math.isnan(results["pairs"].auc), "scores of pairs of classes are not scores of classes"
    assert math.isnan(results["labels"].auc)


def test_unsupported_methods_have_a_reason():
    methods = Catalogue().named(["none", "MixUp", "class weights", "CutMix"])
    assert unsupported(["knn", "cnn"], methods, images=True) == [
        ("knn", "MixUp", "it mixes labels or needs a network in training"),
        ("knn", "class weights", "the classifier takes no sample weights"),
        ("knn", "CutMix", "it mixes labels or needs a network in training"),
    ]
    assert unsupported("mlp", Catalogue().named(["CutMix"]), images=False) == [("mlp", "CutMix", "it is for images")]
    results = quick_compare(classifiers=("knn", "cnn"), methods=methods)
    assert [r.method for r in results] == ["none", *(method.name for method in methods)]


def test_methods_by_name_and_methods_of_your_own():
    own = Method("mine", (Unchanged(),), kind="control")
    results = quick_compare(classifiers="knn", methods=["none", own, "classical"])
    assert [(r.method, r.kind) for r in results] == [
        ("none", "baseline"),
        ("mine", "control"),
        ("classical", "baseline"),
    ]
    assert [r.method for r in quick_compare(classifiers="knn", methods=own)] == ["mine"]
    assert [r.method for r in quick_compare(classifiers="knn", methods="none")] == ["none"]


def test_a_method_runs_once(tmp_path):
    path = tmp_path / "rows.csv"
    methods = ["none", "none", *Catalogue("digits").named(["none", "classical"])]
    results = quick_compare(classifiers="knn", methods=methods, results=path)
    assert [result.method for result in results] == ["none", "classical"]
    assert len(read(path)) == 2
    with pytest.raises(InputError, match="expected methods of different names, got two that are called 'none'; rename"):
        compare("digits", methods=["none", Method("none", (Unchanged(),))])


def test_the_first_augmenter_is_saved(tmp_path):
    data, test = official_split("digits")
    options = {"test": test, "classifiers": "knn", "seeds": [4, 5], "save_augmenter_to": tmp_path}
    first, *_ = quick_compare(data, methods=["none", "synthetic"], **options)
    (folder,) = tmp_path.iterdir()
    assert folder == augmenter_folder(tmp_path, first.subset, QUICK)
    subset = Augmenter.load(folder).bank_.samples
    expected = context_of(subset, seed=4).augmenter().generate(20, seed=0)
    assert torch.equal(Augmenter.load(folder).generate(20, seed=0).x, expected.x)
    assert len(subset) == first.samples
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    quick_compare(data, methods=["none", "synthetic"], **options)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before, "it is there already"


def test_without_a_vae_no_augmenter_is_saved(tmp_path):
    quick_compare(classifiers="knn", methods=["none", "classical"], save_augmenter_to=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("classifiers", "message"),
    [
        (lambda shape, classes: None, r"expected a classifier with a name, got a function without one; pass a pair"),
        (torch.nn.Linear(2, 2), r"expected a function that makes a network, got a network \(Linear\)"),
        (GaussianNB, r"expected an estimator, got the class GaussianNB; pass GaussianNB\(\)"),
        (3, "expected a classifier: a name, a scikit-learn estimator or a function .*, got 3"),
        (("cnn", GaussianNB(), 3), r"expected a classifier: .*, got 3; pass one of these"),
        ([("svc", GaussianNB())], "expected a name of its own for your classifier, got 'svc'"),
        ([GaussianNB(), GaussianNB()], r"expected classifiers of different names, got \['GaussianNB', 'GaussianNB'\]"),
        (without_logits, r"expected logits \(2, 10\) from without_logits, got \(2, 64\); end the network in nn.Linear"),
        (("n", lambda shape, classes: 3), "expected an nn.Module from n, got int; return the network"),
    ],
)
def test_bad_classifiers(classifiers, message):
    with pytest.raises(InputError, match=message):
        compare("digits", classifiers=classifiers)


def test_classifiers_that_other_processes_cannot_import_are_refused():
    message = r"expected objects that other processes can import, got the classifier f \(.*or use n_jobs=1"
    with pytest.raises(InputError, match=message):
        compare("digits", classifiers=("f", lambda shape, classes: linear(shape, classes)), n_jobs=2)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (
            {"classifiers": ("resnet",)},
            "expected classifier to be one of cnn, mlp, resnet18, forest, svc, logistic, knn, boosting, got 'resnet'",
        ),
        ({"data": "wine"}, "expected a classifier for tabular data, got cnn; choose mlp"),
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
        ({"n_jobs": 0}, "expected n_jobs to be a whole number from 1 up, got 0"),
        (
            {"methods": [Method("mixed", (Mix(),))], "classifiers": ("svc",)},
            "expected a method that supports the classifiers, got none; name others, for example 'none' and 'classical'",
        ),
        ({"methods": "magic"}, "expected the name of a method, got 'magic'; similar names: "),
        ({"data": "nothing"}, "expected one of digits"),
        ({"results": Path(__file__) / "rows.csv"}, "expected a writable path for '.*rows.csv'"),
        ({"classifier": "cnn"}, "expected the argument classifiers, got classifier='cnn'; classifier is now called cl"),
        ({"arm": ("none",)}, "expected the argument methods, got arm=.*; arm is now called methods"),
        ({"rows": "rows.csv"}, "expected the argument results, got rows='rows.csv'; rows is now called results"),
        ({"keep": "folder"}, "expected the argument save_augmenter_to, got keep='folder'; keep is now called save_aug"),
        ({"jobs": 2}, "expected the argument n_jobs, got jobs=2; jobs is now called n_jobs"),
    ],
)
def test_bad_input_is_refused_before_any_work(kwargs, message, monkeypatch):
    monkeypatch.setattr(runs, "fit_classifier", lambda context, method: pytest.fail("a classifier was trained"))
    with pytest.raises(InputError, match=message):
        compare(kwargs.pop("data", "digits"), **kwargs)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"steps": 0}, "expected steps to be a whole number from 1 up, got 0"),
        ({"batch": 0}, "expected batch to be a whole number from 1 up, got 0"),
        ({"lr": 0}, "expected lr to be a number above 0, got 0"),
        ({"weight_decay": -1}, "expected weight_decay to be a number from 0 up, got -1"),
        ({"precision": "fp8"}, "expected precision to be one of auto, fp32, bf16"),
        ({"smoothing": 2}, "expected smoothing to be a number from 0 to 1, got 2"),
        ({"vae": (("stepz", 3),)}, "expected an argument of fit_vae to be one of .*, got 'stepz'"),
    ],
)
def test_bad_settings(kwargs, message):
    with pytest.raises(InputError, match=message):
        Settings(**kwargs)
