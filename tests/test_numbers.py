"""NaN and infinity are refused as a number of every setting, wherever it is passed."""

import dataclasses
import importlib
import inspect
import math
import pkgutil
import typing

import numpy as np
import pytest
import torch
from sklearn.naive_bayes import GaussianNB
from torch import nn
from torch.utils.data import TensorDataset

import vaeaug
from vaeaug import (
    AugmentedClassifier,
    AugmentedDataset,
    AugmentedLoader,
    CrossFitted,
    Extrapolate,
    InputError,
    VAEAugment,
    fit_vae,
    tune,
)
from vaeaug.bench.tuning.candidates import Candidate
from vaeaug.data import Scaling, split
from vaeaug.filters.teacher_training import TeacherSettings
from vaeaug.models.training import train
from vaeaug.perturb import PERTURBATIONS

NOT_FINITE = (math.nan, math.inf, -math.inf, np.float32("nan"), np.float64("inf"))
# What is computed, written by the library itself, or described elsewhere in this file.
NOT_SETTINGS = {
    "CandidateScore", "Comparison", "EquivalentSampleSize", "Metadata", "Result", "Scaling", "SearchSettings", "Summary",
    "TuningResult", "_Deadline", "CrossFitted",
}  # fmt: skip
# Arguments without a default.
REQUIRED = {
    "AddSynthetic": {"perturb": Extrapolate()},
    "Candidate": {"perturb": Extrapolate()},
    "Confident": {"classifier": lambda x: x},
}


def settings_classes():
    """Yields every dataclass of the library that has a number as a setting."""
    for module in pkgutil.walk_packages(vaeaug.__path__, "vaeaug."):
        # Audits compute all their numbers.
        if module.name.endswith("__main__") or module.name.startswith("vaeaug.auditing."):
            continue
        for name, cls in vars(importlib.import_module(module.name)).items():
            own = inspect.isclass(cls) and cls.__module__ == module.name and dataclasses.is_dataclass(cls)
            if own and not inspect.isabstract(cls) and name not in NOT_SETTINGS:
                for field in dataclasses.fields(cls):
                    if "float" in str(field.type):
                        yield pytest.param(cls, field, id=f"{name}.{field.name}")


@pytest.mark.parametrize("value", NOT_FINITE, ids=str)
@pytest.mark.parametrize(("cls", "field"), list(settings_classes()))
def test_every_number_of_every_class(cls, field, value):
    required = REQUIRED.get(cls.__name__, {})
    if any(f.name == "unlabelled_count" for f in dataclasses.fields(cls)):
        required = {**required, "unlabelled_count": 5}
    is_pair = "tuple" in str(field.type)
    with pytest.raises(InputError, match=f"expected {field.name} to be a (finite )?number"):
        cls(**required, **{field.name: (value, 1.0) if is_pair else value})
    if is_pair:
        with pytest.raises(InputError, match=f"expected {field.name} to be a (finite )?number"):
            cls(**required, **{field.name: (0.5, value)})


def test_all_perturbations_are_among_them():
    found = {param.id for param in settings_classes()}
    assert {f"{name}.scale" for name in PERTURBATIONS} <= found
    assert {"Classical.jitter", "Elastic.alpha", "Settings.lr", "Mix.alpha", "Distilled.weight"} <= found


@pytest.fixture(scope="module")
def crossed(digits):
    return CrossFitted.fit(digits, "logistic", folds=2)


ROWS = (np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 2)

# A function of an augmenter, its samples and the number.
DOORS = {
    **{
        f"fit_vae({name}=)": lambda a, d, v, name=name: fit_vae(d, steps=2, progress=False, **{name: v})
        for name in ("lr", "weight_decay", "beta", "beta_warmup", "input_noise")
    },
    **{
        f"CrossFitted.fit({name}=)": lambda a, d, v, name=name: CrossFitted.fit(d, "logistic", **{name: v})
        for name in ("threshold", "weight", "lr", "weight_decay", "smoothing")
    },
    "train(lr=)": lambda a, d, v: train(nn.Linear(1, 1), None, steps=1, lr=v),
    "train(weight_decay=)": lambda a, d, v: train(nn.Linear(1, 1), None, steps=1, lr=1, weight_decay=v),
    "Scaling(offset=)": lambda a, d, v: Scaling(offset=(v,)),
    "Scaling(gain=)": lambda a, d, v: Scaling(gain=(v,)),
    "Scaling(low=)": lambda a, d, v: Scaling(low=(0.0, v)),
    "Scaling(high=)": lambda a, d, v: Scaling(high=(v,)),
    "AugmentedLoader(replace=)": lambda a, d, v: AugmentedLoader([], a, replace=v),
    "AugmentedLoader(replace=function)": lambda a, d, v: list(
        AugmentedLoader([(d.x, d.y)], a, replace=lambda progress: v, epochs=2)
    ),
    "AugmentedLoader(normalize=)": lambda a, d, v: AugmentedLoader([], a, normalize=(0.5, v)),
    "AugmentedDataset(replace=)": lambda a, d, v: AugmentedDataset(TensorDataset(d.x, d.y), a, replace=v),
    "VAEAugment(replace=)": lambda a, d, v: VAEAugment(a, replace=v),
    "AugmentedClassifier(add=)": lambda a, d, v: AugmentedClassifier(GaussianNB(), add=v).fit(*ROWS),
    "AugmentedClassifier(scale=)": lambda a, d, v: AugmentedClassifier(GaussianNB(), scale=v).fit(*ROWS),
    "tune(time_budget=)": lambda a, d, v: tune(d, "logistic", time_budget=v),
    "tune(min_standard_errors=)": lambda a, d, v: tune(d, "logistic", min_standard_errors=v),
    "Candidate(add=)": lambda a, d, v: Candidate(Extrapolate(), add=v),
    "split(test=)": lambda a, d, v: split(d, test=v),
    "near": lambda a, d, v: a.generate(3, near=torch.full((2, 1, 8, 8), float(v))),
    "near with one such value": lambda a, d, v: a.generate(3, near=d.x[:2].index_fill(3, torch.tensor([3]), float(v))),
    "samples": lambda a, d, v: fit_vae(torch.full((4, 3), float(v)), torch.tensor([0, 1, 0, 1]), steps=1),
}


@pytest.mark.parametrize("value", NOT_FINITE, ids=str)
@pytest.mark.parametrize("door", DOORS)
def test_every_number_of_every_function(door, value, augmenter, digits):
    with pytest.raises(InputError, match=r"(number|normalize|range|finite).*(nan|inf|NaN)"):
        DOORS[door](augmenter, digits, value)


def test_scales_of_a_search_in_the_over_sampler():
    sampler = pytest.importorskip("vaeaug.plugins.imblearn").VAEOverSampler
    for value in NOT_FINITE:
        with pytest.raises(InputError, match="expected scale to be a"):
            sampler(scale=value).fit_resample(ROWS[0], np.arange(30) < 9)


def test_settings_of_teachers_are_the_ones_tested():
    numbers = {name for name, kind in typing.get_type_hints(TeacherSettings).items() if kind is float}
    assert numbers == {"lr", "weight_decay", "smoothing"}


def test_large_whole_numbers_are_finite(augmenter):
    with pytest.raises(InputError, match="a whole number from 1 up, got inf"):
        augmenter.generate(math.inf)
    with pytest.raises(InputError, match="fewer at a time"):
        augmenter.generate(10**400)
