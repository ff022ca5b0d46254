"""An augmenter in a folder: everything needed to reproduce its samples, and no executable content.

    config.json         format, version, perturbation, class names and counts, range
    vae.safetensors     the VAE, unless it is of a user's own class
    bank.safetensors    the real samples, their labels and codes, and the pseudo-labelled samples
    README.md           a model card

A filter may be any object, so it is not saved.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import torch
from torch import Tensor
from torch.distributions import Independent

from vaeaug._version import __version__
from vaeaug.augmenter import format_1
from vaeaug.augmenter.model_card import model_card
from vaeaug.data.samples import Samples, Scaling
from vaeaug.models.spaces import LinearSpace
from vaeaug.models.vae import VAE
from vaeaug.perturb.bank import Bank
from vaeaug.perturb.pseudo_labelled import PseudoLabelled
from vaeaug.perturb.schemes import PERTURBATIONS, Perturbation
from vaeaug.runtime import checks, files
from vaeaug.runtime.errors import warn

KIND = "vaeaug-augmenter"
PSEUDO_PREFIX = "pseudo_labelled."  # of the names of their tensors
CONFIG, VAE_FILE, BANK_FILE, CARD = FILES = ("config.json", "vae.safetensors", "bank.safetensors", "README.md")
EXPECTED = "a folder that Augmenter.save wrote"
REMEDY = "check the path, or save the augmenter again"


class AugmenterState(NamedTuple):
    """What an augmenter consists of; see `vaeaug.Augmenter`."""

    vae: Any
    bank: Bank
    perturb: Perturbation
    filter: Any
    residual: bool


def save(folder: str | Path, state: AugmenterState) -> None:
    """Writes an augmenter to a folder, atomically; an augmenter that is already there is replaced.

    Arguments:
        folder: A new or empty folder, or one that this function wrote.
        state: The state of a fitted augmenter.

    Raises:
        InputError: If the folder has any other content, or cannot be written.
    """
    folder = Path(folder)
    check_free(folder)
    config = _describe(state)
    # check_free has decided already whether the folder may be replaced.
    with files.atomic_write(folder, folder=True, may_replace=lambda _: True) as new:
        if config["augmenter"]["vae"] is None:
            state.vae.save(new / VAE_FILE)
        files.save_tensors(new / BANK_FILE, _bank_tensors(state.bank), "bank", {})
        files.save_json(new / CONFIG, config)
        (new / CARD).write_text(model_card(config), encoding="utf-8")


def load(
    folder: str | Path, *, vae: Any = None, perturb: Perturbation | None = None, filter: Any = None
) -> AugmenterState:
    """Reads what `save` wrote. Nothing in the folder is executed.

    Arguments:
        folder: The folder.
        vae: The VAE, if it is of a user's own class.
        perturb: The perturbation, if it is of a user's own class; otherwise it replaces the saved one.
        filter: The filter, which is never saved.

    Raises:
        InputError: If the folder is missing, truncated, foreign or of a newer version, or if something that is not saved has
            to be passed.
    """
    folder = Path(folder)
    config = _read_config(folder / CONFIG, REMEDY)
    try:
        config = format_1.upgraded_config(config) if config["version"] == 1 else config
        settings, data = config["augmenter"], config["data"]
        if perturb is None:
            perturb = _perturbation(**settings["perturb"])
        if vae is None:
            vae = _load_vae(folder / VAE_FILE, settings)
        bank = _load_bank(folder / BANK_FILE, data)
        saved_filter, residual = settings["filter"], settings["residual"]
    except (KeyError, TypeError, AttributeError) as error:
        checks.refuse(EXPECTED, f"'{folder}' with invalid content ({error!r})", REMEDY)
    if isinstance(vae, VAE):
        checks.check_event_shape("samples in the bank", bank.samples.x, vae.event_shape)
    if saved_filter and filter is None:
        warn(f"the augmenter in '{folder}' had a filter, {saved_filter}; pass it as filter=...")
    return AugmenterState(vae, bank, perturb, filter, residual)


def check_codes(bank: Bank, q: Independent) -> None:
    """Checks that the VAE still gives the codes in the bank, up to rounding.

    Arguments:
        bank: The bank.
        q: What the VAE now gives for its first samples, over `(B, L)`.

    Raises:
        InputError: If the codes differ.
    """
    size = len(q.mean)
    same_shape = q.mean.shape[1:] == bank.mean.shape[1:]
    if not same_shape or (q.mean - bank.mean[:size]).abs().max() > 0.05 * (bank.mean.std() + bank.stddev.mean()):
        remedy = "pass the same VAE, with its weights, that the augmenter was fitted with"
        checks.refuse("the VAE that the bank was encoded with", "one that gives other codes", remedy)


def check_free(folder: Path) -> None:
    """Checks that a folder is new, empty, or an augmenter that `save` wrote.

    Raises:
        InputError: If it has any other content.
    """
    if folder.exists() and not folder.is_dir():
        checks.refuse("a folder", f"the file '{folder}'", "choose another path")
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    for name in sorted(names - set(FILES)):
        checks.refuse("a new or empty folder", f"'{folder}', which has '{name}'", "choose another folder")
    if names:
        _read_config(folder / CONFIG, "choose another folder")


def _describe(state: AugmenterState) -> dict[str, Any]:
    samples, vae = state.bank.samples, state.vae
    is_space = isinstance(vae, LinearSpace)
    is_own_vae = type(vae) is not VAE and not is_space
    weights = [] if is_own_vae else list(vae.parameters())
    return {
        "format": KIND,
        "version": files.FORMAT,
        "library": __version__,
        # Nested, because huggingface_hub takes top-level keys with the names of a constructor's arguments for these.
        "augmenter": {
            "vae": type(vae).__name__ if is_own_vae else None,
            "space": type(vae).__name__ if is_space else None,
            "channels_last": not all(weight.is_contiguous() for weight in weights),
            "perturb": _describe_perturbation(state.perturb),
            "filter": None if state.filter is None else type(state.filter).__name__,
            "residual": bool(state.residual),
        },
        "data": {
            "event_shape": list(samples.event_shape),
            "latent_dim": state.bank.mean.shape[1],
            "names": list(samples.names),
            "files": list(samples.files),
            "columns": list(samples.columns),
            "counts": samples.counts,
            "scaling": asdict(state.bank.scaling),
        },
    }


def _describe_perturbation(perturb: Perturbation) -> dict[str, Any]:
    """Returns the type and the fields of a perturbation; no fields if it is of a user's own class."""
    kind = type(perturb).__name__
    if PERTURBATIONS.get(kind) is not type(perturb):
        return {"type": kind, "fields": None}
    values = {field.name: getattr(perturb, field.name) for field in fields(perturb)}  # type: ignore[arg-type]
    # JSON holds no numpy scalars.
    plain = {name: value.item() if hasattr(value, "item") else value for name, value in values.items()}
    return {"type": kind, "fields": plain}


def _bank_tensors(bank: Bank) -> dict[str, Tensor]:
    tensors = {"x": bank.samples.x, "y": bank.samples.y, "mean": bank.mean, "stddev": bank.stddev}
    if bank.pseudo_labelled is not None:
        names = [field.name for field in fields(PseudoLabelled)]
        tensors |= {f"{PSEUDO_PREFIX}{name}": getattr(bank.pseudo_labelled, name) for name in names}
    return tensors


def _read_config(path: Path, remedy: str) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        checks.refuse(EXPECTED, f"'{path}' ({error})", remedy)
    if not isinstance(config, dict) or config.get("format") != KIND:
        checks.refuse(EXPECTED, f"'{path}', which is of something else", remedy)
    if not isinstance(config.get("version"), int) or config["version"] > files.FORMAT:
        expected = f"version {files.FORMAT} or older in '{path}'"
        checks.refuse(expected, config.get("version"), "install a newer vaeaug")
    return config


def _perturbation(type: str, fields: dict[str, Any] | None) -> Perturbation:  # noqa: A002 (the key in the file)
    if fields is None:
        _refuse_unsaved("perturb", type)
    checks.check_choice("the perturbation", type, tuple(PERTURBATIONS))
    return PERTURBATIONS[type](**{name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()})


def _load_vae(path: Path, settings: dict[str, Any]) -> VAE | LinearSpace:
    if settings["vae"] is not None:
        _refuse_unsaved("vae", settings["vae"])
    if settings.get("space") is not None:
        return LinearSpace.load(path)
    vae = VAE.load(path)
    # The memory format decides which kernels compute, and so the last bits of the samples.
    return vae.to(memory_format=torch.channels_last) if settings["channels_last"] else vae


def _refuse_unsaved(argument: str, class_name: str) -> NoReturn:
    got = f"none; it is of a class of your own, {class_name}, which is not saved"
    checks.refuse(f"the augmenter's {argument}", got, f"pass it again: Augmenter.load(folder, {argument}=...)")


def _load_bank(path: Path, data: dict[str, Any]) -> Bank:
    names, scaling = tuple(data["names"]), Scaling(**{name: tuple(v) for name, v in data["scaling"].items()})
    sample_files, columns = (tuple(data.get(name, ())) for name in ("files", "columns"))
    tensors, _ = files.load_tensors(path, "bank")
    # Copies: the tensors are views of the file, which may be replaced while the augmenter is in use.
    tensors = {format_1.TENSORS.get(name, name): tensor.clone() for name, tensor in tensors.items()}
    x, y, mean, stddev = (tensors[name] for name in ("x", "y", "mean", "stddev"))
    if not _fits(x, y, mean, stddev, data["counts"], data["event_shape"]):
        checks.refuse(f"a bank that fits {CONFIG}", f"another in '{path}'", "do not mix the files of two augmenters")
    pseudo = {name.removeprefix(PSEUDO_PREFIX): t for name, t in tensors.items() if name.startswith(PSEUDO_PREFIX)}
    bank = Bank(Samples(x, y, names), mean, stddev, scaling, PseudoLabelled(**pseudo) if pseudo else None)
    return replace(bank, samples=replace(bank.samples, files=sample_files, columns=columns))


def _fits(x: Tensor, y: Tensor, mean: Tensor, stddev: Tensor, counts: list[int], event_shape: list[int]) -> bool:
    same_size = len({len(x), len(y), len(mean), len(stddev), sum(counts)}) == 1
    same_shape = list(x.shape[1:]) == event_shape and mean.shape == stddev.shape
    return same_size and same_shape and torch.bincount(y, minlength=len(counts)).tolist() == counts
