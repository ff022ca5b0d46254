"""An augmenter in a folder: everything needed to reproduce its samples, and no executable content.

    config.json         format, version, perturbation, class names and counts, range
    vae.safetensors     the VAE, unless it is of a user's own class
    bank.safetensors    the real samples, their labels and codes, and the pseudo-labelled samples
    README.md           a model card

A filter may be any object, so it is not saved.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import torch
from torch.distributions import Independent

from vaeaug._version import __version__
from vaeaug.augmenter import format_1, saved_bank
from vaeaug.augmenter.model_card import model_card
from vaeaug.augmenter.saved_bank import SavedData
from vaeaug.models.spaces import LinearSpace
from vaeaug.models.vae import VAE
from vaeaug.perturb.bank import Bank
from vaeaug.perturb.schemes import PERTURBATIONS, Perturbation
from vaeaug.runtime import checks, files, schema
from vaeaug.runtime.errors import warn

KIND = "vaeaug-augmenter"
CONFIG, VAE_FILE, BANK_FILE, CARD = FILES = ("config.json", "vae.safetensors", "bank.safetensors", "README.md")
EXPECTED = "a folder that Augmenter.save wrote"
REMEDY = "check the path, or save the augmenter again"


@dataclass(frozen=True)
class SavedPerturbation:
    """The class of a perturbation, and its fields unless it is of a user's own class."""

    type: str
    fields: dict[str, Any] | None


@dataclass(frozen=True)
class SavedSettings:
    """The parts of an augmenter; the class name of what is of a user's own class and not saved."""

    vae: str | None
    channels_last: bool
    perturb: SavedPerturbation
    filter: str | None
    residual: bool
    space: str | None = None


@dataclass(frozen=True)
class SavedConfig:
    """The content of `config.json`."""

    format: str
    version: int
    library: str
    augmenter: SavedSettings
    data: SavedData


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
    checks.check_utf8("class names", config["data"]["names"])
    with files.atomic_write(folder, folder=True, may_replace=is_ours) as new:
        if config["augmenter"]["vae"] is None:
            state.vae.save(new / VAE_FILE)
        files.save_tensors(new / BANK_FILE, saved_bank.tensors_of(state.bank), "bank", {})
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
    files.recover(folder)
    content = _read_json(folder / CONFIG, REMEDY)
    try:
        content = format_1.upgraded_config(content) if content["version"] == 1 else content
        config = schema.parse(SavedConfig, content)
        settings = config.augmenter
        if perturb is None:
            perturb = _perturbation(settings.perturb.type, settings.perturb.fields)
    except (KeyError, TypeError, AttributeError, schema.Mismatch) as error:
        checks.refuse(EXPECTED, f"'{folder}' with invalid content ({error!r})", REMEDY)
    if vae is None:
        vae = _load_vae(folder / VAE_FILE, settings)
    bank = saved_bank.load(folder / BANK_FILE, config.data)
    if isinstance(vae, VAE):
        checks.check_event_shape("samples in the bank", bank.samples.x, vae.event_shape)
        if vae.layout != (None if bank.samples.table is None else bank.samples.table.layout):
            remedy = "do not mix the files of two augmenters"
            checks.refuse(f"a VAE for the columns of the table in '{folder}'", "one for others", remedy)
    if settings.filter and filter is None:
        warn(f"the augmenter in '{folder}' had a filter, {settings.filter}; pass it as filter=...")
    return AugmenterState(vae, bank, perturb, filter, settings.residual)


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
    contents = files.contents(folder) if folder.is_dir() else []
    for path in contents:
        if path.name not in FILES or not files.is_regular_file(path):
            checks.refuse("a new or empty folder", f"'{folder}', which has '{path.name}'", "choose another folder")
    if contents:
        _read_json(folder / CONFIG, "choose another folder")


def is_ours(folder: Path) -> bool:
    """Returns whether a folder may be replaced by another augmenter; refuses one with any other content, as `check_free`."""
    check_free(folder)
    return True


def _describe(state: AugmenterState) -> dict[str, Any]:
    vae = state.vae
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
        "data": asdict(SavedData.of(state.bank)),
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


def _read_json(path: Path, remedy: str) -> dict[str, Any]:
    if files.is_no_file(path):
        checks.refuse(EXPECTED, f"'{path}', which is no file", remedy)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        checks.refuse(EXPECTED, f"'{path}' ({error})", remedy)
    if not isinstance(config, dict) or config.get("format") != KIND:
        checks.refuse(EXPECTED, f"'{path}', which is of something else", remedy)
    if type(config.get("version")) is not int or not 1 <= config["version"] <= files.FORMAT:
        expected = f"version {files.FORMAT} or older in '{path}'"
        checks.refuse(expected, config.get("version"), "install a newer vaeaug")
    return config


def _perturbation(type: str, fields: dict[str, Any] | None) -> Perturbation:  # noqa: A002 (the key in the file)
    if fields is None:
        _refuse_unsaved("perturb", type)
    checks.check_choice("the perturbation", type, tuple(PERTURBATIONS))
    return schema.parse(PERTURBATIONS[type], fields)


def _load_vae(path: Path, settings: SavedSettings) -> VAE | LinearSpace:
    if settings.vae is not None:
        _refuse_unsaved("vae", settings.vae)
    if settings.space is not None:
        return LinearSpace.load(path)
    vae = VAE.load(path)
    # The memory format decides which kernels compute, and so the last bits of the samples.
    return vae.to(memory_format=torch.channels_last) if settings.channels_last else vae


def _refuse_unsaved(argument: str, class_name: str) -> NoReturn:
    got = f"none; it is of a class of your own, {class_name}, which is not saved"
    checks.refuse(f"the augmenter's {argument}", got, f"pass it again: Augmenter.load(folder, {argument}=...)")
