"""An exported augmenter, run with onnxruntime, gives the samples that torch gives."""

import json

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_wine

from vaeaug import Augmenter, Confident, Covariance, Difference, Extrapolate, Interpolate, Posterior, Prior
from vaeaug.models.spaces import PCA, Identity
from vaeaug.perturb import Perturbation
from vaeaug.runtime.errors import InputError

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
pytest.importorskip("onnxscript", reason="needs the extra onnx")
# What torch, onnx and onnxscript say of themselves is not ours.
pytestmark = pytest.mark.filterwarnings("ignore")


def data_of(kind):
    if kind == "images":
        x, y = load_digits(n_class=3, return_X_y=True)
        return x[:60].reshape(-1, 8, 8) / 16, y[:60]
    if kind == "rows":
        x, y = load_wine(return_X_y=True)
        return x[::3] + 0.03, y[::3]  # no column of whole numbers
    rng = np.random.default_rng(0)
    y = np.arange(24) % 2
    return np.cumsum(rng.normal(size=(24, 2, 33)), 2) + y[:, None, None], y


def fitted(kind="images", make=lambda: None, **training):
    training = {"steps": 5, "progress": False, **training} if make() is None else {}
    return Augmenter(make()).fit(*data_of(kind), **training)


def session_of(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def draws(augmenter, n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    size, latent_dim = augmenter.bank_.mean.shape
    return {
        "a": torch.randint(size, (n,), generator=generator),
        "b": torch.randint(size, (n,), generator=generator),
        "u": torch.rand(n, 1, generator=generator),
        "eps": torch.randn(n, latent_dim, generator=generator),
        "y": augmenter.bank_.samples.y[:n],
    }


def expected_z(augmenter, x, d):
    """Returns z' by the formulas of the docstrings, written out anew."""
    bank, p = augmenter.bank_, augmenter.perturb
    conditional = getattr(augmenter.vae_, "num_classes", None) is not None
    with torch.no_grad():
        q = augmenter.vae_.encode(x, d["y"]) if conditional else augmenter.vae_.encode(x)
    z, a, b = q.mean, bank.mean[d["a"]], bank.mean[d["b"]]
    return {
        "Posterior": lambda: z + p.scale * q.stddev * d["eps"],
        "Prior": lambda: (1 - p.scale**2) ** 0.5 * z + p.scale * d["eps"],
        "Covariance": lambda: torch.stack(
            [
                z[i]
                + p.scale * bank.within_class(None if p.pooled else d["y"][i : i + 1]).reshape(*[len(z[0])] * 2) @ e
                for i, e in enumerate(d["eps"])
            ]
        ),
        "Interpolate": lambda: z + p.scale * d["u"] * (a - z),
        "Extrapolate": lambda: z + p.scale * d["u"] * (z - a),
        "Difference": lambda: z + p.scale * d["u"] * (a - b),
    }[type(p).__name__]()


def expected_x(augmenter, x, z, y):
    vae, scaling = augmenter.vae_, augmenter.bank_.scaling
    labels = (y,) if getattr(vae, "num_classes", None) is not None else ()
    with torch.no_grad():
        changed = vae.decode(z, *labels)
        if augmenter.residual:
            changed = x + changed - vae.decode(vae.encode(x, *labels).mean, *labels)
    low, high = (scaling.tensor(name, x.shape[1:]) for name in ("low", "high"))
    return changed.clamp(min=low).clamp(max=high)


def check(augmenter, path, n=7):
    augmenter.export(path)
    session = session_of(path)
    x, d = augmenter.bank_.samples.x[:n], draws(augmenter, n)
    names = [i.name for i in session.get_inputs()]
    found, z = session.run(None, {name: (x if name == "x" else d[name]).numpy() for name in names})
    wanted = expected_z(augmenter, x, d)
    scale = max(1.0, float(x.abs().max()))
    np.testing.assert_allclose(z, wanted.numpy(), atol=1e-4, rtol=1e-4)
    np.testing.assert_allclose(found, expected_x(augmenter, x, wanted, d["y"]).numpy(), atol=1e-4 * scale, rtol=1e-4)
    assert np.abs(found - x.numpy()).max() > 1e-3 * scale  # something was moved
    return session


@pytest.mark.parametrize(
    ("kind", "make"),
    [("images", None), ("rows", None), ("signals", None), ("rows", Identity), ("signals", Identity), ("images", PCA)],
)
def test_every_kind_and_space(kind, make, tmp_path):
    augmenter = fitted(kind, make or (lambda: None))
    session = check(augmenter, tmp_path / "a.onnx")
    assert [i.name for i in session.get_inputs()] == ["x", "a", "b", "u"]


@pytest.mark.parametrize(
    ("perturb", "inputs"),
    [
        (Posterior(2.0), ["x", "eps"]),
        (Prior(0.5), ["x", "eps"]),
        (Covariance(), ["x", "eps"]),
        (Covariance(pooled=False), ["x", "y", "eps"]),
        (Interpolate(), ["x", "a", "u"]),
        (Extrapolate(0.7), ["x", "a", "u"]),
        (Difference(), ["x", "a", "b", "u"]),
    ],
    ids=repr,
)
def test_every_perturbation(perturb, inputs, tmp_path):
    augmenter = fitted().using(perturb=perturb, residual=not isinstance(perturb, Posterior))
    session = check(augmenter, tmp_path / "a.onnx")
    assert [i.name for i in session.get_inputs()] == inputs


def test_a_conditional_vae_takes_labels(tmp_path):
    session = check(fitted(num_classes=3), tmp_path / "a.onnx")
    assert [i.name for i in session.get_inputs()] == ["x", "y", "a", "b", "u"]


def test_encoder_and_decoder(tmp_path):
    augmenter = fitted()
    for part in ("encoder", "decoder"):
        augmenter.export(tmp_path / f"{part}.onnx", part=part)
    x = augmenter.bank_.samples.x[:9]
    mean, stddev = session_of(tmp_path / "encoder.onnx").run(None, {"x": x.numpy()})
    with torch.no_grad():
        q = augmenter.vae_.encode(x)
        np.testing.assert_allclose(mean, q.mean.numpy(), atol=1e-4)
        np.testing.assert_allclose(stddev, q.stddev.numpy(), atol=1e-4)
        (decoded,) = session_of(tmp_path / "decoder.onnx").run(None, {"z": mean})
        np.testing.assert_allclose(decoded, augmenter.vae_.decode(q.mean).numpy(), atol=1e-4)


def test_the_model_says_what_it_is_and_holds_no_sample(tmp_path):
    augmenter = fitted()
    augmenter.export(tmp_path / "a.onnx")
    about = session_of(tmp_path / "a.onnx").get_modelmeta()
    assert about.producer_name == "vaeaug"
    found = about.custom_metadata_map
    assert json.loads(found["bank_labels"]) == augmenter.bank_.samples.y.tolist()
    assert json.loads(found["event_shape"]) == [1, 8, 8]
    assert json.loads(found["names"]) == ["0", "1", "2"]
    assert found["perturb"] == repr(augmenter.perturb)
    content = (tmp_path / "a.onnx").read_bytes()
    assert augmenter.bank_.samples.x[0].numpy().tobytes() not in content


def test_whole_numbers_stay_whole(tmp_path):
    x = np.random.default_rng(0).integers(0, 50, (20, 6)).astype(float)
    x[:, 2] += 0.5
    augmenter = Augmenter(Identity()).fit(x, np.arange(20) % 2)
    augmenter.export(tmp_path / "a.onnx")
    inputs = {name: value.numpy() for name, value in draws(augmenter, 9).items() if name in "abu"}
    found, _ = session_of(tmp_path / "a.onnx").run(None, {"x": x[:9].astype(np.float32), **inputs})
    whole = np.delete(found, 2, axis=1)
    assert np.array_equal(whole, whole.round())
    assert not np.array_equal(found[:, 2], found[:, 2].round())


def test_an_earlier_model_is_replaced_and_another_file_is_not(tmp_path):
    augmenter = fitted()
    path = tmp_path / "a.onnx"
    augmenter.export(path)
    augmenter.export(path)
    path.write_text("notes")
    with pytest.raises(InputError, match="overwrite"):
        augmenter.export(path)
    augmenter.export(path, overwrite=True)
    assert session_of(path).get_inputs()


class Own(Perturbation):
    scale = 1.0

    def __call__(self, q, y, bank, generator):
        return q.mean


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        ({"perturb": Own()}, {}, "a perturbation of vaeaug.perturb, got Own"),
        ({"perturb": Difference(noise=1.0)}, {}, "a Difference without noise and residuals"),
        ({"filter": Confident(lambda x: torch.ones(len(x), 3) / 3, threshold=0.1)}, {}, "no filter in an exported"),
        ({}, {"part": "prior"}, "expected part to be one of augmenter, encoder, decoder, got 'prior'"),
    ],
)
def test_what_is_refused(settings, options, message, tmp_path):
    with pytest.raises(InputError, match=message):
        fitted().using(**settings).export(tmp_path / "a.onnx", **options)
    assert not list(tmp_path.iterdir())


def test_tables_with_categories_are_refused(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": np.arange(12.0), "b": ["x", "y"] * 6})
    augmenter = Augmenter().fit(frame, np.arange(12) % 2, steps=3, progress=False)
    with pytest.raises(InputError, match="images, signals or rows of numbers to export, got a table"):
        augmenter.export(tmp_path / "a.onnx")
