"""Reproduces the article on Fashion-MNIST, and measures what it claims.

A VAE with two latent numbers (784-512-2, binary cross-entropy + KL, Adam) learns the 60,000 training images. Its code of one
T-shirt, moved a little and moved far: does it stay a T-shirt, does it become all kinds of clothes? A classifier that has
never seen a generated image answers. Then the article's two other uses, denoising and outlier detection.

    python benchmarks/article.py

writes `results/article.json`, the figures in `results/article/` and the numbers in `docs/article.md`.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import article_page
import article_pictures
import torch
from article_pictures import Material
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn
from torch.distributions import Independent
from torchvision.transforms.v2.functional import gaussian_blur
from tqdm.auto import tqdm

from vaeaug import VAE, Augmenter, Generated, fit_vae
from vaeaug.data import Samples, load, subset
from vaeaug.filters.confident import probabilities
from vaeaug.models.classifiers import small_cnn
from vaeaug.models.networks import MLP
from vaeaug.models.training import ShuffledIndices, evaluating, train
from vaeaug.perturb import Perturbation
from vaeaug.perturb.bank import Bank
from vaeaug.runtime import files, seeds

HERE = Path(__file__).parent
LEAST_ACCURACY = 0.88
SPREADS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
NOISES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
BLURS = (0.5, 0.75, 1.0, 1.5)
START = 0  # the class of the start image: T-shirt/top
SHIRT_LIKE = [0, 2, 4, 6]  # T-shirt/top, pullover, coat, shirt
VAES = ("article", "larger")
SHOWN, SHOWN_SPREADS = 48, (0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class Setting:
    """What is run.

    Arguments:
        steps, batch, lr, warmup: Of the article's VAE.
        larger_latent, larger_steps, larger_noise: Of the larger VAE, which is the article's but for these.
        judge_steps, judge_batch: Of the independent classifier.
        first: Samples at each spread near the first image.
        starts, children: Start images of each class, and samples at each spread near each of them.
        neighbours: The training codes that tell the class of a code.
        seed: Of everything.
    """

    steps: int = 8000
    batch: int = 256
    lr: float = 2e-3
    warmup: float = 0.1
    larger_latent: int = 32
    larger_steps: int = 4000
    larger_noise: float = 0.3
    judge_steps: int = 3000
    judge_batch: int = 128
    first: int = 2000
    starts: int = 20
    children: int = 100
    neighbours: int = 25
    seed: int = 0


@dataclass(frozen=True)
class Around(Perturbation):
    """Draws round noise about the code: z' = z + scale eps. The article's scheme; its unit is the prior's."""

    scale: float = 1.0

    def __call__(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
        return q.mean + self.scale * torch.randn(q.mean.shape, generator=generator).to(q.mean)


def fit_vaes(data: Samples, setting: Setting, progress: bool = True) -> tuple[VAE, VAE]:
    """Trains the article's VAE and the larger one. Without weight decay AdamW is Adam."""
    shared: dict[str, Any] = {
        "architecture": MLP((512,)),
        "likelihood": "bernoulli",
        "batch_size": setting.batch,
        "lr": setting.lr,
    }
    shared |= {"weight_decay": 0.0, "beta_warmup": setting.warmup, "seed": setting.seed, "progress": progress}
    small = fit_vae(data, latent_dim=2, steps=setting.steps, input_noise=0.0, **shared)
    larger: dict[str, Any] = {
        "latent_dim": setting.larger_latent,
        "steps": setting.larger_steps,
        "input_noise": setting.larger_noise,
    }
    return small, fit_vae(data, **larger, **shared)


def fit_judge(data: Samples, setting: Setting, progress: bool = True) -> nn.Module:
    """Trains the independent classifier: on real images alone."""
    with seeds.forked(setting.seed, 1):
        judge = small_cnn(data.event_shape, len(data.names)).to(memory_format=torch.channels_last)
    order = ShuffledIndices(len(data), setting.judge_batch, seeds.derive(setting.seed, 2))

    def loss(step: int) -> Tensor:
        places = order(step)
        return nn.functional.cross_entropy(judge(data.x[places]), data.y[places])

    train(judge, loss, steps=setting.judge_steps, lr=3e-3, progress=progress, label="fitting the judge")
    return judge.eval()


def judged(judge: nn.Module, x: Tensor) -> Tensor:
    """Returns the class that the judge gives each image."""
    return torch.cat([probabilities(judge, part).argmax(1) for part in x.split(500)])


def check_judge(judge: nn.Module, test: Samples, least: float = LEAST_ACCURACY) -> float:
    """Returns the judge's test accuracy; stops where it is too low to trust."""
    accuracy = float((judged(judge, test.x) == test.y).float().mean())
    if accuracy < least:
        raise SystemExit(f"expected a judge of at least {least:.0%} test accuracy, got {accuracy:.1%}; train it longer")
    return accuracy


def entropy(share: Tensor) -> Tensor:
    """Returns the entropy of shares `(..., classes)`, in bits: 0 for one class, 3.3 for ten alike."""
    return torch.special.entr(share).sum(-1) / math.log(2)


def generate(augmenter: Augmenter, spread: float, starts: Samples, children: int, seed: int) -> Generated:
    """Draws children of the start images, in turn."""
    n = children * len(starts)
    return augmenter.using(perturb=Around(spread)).generate(n, near=starts.x, labels=starts.y, seed=seed)


def walk(
    augmenter: Augmenter, judge: nn.Module, starts: Samples, children: int, seed: int, progress: bool = True
) -> dict[float, Tensor]:
    """Draws children at every spread; returns the share of each class that the judge gives them, `(starts, classes)`."""
    found = {}
    for spread in tqdm(SPREADS, desc=f"samples near {len(starts)} image(s)", disable=not progress, leave=False):
        said = judged(judge, generate(augmenter, spread, starts, children, seed).x).view(children, len(starts))
        found[spread] = nn.functional.one_hot(said, len(starts.names)).double().mean(0)
    return found


def one_start(found: dict[float, Tensor], start: Samples) -> list[dict[str, Any]]:
    """Describes the walk from one image, a row per spread."""
    return [
        {
            "spread": spread,
            "share": float(share[0, start.y[0]]),
            "shirt_like": float(share[0, SHIRT_LIKE].sum()),
            "entropy_bits": float(entropy(share[0])),
            "classes_seen": int((share[0] >= article_page.SEEN).sum()),
            "shares": dict(zip(start.names, share[0].tolist(), strict=True)),
        }
        for spread, share in found.items()
    ]


def many_starts(found: dict[float, Tensor], starts: Samples) -> list[dict[str, Any]]:
    """Describes the walks from many images, a row per spread, averaged over the images."""
    kept = {spread: share.gather(1, starts.y[:, None])[:, 0] for spread, share in found.items()}
    recognised = kept[0.0] > 0.5
    return [
        {
            "spread": spread,
            "share": float(kept[spread].mean()),
            "standard_error": float(kept[spread].std() / len(starts) ** 0.5),
            "share_of_recognised": float(kept[spread][recognised].mean()) if recognised.any() else None,
            "entropy_bits": float(entropy(share).mean()),
            "classes_seen": float((share >= article_page.SEEN).double().sum(1).mean()),
            "by_class": {name: float(kept[spread][starts.y == k].mean()) for k, name in enumerate(starts.names)},
        }
        for spread, share in found.items()
    ]


def psnr(a: Tensor, b: Tensor) -> float:
    """Returns the mean peak signal-to-noise ratio of images in 0..1, in dB: -10 log10 of the mean squared error."""
    return float(-10 * (a - b).square().flatten(1).mean(1).clamp(min=1e-10).log10().mean())


def noised(x: Tensor, noise: float, seed: int) -> Tensor:
    """Returns images with Gaussian noise, kept within 0..1 as a camera would."""
    return (x + noise * torch.randn(x.shape, generator=seeds.generator(seed, 3))).clamp(0, 1)


def reconstruction(vaes: tuple[VAE, VAE], given: Tensor, x: Tensor) -> dict[str, float]:
    """Measures how near to the images `x` each VAE reconstructs the given ones."""
    with evaluating(*vaes):
        return {name: psnr(vae.reconstruct(given), x) for name, vae in zip(VAES, vaes, strict=True)}


def denoise(vaes: tuple[VAE, VAE], x: Tensor, seed: int, progress: bool = True) -> list[dict[str, float]]:
    """Measures how well `reconstruct` takes noise away; the rival is a plain blur, of the width that suits it best."""
    rows = []
    for noise in tqdm(NOISES, desc="denoising", disable=not progress, leave=False):
        given = noised(x, noise, seed)
        blur = max(psnr(gaussian_blur(given, [9, 9], [width, width]), x) for width in BLURS)
        rows.append({"noise": noise, "before": psnr(given, x), "blur": blur} | reconstruction(vaes, given, x))
    return rows


def outlier_scores(vae: VAE, train_x: Tensor, x: Tensor, seed: int) -> dict[str, Tensor]:
    """Returns two scores of strangeness, each `(B,)`: the distance to the nearest training code, and -elbo."""
    with evaluating(vae):
        codes, mine = (vae.encode(part).mean.numpy() for part in (train_x, x))
        bound = vae.elbo(x, seed=seed)
    distance = NearestNeighbors(n_neighbors=1).fit(codes).kneighbors(mine)[0][:, 0]
    return {"distance": torch.as_tensor(distance), "minus_elbo": -bound}


def auroc(score: Tensor, usual: int) -> float:
    """Returns how well a score tells the strange images from the first `usual` ones: 1 is perfect, 0.5 is chance."""
    return float(roc_auc_score(torch.arange(len(score)) >= usual, score))


def digits(side: int = 28) -> Tensor:
    """Returns scikit-learn's digits scaled up from 8x8."""
    return nn.functional.interpolate(load("digits").x, size=(side, side), mode="bilinear").clamp(0, 1)


def read_codes(augmenter: Augmenter, judge: nn.Module, test: Samples, neighbours: int) -> dict[str, Any]:
    """Measures what the codes of the test images tell of their class: by the nearest codes, and decoded, by the judge."""
    with evaluating(augmenter.vae_):
        codes = augmenter.vae_.encode(test.x).mean
        decoded = judged(judge, augmenter.vae_.decode(codes))
    found = {}
    for name, y in {"nearest_codes": augmenter.bank_.classify(codes, neighbours)[0], "judge": decoded}.items():
        hits = (y == test.y).double()
        by_class = {label: float(hits[test.y == k].mean()) for k, label in enumerate(test.names)}
        found[name] = {"share": float(hits.mean()), "by_class": by_class}
    return found


def measure(
    data: Samples, test: Samples, vaes: tuple[VAE, VAE], judge: nn.Module, setting: Setting, progress: bool = True
) -> tuple[dict[str, Any], Material]:
    """Measures everything; returns the numbers, and what the figures need beside them."""
    small, seed = vaes[0], setting.seed
    augmenter = Augmenter(small, residual=False).fit(data)
    index, strange = int(torch.nonzero(data.y == START)[0, 0]), digits(data.event_shape[-1])
    start, starts, mixed = data[[index]], subset(data, setting.starts, seed), torch.cat([test.x, strange])
    scores = {name: outlier_scores(vae, data.x, mixed, seed) for name, vae in zip(VAES, vaes, strict=True)}
    first = walk(augmenter, judge, start, setting.first, seed, progress)
    many = walk(augmenter, judge, starts, setting.children, seed, progress)
    code = augmenter.bank_.mean[index].tolist()
    numbers = {
        "setting": asdict(setting),
        "sizes": {"training": len(data), "test": len(test), "digits": len(strange)},
        "test_elbo": {name: float(-one["minus_elbo"][: len(test)].mean()) for name, one in scores.items()},
        "class_from_code": read_codes(augmenter, judge, test, setting.neighbours),
        "code_spread": augmenter.bank_.mean.std(0).tolist(),
        "first": {"index": index, "class": data.names[START], "code": code, "rows": one_start(first, start)},
        "many": {"starts": len(starts), "rows": many_starts(many, starts)},
        "clean": reconstruction(vaes, test.x, test.x),
        "denoising": denoise(vaes, test.x, seed, progress),
        "outliers": {
            name: {key: auroc(score, len(test)) for key, score in one.items()} for name, one in scores.items()
        },
    }
    # What is shown is the first of what was measured: sample i of a seed is the same whatever n.
    near = {s: generate(augmenter, s, start, SHOWN, seed).x for s in (0.0, *SHOWN_SPREADS)}
    noisy = {noise: noised(test.x, noise, seed)[:SHOWN] for noise in NOISES}
    return numbers, Material(data, test, vaes, start, near, noisy, strange, scores["article"])


def publish(numbers: dict[str, Any], material: Material, results: Path, page: Path) -> None:
    """Writes the figures, the numbers and the page's numbers, each file whole."""
    for name, draw in article_pictures.PICTURES.items():
        with files.atomic_write(results / "article" / f"{name}.png", overwrite=True) as new:
            article_pictures.save(draw(material, numbers), new)
    files.save_json(results / "article.json", numbers, overwrite=True)
    with files.atomic_write(page, overwrite=True) as new:
        new.write_text(article_page.fill(page.read_text(), numbers))


def main() -> None:
    """Runs the article at full size."""
    setting, began = Setting(), time.perf_counter()
    data, test = load("fashion-mnist"), load("fashion-mnist", train=False)
    judge = fit_judge(data, setting)
    accuracy = check_judge(judge, test)
    numbers, material = measure(data, test, fit_vaes(data, setting), judge, setting)
    seconds = round(time.perf_counter() - began)
    numbers |= {"judge_accuracy": accuracy, "seconds": seconds, "threads": torch.get_num_threads()}
    publish(numbers, material, HERE / "results", HERE.parent / "docs" / "article.md")
    print(f"wrote benchmarks/results/article.json, its figures and docs/article.md in {seconds} seconds")


if __name__ == "__main__":
    main()
