"""The figures of the article: material and numbers in, matplotlib figures out."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import article_page
import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from PIL import Image
from torch import Tensor

from vaeaug import VAE
from vaeaug.data import Samples
from vaeaug.models.training import evaluating

WIDTH, DPI = 8.0, 110
PALETTES, LIMIT = (256, 128, 64, 32), 145_000  # colours to try, and bytes
GREY = "0.35"
COLOURS = colormaps["tab10"].colors  # type: ignore[attr-defined]
MANIFOLD = 20
STYLE: dict[str, Any] = {"fontsize": 9, "color": "0.15"}


@dataclass(frozen=True, eq=False)
class Material:
    """What the figures need beside the numbers.

    Arguments:
        data, test: The real images.
        vaes: The article's VAE and the larger one.
        start: The start image, one sample.
        near: Samples near it, by spread.
        noisy: The first test images with noise, by its standard deviation.
        strange: Images that are no clothes.
        scores: Of strangeness, by name, for the test images and the strange ones, by the article's VAE.
    """

    data: Samples
    test: Samples
    vaes: tuple[VAE, VAE]
    start: Samples
    near: dict[float, Tensor]
    noisy: dict[float, Tensor]
    strange: Tensor
    scores: dict[str, Tensor]


def tiled(x: Tensor, columns: int, gap: int = 1) -> np.ndarray:
    """Returns images `(N, 1, H, W)` as one, in rows of `columns`, on a white ground."""
    x = torch.nn.functional.pad(x[:, 0], (0, gap, 0, gap))
    rows = -(-len(x) // columns)
    x = torch.cat([x, x.new_zeros(rows * columns - len(x), *x.shape[1:])])
    height, width = x.shape[1:]
    return x.view(rows, columns, height, width).permute(0, 2, 1, 3).reshape(rows * height, columns * width).numpy()


def show(axis: Axes, x: Tensor, columns: int, title: str = "") -> None:
    """Draws images in a tight grid: black on white, as in print."""
    axis.imshow(1 - tiled(x, columns), cmap="gray", vmin=0, vmax=1)
    axis.set_axis_off()
    axis.set_title(title, **STYLE)


def name_rows(axis: Axes, names: Sequence[str], side: int) -> None:
    """Writes a name before each row of a grid of images."""
    for row, name in enumerate(names):
        axis.text(-6, (row + 0.5) * (side + 1), name, ha="right", va="center", **STYLE)


def plain(axis: Axes, title: str, x: str, y: str) -> None:
    """Labels a plot and takes away what it does not need."""
    axis.set_title(title, **STYLE)
    axis.set_xlabel(x, **STYLE)
    axis.set_ylabel(y, **STYLE)
    axis.tick_params(labelsize=8, colors=GREY, length=3)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color("0.7")


def figure(height: float) -> Figure:
    """Creates an empty figure."""
    return Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")


def save(drawing: Figure, path: Path) -> None:
    """Writes a figure as a small PNG: cut to what is drawn, with as many colours as the limit allows."""
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="png", bbox_inches="tight", pad_inches=0.08)
    image = Image.open(buffer).convert("RGB")
    kind: dict[str, Any] = {"method": Image.Quantize.MAXCOVERAGE, "dither": Image.Dither.NONE}
    for small in (image, *(image.quantize(colours, **kind) for colours in PALETTES)):
        buffer = io.BytesIO()
        small.save(buffer, "png", optimize=True)
        if buffer.tell() < LIMIT:
            break
    path.write_bytes(buffer.getvalue())


def of_each_class(samples: Samples, count: int) -> Tensor:
    """Returns the places of the first samples of each class, `(classes, count)`."""
    return torch.stack([torch.nonzero(samples.y == k)[:count, 0] for k in range(len(samples.names))])


def training(material: Material, numbers: dict[str, Any]) -> Figure:
    """Draws training images, a row per class; a frame marks the start image."""
    drawing = figure(5.6)
    axis = drawing.subplots()
    data, columns = material.data, 16
    show(axis, data.x[of_each_class(data, columns).flatten()], columns)
    name_rows(axis, data.names, data.event_shape[-1])
    side = data.event_shape[-1]
    axis.add_patch(Rectangle((-1, -1), side + 1, side + 1, fill=False, color="crimson", lw=1.5, clip_on=False))
    return drawing


def reconstructions(material: Material, numbers: dict[str, Any]) -> Figure:
    """Draws test images over what two numbers, and the larger VAE's, keep of them."""
    places = of_each_class(material.test, 2)
    columns, side = len(places), material.test.event_shape[-1]
    drawing = figure(WIDTH * 6.3 / columns)
    axis = drawing.subplots()
    rows: list[Tensor] = []
    with evaluating(*material.vaes):
        for x in (material.test.x[places[:, i]] for i in range(2)):
            rows += [x, *(vae.reconstruct(x) for vae in material.vaes)]
    show(axis, torch.cat(rows), columns)
    name_rows(axis, ["image", *(f"{vae.latent_dim} numbers" for vae in material.vaes)] * 2, side)
    axis.axhline(3 * (side + 1) - 1, color="0.8", lw=1)
    for column, name in enumerate(material.test.names):
        axis.text((column + 0.5) * (side + 1), -5, name, ha="center", **STYLE | {"fontsize": 8})
    return drawing


def _samples(material: Material, numbers: dict[str, Any], spreads: Sequence[float]) -> Figure:
    drawing = figure(3.4)
    left, *axes = drawing.subplots(1, 1 + len(spreads), width_ratios=[1.1, *[6.0] * len(spreads)])
    show(left, torch.cat([material.start.x, material.near[0.0][:1]]), 1, "start, and\nits code")
    for axis, spread in zip(axes, spreads, strict=True):
        row = next(row for row in numbers["first"]["rows"] if row["spread"] == spread)
        show(axis, material.near[spread], 8, f"spread {spread:g}: {row['share']:.0%} {numbers['first']['class']}")
    return drawing


def near(material: Material, numbers: dict[str, Any]) -> Figure:
    """Draws samples near the start image's code."""
    return _samples(material, numbers, list(material.near)[1:3])


def far(material: Material, numbers: dict[str, Any]) -> Figure:
    """Draws samples further out."""
    return _samples(material, numbers, list(material.near)[3:])


def spread(material: Material, numbers: dict[str, Any]) -> Figure:
    """Draws the share that keeps its class, and what the samples of the first image become, by spread."""
    drawing = figure(3.4)
    left, right = drawing.subplots(1, 2)
    first, many = numbers["first"]["rows"], numbers["many"]["rows"]
    x = [row["spread"] for row in first]
    mean, error = (np.array([row[key] for row in many]) for key in ("share", "standard_error"))
    left.plot(x, [row["share"] for row in first], "o-", color="crimson", ms=3, label="first T-shirt")
    recognised = [np.nan if row["share_of_recognised"] is None else row["share_of_recognised"] for row in many]
    left.plot(x, recognised, "o--", color="steelblue", ms=3, label="many images, recognised at 0")
    left.plot(x, mean, "o-", color="steelblue", ms=3, label="many images")
    left.fill_between(x, mean - 1.96 * error, mean + 1.96 * error, color="steelblue", alpha=0.2, lw=0)
    left.set_ylim(0, 1.02)
    left.legend(frameon=False, fontsize=8)
    plain(left, "Share that keeps the class of the start image", "spread", "share")
    names = [name for name in material.data.names if any(row["shares"][name] >= article_page.SEEN for row in first)]
    right.stackplot(
        x,
        [[row["shares"][name] for row in first] for name in names],
        colors=[COLOURS[material.data.names.index(name) % 10] for name in names],
        labels=names,
        alpha=0.85,
    )
    right.set(xlim=(x[0], x[-1]), ylim=(0, 1))
    right.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), reverse=True)
    plain(right, "What the first T-shirt becomes", "spread", "")
    return drawing


def codes(material: Material, numbers: dict[str, Any]) -> Figure:
    """Draws the test images' codes by class, with circles about the start image's."""
    drawing = figure(5.6)
    axis = drawing.subplots()
    with evaluating(material.vaes[0]):
        z = material.vaes[0].encode(material.test.x).mean
    for label, name in enumerate(material.test.names):
        first, second = z[material.test.y == label].T.numpy()
        axis.scatter(first, second, s=3, color=COLOURS[label % 10], alpha=0.5, lw=0, label=name)
    for radius in list(material.near)[1:]:
        axis.add_patch(Circle(numbers["first"]["code"], radius, fill=False, color="black", lw=0.8))
    axis.plot(*numbers["first"]["code"], ".", color="black", ms=4)
    axis.set_aspect("equal")
    axis.legend(frameon=False, fontsize=8, markerscale=4, loc="center left", bbox_to_anchor=(1, 0.5))
    circles = ", ".join(f"{radius:g}" for radius in list(material.near)[1:])
    plain(axis, f"Codes of the test images; circles: {circles} from the start", "first number", "second number")
    return drawing


def manifold(material: Material, numbers: dict[str, Any]) -> Figure:
    """Draws what every pair of latent numbers decodes to, at equal steps of their normal distribution's quantiles."""
    drawing = Figure(figsize=(6, 6), dpi=DPI, layout="constrained")
    axis = drawing.subplots()
    steps = torch.distributions.Normal(0, 1).icdf((torch.arange(MANIFOLD) + 0.5) / MANIFOLD)
    grid = torch.cartesian_prod(-steps, steps).flip(1)
    with evaluating(material.vaes[0]):
        show(axis, material.vaes[0].decode(grid), MANIFOLD)
    axis.text(0.5, -0.01, "first number, from low to high", ha="center", va="top", transform=axis.transAxes, **STYLE)
    side: dict[str, Any] = {"ha": "right", "va": "center", "rotation": 90, "transform": axis.transAxes}
    axis.text(-0.01, 0.5, "second number, from low to high", **side, **STYLE)
    return drawing


def denoising(material: Material, numbers: dict[str, Any]) -> Figure:
    """Draws noised images over their reconstructions, and the signal-to-noise ratio before and after."""
    drawing = figure(5.6)
    top, below = drawing.subfigures(2, 1, squeeze=False, height_ratios=[1.2, 1])[:, 0]
    axis, columns, side = top.subplots(), 20, material.test.event_shape[-1]
    rows, names = [material.test.x[:columns]], ["image"]
    small, larger = (f"{vae.latent_dim} numbers" for vae in material.vaes)
    with evaluating(*material.vaes):
        for noise in list(material.noisy)[1::2][:2]:
            x = material.noisy[noise][:columns]
            axis.axhline(len(rows) * (side + 1) - 1, color="0.7", lw=1)
            rows += [x, *(vae.reconstruct(x) for vae in material.vaes)]
            names += [f"noise {noise:g}", small, larger]
    show(axis, torch.cat(rows), columns)
    name_rows(axis, names, side)
    chart, measured = below.subplots(), numbers["denoising"]
    lines = {"before": ("noised", "0.6"), "blur": ("best blur", "darkorange")}
    lines |= {"article": (small, "crimson"), "larger": (larger, "steelblue")}
    noises = [row["noise"] for row in measured]
    for key, (label, colour) in lines.items():
        chart.plot(noises, [row[key] for row in measured], "o-", ms=3, color=colour, label=label)
    chart.legend(frameon=False, fontsize=8)
    plain(chart, "Higher is better", "standard deviation of the noise", "PSNR (dB)")
    return drawing


def outliers(material: Material, numbers: dict[str, Any]) -> Figure:
    """Draws digits over what the two numbers make of them, and how the two scores part digits from clothes."""
    drawing = figure(4.0)
    top, below = drawing.subfigures(2, 1, squeeze=False, height_ratios=[1, 2.6])[:, 0]
    axis, columns, usual = top.subplots(), 20, len(material.test)
    x = material.strange[:columns]
    with evaluating(material.vaes[0]):
        show(axis, torch.cat([x, material.vaes[0].reconstruct(x)]), columns)
    name_rows(axis, ["digit", f"{material.vaes[0].latent_dim} numbers"], x.shape[-1])
    scores = {"minus_elbo": "-ELBO (nats)", "distance": "distance to the nearest training code (log10)"}
    for chart, (key, label) in zip(below.subplots(1, 2), scores.items(), strict=True):
        score = material.scores[key]
        score = score.clamp(min=1e-5).log10() if key == "distance" else score
        low, high = (float(score.quantile(q)) for q in (0.001, 0.999))
        bins = np.linspace(low, high, 60)
        for part, colour, name in ((score[:usual], "steelblue", "clothes"), (score[usual:], "crimson", "digits")):
            chart.hist(part, bins, density=True, color=colour, alpha=0.6, label=name)
        chart.legend(frameon=False, fontsize=8)
        plain(chart, f"AUROC {numbers['outliers']['article'][key]:.2f}", label, "")
        chart.set_yticks([])
        chart.spines["left"].set_visible(False)
    return drawing


PICTURES: dict[str, Callable[[Material, dict[str, Any]], Figure]] = {
    draw.__name__: draw for draw in (training, reconstructions, near, far, spread, codes, manifold, denoising, outliers)
}
