"""The catalogue of methods: names, kinds, and what differs between images and tabular data."""

import json
from pathlib import Path

import pytest
from quick_bench import quick_compare, without_seconds

from vaeaug import Covariance, Extrapolate, InputError, Interpolate
from vaeaug.bench.methods import (
    ANY_CLASS,
    CLASSICAL,
    DEFAULT_METHOD,
    DEFAULT_MIXED,
    GENERATORS,
    HARDEST,
    HARDEST_MIXED,
    REPLACING,
    REPLACING_MIXED,
    Catalogue,
)
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.baselines import ClassicalAugmentation
from vaeaug.bench.stages.controls import IdentityInsteadOfVAE
from vaeaug.bench.stages.generators import GenerativeBaseline
from vaeaug.bench.stages.method import EQUAL_TIME, KINDS, Method
from vaeaug.bench.stages.synthetic import Append, Synthetic
from vaeaug.data.classical import Classical

CATALOGUES = {
    "images": Catalogue("digits"),
    "tabular data": Catalogue("wine", images=False),
    "another scheme": Catalogue("digits", perturb=Covariance(0.7)),
}
every_catalogue = pytest.mark.parametrize("catalogue", CATALOGUES.values(), ids=CATALOGUES)


def names_of(methods):
    return [method.name for method in methods]


@every_catalogue
def test_every_method_has_a_name_of_its_own(catalogue):
    names = names_of((*catalogue.all, *catalogue.with_unlabelled(5)))
    assert len(set(names)) == len(names)


@every_catalogue
def test_methods_differ(catalogue):
    methods = (*catalogue.all, *catalogue.with_unlabelled(5))
    assert len(set(methods)) == len(methods), "two names of one method would be two runs of it"


def test_methods_by_name():
    catalogue = Catalogue("digits")
    assert names_of(catalogue.named(["synthetic (PCA)", "none"])) == ["synthetic (PCA)", "none"]
    assert names_of(catalogue.named(["none", "classical", "none"])) == ["none", "classical"]
    assert catalogue.named(["all"]) == tuple(method for method in catalogue.all if method.available)
    assert names_of(catalogue.named(["all"])) == names_of(method for method in catalogue.all if method.available)
    assert catalogue.named(["all", "none"]) == catalogue.named(["all"])
    generators = [*GENERATORS, *(f"classical + {name}" for name in GENERATORS)]
    assert names_of(catalogue.named(["none", "generators"])) == ["none", *generators]
    assert catalogue.named([]) == ()


@pytest.mark.parametrize(
    ("name", "similar"),
    [
        ("mixup", "MixUp"),
        ("smote", "SMOTE"),
        ("deepsmote", "DeepSMOTE"),
        ("classical + sythetic", "classical + synthetic"),
        ("synthetic (pca)", "synthetic (PCA)"),
        ("none ", "none"),
    ],
)
def test_an_unknown_name_is_refused_with_similar_names(name, similar):
    with pytest.raises(InputError, match="expected the name of a method, got ") as error:
        Catalogue("digits").named([name])
    message = str(error.value)
    assert repr(name) in message
    names = message.split("; similar names: ")[1].removesuffix(" ('vaeaug methods' lists all)").split("; ")
    assert similar in names
    assert len(names) == 3
    assert set(names) <= set(names_of(Catalogue("digits").all))


def test_what_is_no_name_is_refused():
    with pytest.raises(InputError, match="expected the name of a method, got 3; similar names: "):
        Catalogue("digits").named([3])


def test_the_methods_that_the_documents_name():
    names = names_of(Catalogue("digits").all)
    for name in (DEFAULT_METHOD, DEFAULT_MIXED, HARDEST, HARDEST_MIXED, REPLACING, REPLACING_MIXED, ANY_CLASS):
        assert name in names
    assert DEFAULT_METHOD == "classical + synthetic"


def test_the_standard_methods_of_each_kind_of_data():
    none, classical, ours, identity = "none", "classical", "classical + synthetic", "classical + synthetic (identity)"
    assert names_of(Catalogue("photos").standard) == [
        *(none, classical, "RandAugment + MixUp", ours, "RandAugment + synthetic + MixUp", identity),
        *("RandAugment (repeated) + MixUp", "RandAugment + synthetic (identity) + MixUp"),
        "RandAugment + synthetic (PCA) + MixUp",
    ]
    assert names_of(Catalogue("digits").standard) == [
        *(none, classical, "classical + MixUp", ours, "classical + synthetic + MixUp", identity),
        *("classical (repeated) + MixUp", "classical + synthetic (identity) + MixUp"),
    ]
    tabular = Catalogue("wine", images=False).standard
    assert names_of(tabular) == [
        *(none, classical, "synthetic (interpolate)", ours, "synthetic (identity)", identity, "duplicates"),
    ]
    assert tabular[2].stages == (Synthetic(Interpolate()),)
    assert tabular[4].stages == (IdentityInsteadOfVAE(Interpolate()),)


@pytest.mark.parametrize("images", [True, False])
def test_the_standard_methods_of_an_imbalanced_regime_balance(images):
    catalogue = Catalogue("photos", images=images, imbalanced=True)
    names = names_of(catalogue.standard)
    assert names[:5] == [
        *("none", "class weights", "random oversampling", "synthetic oversampling"),
        "synthetic oversampling (identity)",
    ]
    assert all("class weights" in name for name in names[5:])
    assert len(names) == (9 if images else 5)
    data = ("digits" if images else "wine", {"per_class": [6] * 5 + [4] * 5 if images else [6, 4, 4]})
    results = quick_compare(data[0], classifiers="logistic", **data[1])
    supported = [m.name for m in catalogue.standard if m.supports("logistic", images)]
    assert [result.method for result in results] == supported


def test_compare_takes_the_standard_methods_of_its_data():
    results = quick_compare("wine", classifiers="knn")
    assert [result.method for result in results] == names_of(Catalogue("wine", images=False).standard)
    by_name = quick_compare("wine", classifiers="knn", methods=["synthetic (interpolate)"])
    assert without_seconds(by_name) == [r for r in without_seconds(results) if r["method"] == "synthetic (interpolate)"]


def test_every_scheme_has_one_method():
    for catalogue in CATALOGUES.values():
        schemes = [
            f"synthetic ({name})" for name in ("posterior", "covariance", "interpolate", "extrapolate", "difference")
        ]
        for method in catalogue.named(schemes):
            (stage,) = method.stages
            assert method.name == f"synthetic ({type(stage.perturb).__name__.lower()})"
            assert stage == Synthetic(stage.perturb)


def test_the_name_tells_the_scheme():
    for catalogue, scheme in zip(CATALOGUES.values(), (Extrapolate(), Interpolate(), Covariance(0.7)), strict=True):
        name = type(scheme).__name__.lower()
        names = [
            f"synthetic ({name})",
            f"classical + synthetic ({name})",
            f"classical + synthetic ({name}, hardest of 4)",
        ]
        for method in catalogue.named(names):
            assert method.stages[0].perturb == scheme
    assert REPLACING == "classical + synthetic (extrapolate, hardest of 4)"
    tabular = names_of((*CATALOGUES["tabular data"].all, *CATALOGUES["tabular data"].with_unlabelled(5)))
    assert [name for name in tabular if "extrapolate" in name] == ["synthetic (extrapolate)"]


def test_another_scheme_and_another_classical_augmentation():
    catalogue = Catalogue("digits", classical=Classical(shift=0.3), perturb=Covariance(0.7))
    name, synthetic = catalogue.named(["synthetic (covariance)", "synthetic"])
    assert name.stages == (Synthetic(Covariance(0.7)),)
    assert synthetic.stages == (Append(Synthetic(Covariance(0.7), replace=1.0)),)
    assert catalogue.named(["classical"])[0].stages == (ClassicalAugmentation(Classical(shift=0.3)),)
    assert Catalogue("digits").named(["classical"])[0].stages == (ClassicalAugmentation(CLASSICAL["digits"]),)
    assert Catalogue("other").named(["classical"])[0].stages == (ClassicalAugmentation(Classical()),)


@every_catalogue
def test_the_kind_says_what_a_method_is_made_of(catalogue):
    def stages_of(method):
        for stage in method.stages:
            yield stage
            for name in ("stage", "reference", "first", "second"):
                if hasattr(stage, name):
                    yield getattr(stage, name)

    for method in (*catalogue.all, *catalogue.with_unlabelled(5)):
        synthetic = any(isinstance(stage, Synthetic) for stage in stages_of(method)) or method.name.endswith("tuned")
        synthetic |= getattr(method.resampler, "key", "") == "balance with synthetic"
        assert (method.kind == "generator") == isinstance(method.resampler, GenerativeBaseline)
        if method.kind in ("ours", "baseline"):
            assert method.kind == ("ours" if synthetic else "baseline"), method.name
    assert {method.kind for method in catalogue.all} >= set(KINDS) - {EQUAL_TIME}


def test_kinds_of_some_methods():
    kinds = {method.name: method.kind for method in Catalogue("digits").all}
    assert [kinds[name] for name in ("none", "SMOTE", "RandAugment", "classical + random oversampling")] == [
        "baseline"
    ] * 4
    assert [kinds[name] for name in ("synthetic", "tuned", "synthetic oversampling", HARDEST)] == ["ours"] * 4
    assert [kinds[name] for name in ("synthetic (PCA)", "pixel noise", "duplicates", "classical (repeated)")] == [
        "control"
    ] * 4
    # These contain "VAE" and are nevertheless not ours.
    assert [kinds[name] for name in ("pythae VAE", "one VAE per class", "classical + DeepSMOTE")] == ["generator"] * 3
    expected = "expected kind to be one of ours, baseline, control, generator, equal time, got 'rival'"
    with pytest.raises(InputError, match=expected):
        Method("none", kind="rival")


def test_methods_with_unlabelled_samples():
    catalogue = Catalogue("digits")
    assert catalogue.with_unlabelled(0) == ()
    methods = catalogue.with_unlabelled(60)
    assert all([stage.unlabelled_count for stage in m.stages if stage.unlabelled_count] == [60] for m in methods)
    assert all(method.name.endswith(", unlabelled pool") for method in methods)
    labelled_only = {method.name: method for method in catalogue.all}
    ours = [method for method in methods if method.kind == "ours"]
    assert len(ours) == 5
    for method in ours:
        plain = labelled_only[method.name.removesuffix(", unlabelled pool")]
        assert method.supports("forest") == plain.supports("forest"), "the same method, with unlabelled samples"
        assert len(method.stages) == len(plain.stages)
        assert method.stages[1:] == plain.stages[1:]
    for method in (method for method in methods if method.kind == "baseline"):
        *stages, _ = method.name.removesuffix(", unlabelled pool").split(" + ")
        assert len(stages) == len(method.stages) - 1, f"{method.name}: a part of the name for every stage"
    assert names_of(Catalogue("wine", images=False).with_unlabelled(5))[0] == "synthetic (interpolate), unlabelled pool"


def test_a_method_is_the_same_under_another_name():
    assert Method("a", (Append(),)) == Method("b", (Append(),), kind="control")
    assert Method("a", (Append(),)) != Method("a", (Append(add=1),))


def test_the_classical_methods_have_the_settings_that_the_search_chose():
    path = Path(__file__).parents[1] / "benchmarks" / "results" / "classical.json"
    if not path.exists():
        pytest.skip("benchmarks/ is not there")
    for data, chosen in json.loads(path.read_text()).items():
        assert CLASSICAL[data] == Classical(**chosen["classical"])
        assert chosen["smoothing"] == Settings().smoothing
        best = max(chosen["mean_accuracy"], key=chosen["mean_accuracy"].get)
        assert all(f"{name}={value}" in best for name, value in chosen["classical"].items())
