"""The names in augmenters that were saved in format 1."""

from __future__ import annotations

from typing import Any

from vaeaug.runtime import checks

PAIRS_FROM = {"same": "own_class", "any": "any_class", "shrunk": "shrunk"}
# The tensors of the bank file, by their old names.
TENSORS = {f"donors.{name}": f"pseudo_labelled.{name}" for name in ("x", "confidence", "mean", "stddev")}
TENSORS["donors.owner"] = "pseudo_labelled.parent_index"


def upgraded_config(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the content of a `config.json` of format 1 under the present names.

    Raises:
        InputError: If the perturbation has a setting that no longer exists.
        KeyError, TypeError, AttributeError: If the content is invalid.
    """
    settings, data = dict(config["augmenter"]), dict(config["data"])
    settings["filter"] = settings.pop("keep")
    data["latent_dim"] = data.pop("latent")
    fields = settings["perturb"]["fields"]
    if fields is not None:
        settings["perturb"] = {**settings["perturb"], "fields": _upgraded_fields(dict(fields))}
    return {**config, "augmenter": settings, "data": data}


def _upgraded_fields(fields: dict[str, Any]) -> dict[str, Any]:
    if not fields.pop("uniform", True):
        remedy = "pass another perturbation, for example Augmenter.load(folder, perturb=vaeaug.Extrapolate(0.5))"
        checks.refuse("a perturbation with steps of random length", "uniform=False, which is gone", remedy)
    if "donors" in fields:
        fields["pairs_from"] = PAIRS_FROM[fields.pop("donors")]
    return fields
