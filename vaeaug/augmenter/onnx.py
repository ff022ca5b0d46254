"""A fitted augmenter as an ONNX model, for other languages and for browsers. Needs the extra `onnx`.

The model has the arithmetic of one synthetic sample: x' = clip(x + decode(z') - decode(z)), with z = encode(x) and z' as the
perturbation moves it. What is random comes from outside, so that any language can draw it: which samples of the bank are the
partners, and uniform or normal numbers. The codes of the bank are in the model; the samples themselves are not.
"""

from __future__ import annotations

import copy
import io
import json
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vaeaug._version import __version__
from vaeaug.perturb.bank import Bank
from vaeaug.perturb.schemes import Covariance, Difference, Extrapolate, Interpolate, Perturbation, Posterior, Prior
from vaeaug.runtime import checks, files

PARTS = ("augmenter", "encoder", "decoder")
MARKER = b"vaeaug"  # the name of the producer, near the beginning of the file
TOLERANCE = 1e-4  # of the range of the data, between torch and onnxruntime
OPSET = 18
MAX_BYTES = 2**31 - 1  # of one protobuf file
CHECKED = 4  # samples that the written model is checked with


@dataclass(frozen=True)
class _Scheme:
    """How a perturbation moves codes, given what is random.

    Arguments:
        draws: The names of its random inputs: `a` and `b`, indices of the bank; `u`, uniform in 0..1; `eps`, normal.
        needs_y: Whether it uses the labels.
        move: From mean and standard deviation of q(z|x), the codes of the bank, the labels and the draws to z'.
    """

    draws: tuple[str, ...]
    needs_y: bool
    move: Callable[..., Tensor]


def _scheme(perturb: Perturbation, bank: Bank) -> _Scheme:
    """Returns the arithmetic of a perturbation.

    Raises:
        InputError: If it is one of the user's own, or needs what a model has not.
    """
    scale = perturb.scale
    if isinstance(perturb, Posterior):
        return _Scheme(("eps",), False, lambda mean, stddev, codes, y, eps: mean + scale * stddev * eps)
    if isinstance(perturb, Prior):
        kept = (1 - scale**2) ** 0.5
        return _Scheme(("eps",), False, lambda mean, stddev, codes, y, eps: kept * mean + scale * eps)
    if isinstance(perturb, Covariance):
        labels = None if perturb.pooled else torch.arange(len(bank.samples.names))
        factor = bank.within_class(labels).float().cpu()
        if perturb.pooled:
            return _Scheme(("eps",), False, lambda mean, stddev, codes, y, eps: mean + scale * eps @ factor.T)
        return _Scheme(
            ("eps",), True, lambda mean, stddev, codes, y, eps: mean + scale * (factor[y] @ eps[..., None])[..., 0]
        )
    if isinstance(perturb, Interpolate):
        return _Scheme(("a", "u"), False, lambda mean, stddev, codes, y, a, u: mean + scale * u * (codes[a] - mean))
    if isinstance(perturb, Extrapolate):
        return _Scheme(("a", "u"), False, lambda mean, stddev, codes, y, a, u: mean + scale * u * (mean - codes[a]))
    if type(perturb) is Difference and not perturb.noise and not perturb.residuals:
        return _Scheme(
            ("a", "b", "u"), False, lambda mean, stddev, codes, y, a, b, u: mean + scale * u * (codes[a] - codes[b])
        )
    if type(perturb) is Difference:
        checks.refuse("a Difference without noise and residuals", repr(perturb), "export augmenter.using(perturb=...)")
    checks.refuse("a perturbation of vaeaug.perturb", type(perturb).__name__, "export augmenter.using(perturb=...)")


class _Model(nn.Module):
    """The whole arithmetic: from real samples, labels and draws to synthetic samples and their codes."""

    codes: Tensor
    low: Tensor
    high: Tensor
    is_whole: Tensor

    def __init__(self, vae: Any, bank: Bank, scheme: _Scheme, residual: bool) -> None:
        super().__init__()
        self.vae, self.scheme, self.residual = vae, scheme, residual
        samples, scaling = bank.samples, bank.scaling
        self.register_buffer("codes", bank.mean.detach().float().cpu().clone())
        for name in ("low", "high"):
            self.register_buffer(name, scaling.tensor(name, samples.event_shape))
        is_whole = torch.zeros(1, *samples.event_shape)
        # What `round_` changes is whole: a half is no whole number.
        is_whole = samples.round_(is_whole + 0.25) == 0
        self.rounds = bool(is_whole.any())
        self.register_buffer("is_whole", is_whole)

    def forward(self, x: Tensor, y: Tensor | None, draws: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        mean, stddev = _moments(self.vae, x, y)
        z = self.scheme.move(mean, stddev, self.codes, y, *draws)
        decoded = _decode(self.vae, z, y)
        if self.residual:
            decoded = x + decoded - _decode(self.vae, mean, y)
        # Parents may exceed the range of the bank: it is widened by their own values.
        low, high = self.low, self.high
        bounded = torch.minimum(torch.maximum(decoded, torch.minimum(low, x)), torch.maximum(high, x))
        return (torch.where(self.is_whole, bounded.round(), bounded) if self.rounds else bounded), z


class _Encoder(nn.Module):
    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        return _moments(self.vae, x, y)


class _Decoder(nn.Module):
    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, z: Tensor, y: Tensor | None) -> Tensor:
        return _decode(self.vae, z, y)


def _moments(vae: Any, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
    q = vae.encode(x) if y is None or getattr(vae, "num_classes", None) is None else vae.encode(x, y)
    # `Identity` has one standard deviation for all; adding makes it one for each.
    return q.mean, q.stddev + torch.zeros_like(q.mean)


def _decode(vae: Any, z: Tensor, y: Tensor | None) -> Tensor:
    return vae.decode(z) if y is None or getattr(vae, "num_classes", None) is None else vae.decode(z, y)


@dataclass(frozen=True)
class ExportJob:
    """What of an augmenter is exported.

    Arguments:
        vae: The VAE.
        bank: The real samples and their codes.
        perturb: The perturbation.
        residual: Whether the decoded change is added to the real sample.
        part: `augmenter`, `encoder` or `decoder`.
    """

    vae: Any
    bank: Bank
    perturb: Perturbation
    residual: bool
    part: str


def export(job: ExportJob, path: str | Path, *, overwrite: bool = False) -> None:
    """Writes an ONNX model, checked against torch; see `Augmenter.export`."""
    checks.check_choice("part", job.part, PARTS)
    _check_exportable(job)
    with files.atomic_write(path, may_replace=files.is_marked(MARKER), overwrite=overwrite) as temporary:
        module, inputs = _module_and_inputs(job)
        content = _convert(module, inputs, job)
        _check_against_torch(content, module, inputs, job)
        temporary.write_bytes(content)


def _check_exportable(job: ExportJob) -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError("export needs onnx, onnxscript and onnxruntime; run: pip install 'vaeaug[onnx]'") from error
    if job.bank.samples.table is not None:
        got = "a table with categories or missing values"
        checks.refuse("images, signals or rows of numbers to export", got, "generate in Python instead")
    if not isinstance(job.vae, nn.Module):
        checks.refuse(
            "a VAE that is an nn.Module", type(job.vae).__name__, "make it one, or generate in Python instead"
        )


def _module_and_inputs(job: ExportJob) -> tuple[nn.Module, dict[str, Tensor | None]]:
    """Returns the part as a module in float32 on the CPU, and samples of its inputs by name; None for those it has not."""
    bank = job.bank
    vae = copy.deepcopy(job.vae).to("cpu", torch.float32).eval()
    index = torch.arange(CHECKED) % len(bank)
    conditional = getattr(vae, "num_classes", None) is not None
    generator = torch.Generator().manual_seed(0)
    size, latent_dim = len(index), bank.mean.shape[1]
    inputs: dict[str, Tensor | None] = {"x": bank.samples.x[index].clone()}
    labels = bank.samples.y[index].clone()
    if job.part == "decoder":
        return _Decoder(vae), {"z": bank.mean[index].float().cpu().clone(), "y": labels if conditional else None}
    if job.part == "encoder":
        return _Encoder(vae), inputs | {"y": labels if conditional else None}
    scheme = _scheme(job.perturb, bank)
    inputs["y"] = labels if conditional or scheme.needs_y else None
    drawn = {
        "a": torch.randint(len(bank), (size,), generator=generator),
        "b": torch.randint(len(bank), (size,), generator=generator),
        "u": torch.rand(size, 1, generator=generator),
        "eps": torch.randn(size, latent_dim, generator=generator),
    }
    return _Model(vae, bank, scheme, job.residual).eval(), inputs | {name: drawn[name] for name in scheme.draws}


def _arguments(inputs: dict[str, Tensor | None]) -> tuple[Any, ...]:
    """Returns the inputs as the modules take them: the draws in one tuple."""
    first, y, *draws = inputs.values()
    return (first, y, tuple(draws)) if draws else (first, y)


def _convert(module: nn.Module, inputs: dict[str, Tensor | None], job: ExportJob) -> bytes:
    """Returns the model as bytes, with what a user needs to know of it as metadata."""
    arguments = _arguments(inputs)
    batch = torch.export.Dim("batch", min=1)
    dynamic = [None if value is None else {0: batch} for value in inputs.values()]
    shapes = (*dynamic[:2], tuple(dynamic[2:])) if len(dynamic) > 2 else tuple(dynamic)
    outputs = {"augmenter": ["x_synthetic", "z"], "encoder": ["mean", "stddev"], "decoder": ["x"]}[job.part]
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            arguments,
            input_names=[name for name, value in inputs.items() if value is not None],
            output_names=outputs,
            dynamic_shapes=shapes,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    model.producer_name, model.producer_version = MARKER.decode(), __version__
    del model.metadata_props[:]
    for key, value in _metadata(job).items():
        model.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
    if model.ByteSize() > MAX_BYTES:
        remedy = "fit with a smaller bank: bank_size=, or augmenter.subset(index)"
        checks.refuse("a model below 2 GB", f"{model.ByteSize():,} bytes", remedy)
    return bytes(model.SerializeToString())


def _metadata(job: ExportJob) -> dict[str, Any]:
    samples = job.bank.samples
    about = {"part": job.part, "event_shape": samples.event_shape, "names": samples.names}
    if job.part != "augmenter":
        return about
    # The labels say which samples of the bank are of a class, for the partners.
    return about | {"perturb": repr(job.perturb), "residual": job.residual, "bank_labels": samples.y.tolist()}


def _check_against_torch(content: bytes, module: nn.Module, inputs: dict[str, Tensor | None], job: ExportJob) -> None:
    """Refuses a model that gives other samples than torch: a mistake of the conversion would otherwise go unseen."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    outputs = session.run(None, {name: value.numpy() for name, value in inputs.items() if value is not None})
    with torch.no_grad():
        expected = module(*_arguments(inputs))
    expected = expected if isinstance(expected, tuple) else (expected,)
    for got, wanted in zip(outputs, expected, strict=True):
        difference = float((torch.from_numpy(got) - wanted).abs().max())
        width = max(1.0, float(wanted.abs().max()))
        if not difference <= TOLERANCE * width:
            expectation = f"an ONNX {job.part} that agrees with torch up to {TOLERANCE * width:g}"
            checks.refuse(expectation, f"a difference of {difference:g}", "generate in Python, and report this")
