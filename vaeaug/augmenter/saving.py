"""An augmenter in a folder: what it takes to make its samples again, and nothing that can run code.

    config.json         format, version, perturbation, class names and counts, range
    vae.safetensors     the VAE; left out where it is a user's own
    bank.safetensors    the real samples, their labels and codes, and their unlabelled donors
    README.md           a model card

A filter may be any object, so it is not saved.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import torch
from torch import Tensor
from torch.distributions import Independent

from vaeaug._version import __version__
from vaeaug.data.samples import Samples, Scaling
from vaeaug.models.vae import VAE
from vaeaug.perturb.bank import Bank
from vaeaug.perturb.pseudo_labelled import PseudoLabelled
from vaeaug.perturb.schemes import PERTURBATIONS, Perturbation
from vaeaug.runtime import checks, files

KIND = "vaeaug-augmenter"
DONORS = "donors."  # what the names of their tensors begin with
CONFIG, VAE_FILE, BANK_FILE, CARD = FILES = ("config.json", "vae.safetensors", "bank.safetensors", "README.md")
WRITTEN = "a folder that Augmenter.save wrote"
AGAIN = "check the path, or save the augmenter again"


class Parts(NamedTuple):
    """What an augmenter is made of; see `vaeaug.Augmenter`."""

    vae: Any
    bank: Bank
    perturb: Perturbation
    filter: Any
    residual: bool


def save(folder: str | Path, parts: Parts) -> None:
    """Writes an augmenter to a folder, whole or not at all; an earlier one in it is replaced.

    Arguments:
        folder: A new or empty folder, or one that this function wrote.
        parts: The parts of a fitted augmenter.

    Raises:
        InputError: If the folder holds anything else, or cannot be written.
    """
    folder = Path(folder)
    check_free(folder)
    config = _describe(parts)
    with files.atomic_write(folder, folder=True, may_replace=_read_before) as new:
        if config["augmenter"]["vae"] is None:
            parts.vae.save(new / VAE_FILE)
        samples = parts.bank.samples
        tensors = {"x": samples.x, "y": samples.y, "mean": parts.bank.mean, "stddev": parts.bank.stddev}
        files.save_tensors(new / BANK_FILE, tensors | _donated(parts.bank.donors), "bank", {})
        files.save_json(new / CONFIG, config)
        (new / CARD).write_text(card(config), encoding="utf-8")


def load(folder: str | Path, *, vae: Any = None, perturb: Perturbation | None = None, filter: Any = None) -> Parts:
    """Reads what `save` wrote. Nothing in the folder is executed.

    Arguments:
        folder: The folder.
        vae: The VAE, where it is a user's own.
        perturb: The perturbation, where its class is a user's own; for others, it takes the place of the saved one.
        filter: The filter, which is never saved.

    Raises:
        InputError: If the folder is missing, cut off, foreign or of a newer version, or if a part has to be passed.
    """
    folder = Path(folder)
    config = _read(folder / CONFIG, AGAIN)
    try:
        about, data = config["augmenter"], config["data"]
        names, scaling = tuple(data["names"]), Scaling(**{name: tuple(v) for name, v in data["scaling"].items()})
        if perturb is None:
            perturb = _perturbation(**about["perturb"])
        if vae is None:
            vae = _vae(folder / VAE_FILE, about["vae"], about["channels_last"])
        bank = _bank(folder / BANK_FILE, names, data["counts"], data["event_shape"], scaling)
        sample_files, columns = (tuple(data.get(name, ())) for name in ("files", "columns"))
        bank = replace(bank, samples=replace(bank.samples, files=sample_files, columns=columns))
        filtered, residual = about["filter"], about["residual"]
    except (KeyError, TypeError, AttributeError) as error:
        checks.refuse(WRITTEN, f"'{folder}' with something amiss in it ({error!r})", AGAIN)
    if isinstance(vae, VAE):
        checks.check_event_shape("samples in the bank", bank.samples.x, vae.event_shape)
    if filtered and filter is None:
        warnings.warn(f"the augmenter in '{folder}' had a filter, {filtered}; pass it as filter=...", stacklevel=3)
    return Parts(vae, bank, perturb, filter, residual)


def check_codes(bank: Bank, q: Independent) -> None:
    """Checks that the first codes of a bank are those that its VAE gives now, `q` over `(B, L)`, but for rounding."""
    size = len(q.mean)
    fits = q.mean.shape[1:] == bank.mean.shape[1:]
    if not fits or (q.mean - bank.mean[:size]).abs().max() > 0.05 * (bank.mean.std() + bank.stddev.mean()):
        remedy = "pass the very VAE, with its weights, that the augmenter was fitted with"
        checks.refuse("the VAE that the bank was encoded with", "one that gives other codes", remedy)


def card(config: dict[str, Any]) -> str:
    """Returns the model card, in Markdown, of an augmenter with this `config.json`."""
    about, data = config["augmenter"], config["data"]
    rows = "\n".join(f"| {_cell(n)} | {count} |" for n, count in zip(data["names"], data["counts"], strict=True))
    perturb = ", ".join(f"{name}={value!r}" for name, value in (about["perturb"]["fields"] or {}).items())
    own = {
        "vae": about["vae"],
        "perturb": None if about["perturb"]["fields"] is not None else about["perturb"]["type"],
        "filter": about["filter"],
    }
    passed = "".join(f", {name}={name}" for name, kind in own.items() if kind)
    absent = "".join(f"- `{name}`: a `{kind}`\n" for name, kind in own.items() if kind)
    return CARD_TEXT.format(
        count=sum(data["counts"]),
        rows=rows,
        event=" x ".join(map(str, data["event_shape"])),
        latent=data["latent_dim"],
        vae=about["vae"] or "vaeaug.VAE",
        perturb=f"{about['perturb']['type']}({perturb if own['perturb'] is None else '...'})",
        residual="the decoded change added to the real sample" if about["residual"] else "the plain decode",
        library=config["library"],
        passed=passed,
        absent=f"\nNot in this folder, to be passed to `load`:\n\n{absent}" if absent else "",
    )


CARD_TEXT = """---
library_name: vaeaug
tags:
- data-augmentation
- variational-autoencoder
---

# A vaeaug augmenter

It makes labelled synthetic samples near real ones: a VAE, a perturbation of its codes, and the real samples to start from.

> **Warning: this folder holds the real training samples.** `bank.safetensors` has all {count} of them, with their labels.
> Do not share it where the data may not be shared.

```python
import vaeaug

augmenter = vaeaug.Augmenter.load("."{passed})  # the path of this folder
x, y, parent, confidence = augmenter.generate(64, seed=0)
```
{absent}
| | |
| --- | --- |
| shape of a sample | {event} |
| latent numbers | {latent} |
| VAE | `{vae}` |
| perturbation | `{perturb}` |
| decoding | {residual} |
| written by | vaeaug {library} |

## The data

| class | samples |
| --- | --- |
{rows}
"""


def _describe(parts: Parts) -> dict[str, Any]:
    samples, scheme = parts.bank.samples, parts.perturb
    known = PERTURBATIONS.get(type(scheme).__name__) is type(scheme)
    values = {f.name: getattr(scheme, f.name) for f in fields(scheme)} if known else None  # type: ignore[arg-type]
    ours = type(parts.vae) is VAE
    weights = list(parts.vae.parameters()) if ours else []
    return {
        "format": KIND,
        "version": files.FORMAT,
        "library": __version__,
        # Nested, because huggingface_hub takes keys on the top level that are named like a constructor's arguments for them.
        "augmenter": {
            "vae": None if ours else type(parts.vae).__name__,
            "channels_last": not all(w.is_contiguous() for w in weights),
            "perturb": {"type": type(scheme).__name__, "fields": values and {k: _plain(v) for k, v in values.items()}},
            "filter": None if parts.filter is None else type(parts.filter).__name__,
            "residual": bool(parts.residual),
        },
        "data": {
            "event_shape": list(samples.event_shape),
            "latent_dim": parts.bank.mean.shape[1],
            "names": list(samples.names),
            "files": list(samples.files),
            "columns": list(samples.columns),
            "counts": samples.counts,
            "scaling": asdict(parts.bank.scaling),
        },
    }


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _cell(text: str) -> str:
    return " ".join(text.replace("|", r"\|").split())


def _read_before(folder: Path) -> bool:
    return True  # check_free has looked


def check_free(folder: Path) -> None:
    """Refuses a folder with anything in it but an augmenter that `save` wrote."""
    if folder.exists() and not folder.is_dir():
        checks.refuse("a folder", f"the file '{folder}'", "choose another path")
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    for name in sorted(there - set(FILES)):
        checks.refuse("a new or empty folder", f"'{folder}', which has '{name}'", "choose another folder")
    if there:
        _read(folder / CONFIG, "choose another folder")


def _read(path: Path, remedy: str) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        checks.refuse(WRITTEN, f"'{path}' ({error})", remedy)
    if not isinstance(config, dict) or config.get("format") != KIND:
        checks.refuse(WRITTEN, f"'{path}', which is of something else", remedy)
    if not isinstance(config.get("version"), int) or config["version"] > files.FORMAT:
        newest = f"version {files.FORMAT} or older in '{path}'"
        checks.refuse(newest, config.get("version"), "install a newer vaeaug")
    return config


def _perturbation(type: str, fields: dict[str, Any] | None) -> Perturbation:  # noqa: A002 (the key in the file)
    if fields is None:
        _pass_again("perturb", type)
    checks.check_choice("the perturbation", type, tuple(PERTURBATIONS))
    return PERTURBATIONS[type](**{name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()})


def _vae(path: Path, own: str | None, channels_last: bool) -> VAE:
    if own is not None:
        _pass_again("vae", own)
    vae = VAE.load(path)
    # The order in memory decides which kernels compute, and so the last bits.
    return vae.to(memory_format=torch.channels_last) if channels_last else vae


def _pass_again(part: str, name: str) -> NoReturn:
    remedy = f"pass it again: Augmenter.load(folder, {part}=...)"
    checks.refuse(f"the augmenter's {part}", f"none; it is of a class of your own, {name}, which is not saved", remedy)


def _bank(path: Path, names: tuple[str, ...], counts: list[int], event_shape: list[int], scaling: Scaling) -> Bank:
    tensors, _ = files.load_tensors(path, "bank")
    # Copies: what was read is a view of the file, which may be replaced while the augmenter lives.
    x, y, mean, stddev = (tensors[name].clone() for name in ("x", "y", "mean", "stddev"))
    if not _fits(x, y, mean, stddev, counts, event_shape):
        checks.refuse(f"a bank that fits {CONFIG}", f"another in '{path}'", "do not mix the files of two augmenters")
    donors = {name.removeprefix(DONORS): t.clone() for name, t in tensors.items() if name.startswith(DONORS)}
    return Bank(Samples(x, y, names), mean, stddev, scaling, PseudoLabelled(**donors) if donors else None)


def _donated(donors: PseudoLabelled | None) -> dict[str, Tensor]:
    return {} if donors is None else {f"{DONORS}{field.name}": getattr(donors, field.name) for field in fields(donors)}


def _fits(x: Tensor, y: Tensor, mean: Tensor, stddev: Tensor, counts: list[int], event_shape: list[int]) -> bool:
    sizes = {len(x), len(y), len(mean), len(stddev), sum(counts)}
    alike = len(sizes) == 1 and list(x.shape[1:]) == event_shape and mean.shape == stddev.shape
    return alike and torch.bincount(y, minlength=len(counts)).tolist() == counts
