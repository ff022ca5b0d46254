"""Stable keys: committed results count as results of this version, and results of anything else do not."""

import dataclasses
import functools
import importlib
import inspect
import json
import pkgutil
import shutil
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import needs_fashion
from quick_bench import quick_compare
from sklearn.tree import DecisionTreeClassifier

import vaeaug.bench
from vaeaug import Covariance, Difference, Extrapolate, Interpolate
from vaeaug.bench import runs
from vaeaug.bench.inputs import official_split
from vaeaug.bench.keys import digest, setup_digest, stable_key
from vaeaug.bench.methods import DEFAULT_MIXED, REPLACING_MIXED, Catalogue
from vaeaug.bench.regimes import Regime, draw_subset
from vaeaug.bench.results import read
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.base import Resampler, Stage
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Append, Synthetic
from vaeaug.models.classifiers import as_classifier
from vaeaug.runtime import seeds
from vaeaug.runtime.seeds import Stream

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
COMMITTED = sorted(path.parent.name for path in BENCHMARKS.glob("results/*/rows.csv"))
INCOMPLETE = "fashion-mnist-20-longer"  # one of its methods was not run
UNLABELLED = 10_000  # in the table of methods with unlabelled samples


def with_marks(name):
    return pytest.param(name, marks=needs_fashion if name.startswith("fashion") else ())


every_table = pytest.mark.parametrize("table", [with_marks(name) for name in COMMITTED])


@functools.cache
def data_of(name):
    """Returns the data to train on, and the hash of the test split."""
    train_data, test = official_split(name)
    return train_data, digest(test.x.numpy().tobytes(), test.y.numpy().tobytes())


def settings_of(table):
    return Settings(steps=2000) if table.endswith("-longer") else Settings()


def results_of(table):
    return read(BENCHMARKS / "results" / table / "rows.csv")


# What follows was committed with these hashes. A number that differs here makes every committed result run again.


@pytest.mark.parametrize(
    ("data", "classifier", "method", "settings", "expected"),
    [
        ("digits", "cnn", "none", Settings(), "f80bbff0ce3c"),
        ("digits", "cnn", "classical", Settings(), "59a3735a6ca8"),
        ("digits", "cnn", "classical + MixUp", Settings(), "9411f0f87472"),
        ("digits", "forest", "synthetic (extrapolate)", Settings(), "22da8e0d66db"),
        ("wine", "logistic", "none", Settings(), "3f0a5eedf246"),
        ("wine", "logistic", "synthetic (interpolate)", Settings(), "a934378ff43c"),
        ("breast-cancer", "logistic", "none", Settings(), "88e9716958cc"),
        pytest.param("fashion-mnist", "cnn", "none", Settings(), "d522e9a0cfb4", marks=needs_fashion),
        pytest.param("fashion-mnist", "cnn", "classical", Settings(), "626e53a20bb2", marks=needs_fashion),
        pytest.param("fashion-mnist", "cnn", "classical", Settings(steps=2000), "1c77db3eacf7", marks=needs_fashion),
        pytest.param(
            "fashion-mnist", "cnn", "classical + random oversampling", Settings(), "ef7e1332f2b2", marks=needs_fashion
        ),
    ],
)
def test_hashes_of_setups(data, classifier, method, settings, expected):
    train_data, test_digest = data_of(data)
    (method,) = Catalogue(data, images=train_data.x.ndim == 4).named([method])
    assert setup_digest(method, settings, test_digest, as_classifier(classifier)) == expected


@every_table
def test_committed_results_belong_to_the_setups_of_this_version(table):
    results = results_of(table)
    assert results
    for data, classifier, name, setup in {(r.data, r.classifier, r.method, r.setup) for r in results}:
        train_data, test_digest = data_of(data)
        catalogue = Catalogue(data, images=train_data.x.ndim == 4)
        methods = {m.name: m for m in (*catalogue.all, *catalogue.with_unlabelled(UNLABELLED))}
        expected = setup_digest(methods[name], settings_of(table), test_digest, as_classifier(classifier))
        assert setup == expected, f"{classifier}, {name}"
        assert {r.kind for r in results if r.method == name} == {methods[name].kind}


@every_table
def test_committed_results_have_the_subsets_of_this_version(table):
    of_first_seeds = {(r.data, r.regime, r.seed): r for r in results_of(table) if r.seed in (100, 101, 200, 201)}
    assert of_first_seeds
    for (data, regime, seed), result in of_first_seeds.items():
        subset = draw_subset(data_of(data)[0], Regime.parse(regime), seed)
        assert digest(subset.x.numpy().tobytes(), subset.y.numpy().tobytes()) == result.subset
        assert len(subset) == result.samples


@pytest.fixture
def scripts(monkeypatch):
    """Makes the scripts importable, and forgets them after the test; a run of the benchmark fails the test."""

    def fail(context, method):
        pytest.fail(f"{context.classifier.name}, {method.name}, seed {context.seed} was run again")

    monkeypatch.setattr(runs, "fit_classifier", fail)
    monkeypatch.syspath_prepend(BENCHMARKS)
    names = ("tables", "readme", "results_page", "classical")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def tables(scripts, monkeypatch, tmp_path):
    """The script that runs the tables, with a copy of the committed results."""
    import results_page
    import tables

    for table in COMMITTED:
        (tmp_path / table).mkdir()
        shutil.copy(BENCHMARKS / "results" / table / "rows.csv", tmp_path / table)
    for module in (tables, results_page):
        monkeypatch.setattr(module, "RESULTS", tmp_path)
    monkeypatch.setattr(tables, "_write_page", lambda *args: None)
    return tables


@pytest.mark.parametrize("table", [with_marks(name) for name in COMMITTED if name != INCOMPLETE])
def test_a_committed_table_runs_nothing_again(table, tables, tmp_path):
    before = (tmp_path / table / "rows.csv").read_bytes()
    tables.run(table, jobs=1)
    assert (tmp_path / table / "rows.csv").read_bytes() == before


@pytest.mark.skipif(not COMMITTED, reason="benchmarks/ is not there")
@pytest.mark.parametrize("data", ["digits", with_marks("fashion-mnist")])
def test_the_search_for_classical_augmentation_runs_nothing_again(data, scripts, monkeypatch, tmp_path):
    import classical

    monkeypatch.setattr(classical, "RESULTS", Path(shutil.copy(classical.RESULTS, tmp_path)))
    before = classical.RESULTS.read_bytes()
    assert classical.search(data) == json.loads(classical.WINNERS.read_text())[data]
    assert classical.RESULTS.read_bytes() == before


def test_streams_keep_their_numbers():
    assert {name: int(stream) for name, stream in Stream.__members__.items()} == {
        "VAE": 1,
        "WEIGHTS": 2,
        "ORDER": 3,
        "AUGMENTATION": 4,
        "NOISE_REFERENCE": 5,
        "RANDOM_OVERSAMPLING": 6,
        "SUBSET": 7,
        "NOISE_PROBE": 8,
        "PERMUTED_COUNTS": 9,
        "GENERATOR": 10,
        "ADDED": 11,
        "TUNING": 12,
        "UNLABELLED": 13,
        "BALANCING": 14,
        "THRESHOLD": 17,
        "TEACHERS": 9,
        "TEACHER_SAMPLES": 10,
    }


def test_seeds_of_streams_keep_their_values():
    assert [seeds.derive(100, stream) for stream in (Stream.VAE, Stream.WEIGHTS, Stream.ORDER)] == [
        3377284807858059401,
        747948969134310192,
        9014058451849945345,
    ]
    assert seeds.derive(100, Stream.AUGMENTATION, 7) == 5543607251930524048
    numbers = torch.rand(2, generator=seeds.generator(100, Stream.ORDER))
    assert numbers.tolist() == [0.540414035320282, 0.7724442481994629]


# What follows holds for keys of any version.

TEST = "0123456789ab"
CNN = as_classifier("cnn")


def digest_of(method, settings=Settings(), test=TEST, classifier=CNN):  # noqa: B008 (frozen)
    return setup_digest(method, settings, test, classifier)


@dataclass(frozen=True)
class Before(Stage):
    key = "a stage"

    strength: float = 1.0
    inner: Stage | None = None

    def fit(self, context, network=None):
        raise NotImplementedError


@dataclass(frozen=True)
class After(Stage):
    """`Before` under other names."""

    key = "a stage"

    power: float = field(default=1.0, metadata={"key": "strength"})
    inner: Stage | None = None

    def fit(self, context, network=None):
        raise NotImplementedError


def test_names_do_not_count():
    expected = digest_of(Method("a", (Before(2.0),)))
    assert digest_of(Method("b", (Before(2.0),), kind="control")) == expected, "nor does the kind"
    assert digest_of(Method("a", (After(2.0),))) == expected
    elsewhere = dataclasses.make_dataclass(
        "Elsewhere", [("strength", float, 1.0), ("inner", object, None)], bases=(Stage,), frozen=True
    )
    elsewhere.key, elsewhere.__module__ = "a stage", "another.module"
    elsewhere.fit = Before.fit
    elsewhere.__abstractmethods__ = frozenset()
    assert digest_of(Method("a", (elsewhere(2.0),))) == expected
    nested = [digest_of(Method("a", (Before(2.0, inner),))) for inner in (Before(3.0), After(3.0))]
    assert nested[0] == nested[1] != expected


def test_subclasses_of_this_version_under_another_name():
    class Renamed(Append):
        pass

    assert digest_of(Method("a", (Renamed(),))) == digest_of(Method("a", (Append(),)))


@pytest.mark.parametrize(
    "method",
    [
        Method("a", (Append(add=1),)),
        Method("a", (Append(Synthetic(Extrapolate(2.0), replace=1.0)),)),
        Method("a", (Append(Synthetic(Interpolate(), replace=1.0)),)),
        Method("a", (Append(Synthetic(Difference(pairs_from="any_class"), replace=1.0)),)),
        Method("a", (Append(), Append())),
        Method("a", (Synthetic(),)),
        Method("a"),
        *(method for method in Catalogue("digits").named(["tuned", "SMOTE", DEFAULT_MIXED, REPLACING_MIXED])),
    ],
    ids=str,
)
def test_another_method_has_another_digest(method):
    assert digest_of(method) != digest_of(Method("a", (Append(),)))


def test_every_method_of_the_catalogue_has_a_digest_of_its_own():
    for catalogue in (Catalogue("digits"), Catalogue("wine", images=False)):
        methods = (*catalogue.all, *catalogue.with_unlabelled(5))
        assert len(set(map(digest_of, methods))) == len(methods)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(steps=801),
        Settings(batch=65),
        Settings(lr=1e-3),
        Settings(weight_decay=0),
        Settings(smoothing=0),
        Settings(precision="fp32"),
        Settings(vae=(("steps", 10),)),
        Settings(vae=(("steps", np.int64(11)),)),
    ],
    ids=str,
)
def test_other_settings_have_another_digest(settings):
    others = [Settings(), Settings(vae=(("steps", np.int64(10)),)), Settings(vae=(("latent_dim", 10),))]
    digests = [digest_of(Method("a"), other) for other in others if other != settings]
    assert digest_of(Method("a"), settings) not in digests


def test_another_test_split_has_another_digest():
    assert digest_of(Method("a")) != digest_of(Method("a"), test="ba9876543210")


def test_the_number_counts_and_not_its_type():
    steps = [Settings(steps=10, vae=(("steps", 10),)), Settings(steps=np.int64(10), vae=(("steps", np.int32(10)),))]
    assert len({digest_of(Method("a"), settings) for settings in steps}) == 1
    assert stable_key(1.0) == stable_key(1) == stable_key(np.float32(1))
    assert stable_key(np.float64(0.1)) == 0.1
    assert stable_key(True) is True
    assert stable_key({"a": (1, "b", None)}) == {"a": [1, "b", None]}


def linear(event_shape, classes, bias=True):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, classes, bias))


def test_a_classifier_of_your_own_counts_by_its_source_or_parameters():
    def of(classifier):
        return digest_of(Method("a"), classifier=as_classifier(classifier))

    assert of("cnn") == of("forest"), "their names are in a column of their own"
    assert of(DecisionTreeClassifier(max_depth=2)) == of(DecisionTreeClassifier(max_depth=2))
    assert of(DecisionTreeClassifier(max_depth=2)) != of(DecisionTreeClassifier(max_depth=3))
    assert of(linear) == of(linear) != of("cnn")
    with_bias, without, again = (("net", functools.partial(linear, bias=bias)) for bias in (True, False, False))
    assert of(with_bias) != of(without) == of(again)
    teachers = [Covariance(), DecisionTreeClassifier(max_depth=2), DecisionTreeClassifier(max_depth=3), linear]
    assert len(set(map(str, map(stable_key, teachers)))) == 4


def classes_of_the_benchmark():
    """Returns all concrete stages and resamplers of the package."""
    for module in pkgutil.walk_packages(vaeaug.bench.__path__, "vaeaug.bench."):
        importlib.import_module(module.name)

    def subclasses(cls):
        for subclass in cls.__subclasses__():
            yield subclass
            yield from subclasses(subclass)

    classes = {*subclasses(Stage), *subclasses(Resampler)}
    return [cls for cls in classes if cls.__module__.startswith("vaeaug.") and not inspect.isabstract(cls)]


def test_every_stage_and_resampler_has_a_key_of_its_own():
    classes = classes_of_the_benchmark()
    assert {Append, Synthetic} < set(classes)
    keys = [vars(cls).get("key") for cls in classes]
    assert all(isinstance(key, str) and key for key in keys), "a key of its own, not that of its base class"
    assert len(set(keys)) == len(keys)


def test_every_stage_and_resampler_is_a_frozen_dataclass():
    for cls in classes_of_the_benchmark():
        assert "__dataclass_fields__" in vars(cls), cls
        assert cls.__dataclass_params__.frozen, cls


def test_every_method_can_be_hashed():
    for method in Catalogue("digits").all:
        assert hash(method) == hash(replace(method, name="another"))


def test_results_are_reused_after_a_renaming(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"

    class Renamed(Append):
        pass

    (before,) = quick_compare(classifiers="knn", methods=Method("mine", (Append(),)), results=path)
    monkeypatch.setattr(runs, "fit_classifier", lambda *args: pytest.fail("it was run again"))
    (after,) = quick_compare(classifiers="knn", methods=Method("mine", (Renamed(),), kind="control"), results=path)
    assert after == before
