"""The modes of torch in which a user calls: every door gives the same in all of them, and nothing stays broken afterwards."""

import threading
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from quick_bench import QUICK
from sklearn.naive_bayes import GaussianNB
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from vaeaug import (
    PCA,
    VAE,
    AugmentedClassifier,
    AugmentedDataset,
    AugmentedLoader,
    Augmenter,
    Classical,
    Confident,
    Covariance,
    CrossFitted,
    Identity,
    Interpolate,
    SyntheticDataset,
    VAEAugment,
    compare,
    fit_vae,
)
from vaeaug.data import as_samples, load, split, subset
from vaeaug.data.policies import Elastic, RandAugment, RandomErasing
from vaeaug.export import shards
from vaeaug.perturb import Prior
from vaeaug.runtime import modes, seeds
from vaeaug.runtime.errors import InputError

FEW = {"steps": 3, "progress": False}
BENCH = {"per_class": 4, "seeds": 1, "settings": QUICK, "progress": False}


@contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def default_device(name):
    # meta stands for an accelerator: nothing can be computed there.
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


MODES = {
    "inference mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "device": lambda: default_device("meta"),
    "device context": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "deterministic": deterministic,
}


def tensors_of(vae):
    return list(vae.state_dict().values())


def fitted(digits, **settings):
    augmenter = Augmenter(**settings).fit(digits, **({} if settings.get("vae") else FEW))
    return augmenter.generate(20, seed=0)


def batches(loader):
    return [tensor for batch in loader for tensor in batch]


def network(event_shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes))


def from_saved(augmenter, digits, folder):
    augmenter.save(folder / "a")
    augmenter.vae_.save(folder / "vae")
    return [*Augmenter.load(folder / "a").generate(20, seed=0), *tensors_of(VAE.load(folder / "vae"))]


def over_sampled(augmenter, digits, folder):
    sampler = pytest.importorskip("vaeaug.plugins.imblearn").VAEOverSampler(steps=3, random_state=0)
    x, y = load_few_rows()
    return [sampler.fit_resample(x, y)[0]]


with seeds.forked(0):
    JUDGE = network((1, 8, 8), 10)


def load_few_rows():
    wine = subset(load("wine"), (12, 8, 12))
    return wine.x.numpy(), wine.y.numpy()


def written(augmenter, digits, folder):
    paths = shards.write(augmenter, folder / "s", 300, format="npz", progress=False)
    return [np.load(path)["x"] for path in paths]


def teachers(augmenter, digits, folder):
    network_of = lambda event_shape, classes: network(event_shape, classes)  # noqa: E731
    crossed = CrossFitted.fit(digits, ("logistic", network_of), folds=2, steps=3, threshold=0.0)
    x, y, parent, _ = augmenter.using(filter=crossed).generate(40, seed=0)
    return [x, crossed.soft(x, y, digits.x[parent])]


def confident(augmenter, digits, folder):
    return augmenter.using(filter=Confident(JUDGE, 0.0)).generate(40, seed=0)


# A function of a fitted augmenter, its samples and a folder -> what must not depend on the mode.
DOORS = {
    "fit": lambda a, d, f: fitted(d),
    "fit with a conditional VAE": lambda a, d, f: Augmenter().fit(d, num_classes=10, **FEW).generate(20, seed=0),
    "fit PCA": lambda a, d, f: fitted(d, vae=PCA(4)),
    "fit Identity": lambda a, d, f: fitted(d, vae=Identity()),
    "fit arrays": lambda a, d, f: Augmenter().fit(d.x.numpy(), d.y.numpy(), **FEW).generate(20, seed=0),
    "fit a loader": lambda a, d, f: (
        Augmenter()
        .fit(DataLoader(TensorDataset(d.x, d.y), 16, shuffle=True), bank_size=100, **FEW)
        .generate(20, seed=0)
    ),
    "fit unlabelled": lambda a, d, f: (
        Augmenter().fit(d[::2], unlabelled=d.x[1::2], teacher="logistic", **FEW).generate(20, seed=0)
    ),
    "fit_vae": lambda a, d, f: tensors_of(fit_vae(d, **FEW)),
    "fit_vae in bf16": lambda a, d, f: tensors_of(fit_vae(d, precision="bf16", **FEW)),
    "checkpoint": lambda a, d, f: tensors_of(fit_vae(d, checkpoint=f / "checkpoint", **FEW)),
    "generate": lambda a, d, f: a.generate(300, seed=0),
    "generate by label": lambda a, d, f: a.generate(30, labels=[3, 8], seed=0),
    "generate near": lambda a, d, f: a.generate(30, near=d.x[:9] * 0.9, seed=0),
    "generate near doubles": lambda a, d, f: a.generate(30, near=d.x[:9].double(), labels=d.y[:9], seed=0),
    "plain decodes": lambda a, d, f: a.using(residual=False).generate(30, seed=0),
    "covariance": lambda a, d, f: a.using(perturb=Covariance(pooled=False)).generate(30, seed=0),
    "neighbours": lambda a, d, f: a.using(perturb=Interpolate(neighbours=2)).generate(30, seed=0),
    "prior": lambda a, d, f: a.using(perturb=Prior()).generate(30, seed=0),
    "chunk": lambda a, d, f: a.chunk(1, seed=0),
    "subset": lambda a, d, f: a.subset(torch.arange(0, 120, 3, device="cpu")).generate(30, seed=0),
    "filter": confident,
    "teachers": teachers,
    "save and load": from_saved,
    "shards": written,
    "AugmentedLoader": lambda a, d, f: batches(AugmentedLoader([(d.x[:8], d.y[:8])], a)),
    "AugmentedLoader replaces": lambda a, d, f: batches(AugmentedLoader([(d.x[:8], d.y[:8])], a, replace=0.5)),
    "AugmentedDataset": lambda a, d, f: list(AugmentedDataset(TensorDataset(d.x, d.y), a, replace=1.0)[3]),
    "SyntheticDataset": lambda a, d, f: [SyntheticDataset(a, 10)[7][0]],
    "VAEAugment": lambda a, d, f: VAEAugment(a)(d.x[:8], d.y[:8]),
    "AugmentedClassifier": lambda a, d, f: [
        AugmentedClassifier(GaussianNB(), steps=3, random_state=0)
        .fit(*load_few_rows())
        .predict_proba(load_few_rows()[0])
    ],
    "VAEOverSampler": over_sampled,
    "compare": lambda a, d, f: [
        np.array([r.accuracy, r.log_loss]) for r in compare(d, methods=["classical + synthetic"], **BENCH)
    ],
    "load, split and subset": lambda a, d, f: [split(subset(load("digits"), 5))[0].x],
    "arrays": lambda a, d, f: [as_samples((d.x.double().numpy(), d.y.tolist())).x],
    "classical": lambda a, d, f: [Classical(flip=True, rotate=9, cutout=0.3).on(d.x)(d.x, 0)],
    "classical, table": lambda a, d, f: [Classical().on(d.x.flatten(1))(d.x.flatten(1), 0)],
    "policies": lambda a, d, f: [p.on(d.x)(d.x[:9], 0) for p in (RandAugment(), RandomErasing(1.0), Elastic())],
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("door", DOORS)
def test_a_door_gives_the_same_in_every_mode(door, mode, digits, augmenter, tmp_path):
    expected = list(DOORS[door](augmenter, digits, tmp_path / "expected"))
    before = torch.get_default_dtype(), torch.get_default_device(), torch.is_inference_mode_enabled()
    with MODES[mode]():
        grad, inside = torch.is_grad_enabled(), (torch.get_default_dtype(), torch.get_default_device())
        found = list(DOORS[door](augmenter, digits, tmp_path / "found"))
        assert torch.is_grad_enabled() == grad
        assert (torch.get_default_dtype(), torch.get_default_device()) == inside
    assert (torch.get_default_dtype(), torch.get_default_device(), torch.is_inference_mode_enabled()) == before
    again = list(DOORS[door](augmenter, digits, tmp_path / "again"))
    for one in (found, again):
        assert len(one) == len(expected)
        for a, b in zip(one, expected, strict=True):
            assert a.dtype == b.dtype
            assert a.device == b.device if isinstance(a, torch.Tensor) else True
            assert not isinstance(a, torch.Tensor) or not a.is_inference()
            np.testing.assert_array_equal(*(t.numpy() if isinstance(t, torch.Tensor) else t for t in (a, b)))


@pytest.mark.parametrize("mode", MODES)
def test_what_was_made_in_a_mode_works_outside(mode, digits):
    with MODES[mode]():
        made = Augmenter().fit(digits, **FEW)
        filtered = made.using(filter=Confident(lambda x: torch.full((len(x), 10), 0.1), 0.0))
        dataset = AugmentedDataset(TensorDataset(digits.x, digits.y), made)
        filtered.generate(8, seed=0)
    made.generate(300, seed=1)
    filtered.generate(300, seed=1)
    dataset.set_epoch(2)
    loss = made.vae_.train().elbo(digits.x).mean()
    loss.backward()
    torch.optim.SGD(made.vae_.parameters(), 1e-6).step()
    trained = fit_vae(digits, vae=made.vae_, **FEW)
    assert all(p.requires_grad and p.dtype == torch.float32 and p.device.type == "cpu" for p in trained.parameters())


def test_a_loader_leaves_the_users_modes_between_batches(digits, augmenter):
    seen = []

    class Watching:
        def __iter__(self):
            for start in (0, 8):
                seen.append((torch.get_default_dtype(), torch.is_inference_mode_enabled()))
                yield digits.x[start : start + 8], digits.y[start : start + 8]

    with default_dtype(torch.float64), torch.inference_mode():
        for _ in AugmentedLoader(Watching(), augmenter):
            seen.append((torch.get_default_dtype(), torch.is_inference_mode_enabled()))
    assert seen == [(torch.float64, True)] * 4


def test_results_of_compare_leave_the_users_modes(digits):
    with default_dtype(torch.float64), torch.inference_mode():
        for _ in compare(digits, methods=["none"], **BENCH):
            assert torch.get_default_dtype() == torch.float64
            assert torch.is_inference_mode_enabled()


def test_overlapping_calls_restore_the_default_dtype():
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with modes.plain():
            entered.set()
            leave.wait(10)

    with default_dtype(torch.float64):
        thread = threading.Thread(target=hold)
        thread.start()
        entered.wait(10)
        with modes.plain(), modes.plain():
            assert torch.get_default_dtype() == torch.float32
        assert torch.get_default_dtype() == torch.float32  # the other one still computes
        leave.set()
        thread.join()
        assert torch.get_default_dtype() == torch.float64


def test_errors_restore_the_modes(augmenter):
    with default_dtype(torch.float64), torch.inference_mode():
        with pytest.raises(InputError):
            augmenter.generate(0)
        assert torch.get_default_dtype() == torch.float64
        assert torch.is_inference_mode_enabled()
