"""The model card of a saved augmenter."""

from __future__ import annotations

from typing import Any

from vaeaug.runtime import markup

TEMPLATE = """---
library_name: vaeaug
tags:
- data-augmentation
{tag}---

# A vaeaug augmenter

It generates labelled synthetic samples close to real ones: {space}, a perturbation of its codes, and the real samples to
start from.

> **Warning: this folder contains the real training samples.** `bank.safetensors` has all {count} of them, with their labels.
> Do not share it where the data may not be shared.

```python
import vaeaug

augmenter = vaeaug.Augmenter.load("."{arguments})  # the path of this folder
x, y, parent, confidence = augmenter.generate(64, seed=0)
```
{not_saved}
| | |
| --- | --- |
| shape of a sample | {event_shape} |
| latent dimension | {latent_dim} |
| VAE, or space without one | {vae} |
| perturbation | {perturb} |
| decoding | {decoding} |
| written by | vaeaug {library} |

## Data

| class | samples |
| --- | --- |
{counts}
"""

# What the codes of a space are; None is a VAE's.
SPACES = {
    None: "a VAE",
    "PCA": "the space of the samples' principal components (no VAE)",
    "Identity": "the space of the samples themselves (no VAE)",
}


def model_card(config: dict[str, Any]) -> str:
    """Returns the model card, in Markdown.

    Arguments:
        config: The content of `config.json`.
    """
    settings, data = config["augmenter"], config["data"]
    classes = zip(data["names"], data["counts"], strict=True)
    perturb, fields = settings["perturb"]["type"], settings["perturb"]["fields"]
    not_saved = {
        "vae": settings["vae"],
        "perturb": perturb if fields is None else None,
        "filter": settings["filter"],
    }
    not_saved = {argument: kind for argument, kind in not_saved.items() if kind}
    listed = "".join(f"- `{argument}`: a {markup.code(kind)}\n" for argument, kind in not_saved.items())
    field_list = "..." if fields is None else ", ".join(f"{name}={value!r}" for name, value in fields.items())
    return TEMPLATE.format(
        tag="- variational-autoencoder\n" if settings.get("space") is None else "",
        space=SPACES[settings.get("space")],
        count=sum(data["counts"]),
        counts="\n".join(f"| {markup.text(name)} | {count} |" for name, count in classes),
        event_shape=" x ".join(map(str, data["event_shape"])),
        latent_dim=data["latent_dim"],
        vae=markup.code(settings["vae"] or f"vaeaug.{settings.get('space') or 'VAE'}"),
        perturb=markup.code(f"{perturb}({field_list})"),
        decoding="the decoded change, added to the real sample" if settings["residual"] else "the plain decoded code",
        library=config["library"],
        arguments="".join(f", {argument}={argument}" for argument in not_saved),
        not_saved=f"\nNot in this folder, pass them to `load`:\n\n{listed}" if listed else "",
    )
