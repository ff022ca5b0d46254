"""The parts of benchmarks/speed.py about time: each takes a Setup and returns rows; its docstring stands above its table."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import speed_rivals as rivals
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

from vaeaug import VAE, AugmentedLoader, Augmenter, fit_vae
from vaeaug.data import Samples, load
from vaeaug.models.classifiers import small_cnn
from vaeaug.models.networks import MLP, Architecture, Conv
from vaeaug.runtime import seeds

Rows = list[dict[str, Any]]
BATCH = 64


@dataclass(frozen=True)
class Setup:
    """What the parts need to know.

    Arguments:
        rounds: How often each case is timed.
        quick: Whether to use tiny settings.
        pyraug: The folder that pyraug was installed to, or nothing.
        alternate: Cases by name and rounds -> rows with seconds and ratios to the first.
    """

    rounds: int
    quick: bool
    pyraug: str
    alternate: Callable[[dict[str, Callable[[], None]], int], Rows]

    def of(self, usual: int, quick: int) -> int:
        return quick if self.quick else usual

    def images(self, count: int) -> Samples:
        """Returns training images of Fashion-MNIST; noise in its place in a quick run."""
        if self.quick:
            generator = torch.Generator().manual_seed(0)
            return Samples(torch.rand(count, 1, 28, 28, generator=generator), torch.arange(count) % 10)
        return load("fashion-mnist")[:count]

    def held_out(self) -> Tensor:
        return self.images(64).x if self.quick else load("fashion-mnist")[-2000:].x


def network(body: Architecture) -> VAE:
    with seeds.forked(0):
        return VAE((1, 28, 28), likelihood="bernoulli", architecture=body)


def elbo(vae: VAE, x: Tensor) -> float:
    with torch.no_grad():
        return float(torch.cat([vae.elbo(part) for part in x.split(500)]).mean())


def ours(body: Architecture, data: Samples, steps: int, keep: dict[str, VAE], name: str, **settings: Any) -> None:
    plain = {"input_noise": 0.0, "beta_warmup": 0.0, "batch_size": BATCH, "progress": False} | settings
    vae = network(body).to(memory_format=torch.channels_last)
    keep[name] = fit_vae(data, vae=vae, steps=steps, **plain)


def theirs(
    train: Any, body: Architecture, data: Samples, steps: int, lr: float, keep: dict[str, VAE], name: str
) -> None:
    keep[name] = vae = network(body)
    torch.manual_seed(0)
    train(vae, data.x, data.y, steps, BATCH, lr)


def same_network(setup: Setup) -> Rows:
    """The same network, steps and objective (binary cross-entropy plus KL): seconds to fit, and the bound on held-out
    images in nats. The ratio is to the hand-written fp32 loop; above 1 is slower."""
    data, held_out, rows = setup.images(setup.of(6400, 128)), setup.held_out(), []
    steps = setup.of(600, 2)
    for label, body in {"Conv": Conv(), "MLP": MLP((512,))}.items():
        kept: dict[str, VAE] = {}
        names = [f"{label}, {who}" for who in ("by hand", "vaeaug", "vaeaug fp32", "pythae")]
        cases: dict[str, Callable[[], None]] = {
            names[0]: partial(theirs, rivals.by_hand, body, data, steps, 1e-3, kept, names[0]),
            names[1]: partial(ours, body, data, steps, kept, names[1]),
            names[2]: partial(ours, body, data, steps, kept, names[2], precision="fp32"),
        }
        if rivals.has_pythae():
            cases[names[3]] = partial(theirs, rivals.by_pythae, body, data, steps, 1e-3, kept, names[3])
        rows += [{**row, "elbo": elbo(kept[row["what"]], held_out)} for row in setup.alternate(cases, setup.rounds)]
    return rows


def given_bound(setup: Setup) -> Rows:
    """Seconds to one held-out bound: what the hand-written loop reaches with the obvious network (two strided convolutions,
    two transposed ones) at Adam's own learning rate, and at the rate that was best of four; ours takes the fewest steps of
    a list that reach the same. The ratio is to the first row."""
    data, held_out, rows = setup.images(setup.of(6400, 128)), setup.held_out(), []
    steps, kept = setup.of(600, 2), dict[str, VAE]()
    body = rivals.Obvious()
    for rate in (1e-3, 2e-3, 4e-3, 8e-3)[: setup.of(4, 1)]:
        theirs(rivals.by_hand, body, data, steps, rate, kept, f"{rate}")
    best = max(kept, key=lambda rate: elbo(kept[rate], held_out))
    rows = []
    for told, rate in (("0.001", 1e-3), (best, float(best))):
        target = elbo(kept[told], held_out)
        least = _fewest(setup, data, held_out, target, steps)
        name, mine = f"by hand, rate {told}, {steps} steps", f"vaeaug, {least} steps"
        pythae, found = f"pythae, rate {told}, {steps} steps", dict[str, VAE]()
        cases: dict[str, Callable[[], None]] = {
            name: partial(theirs, rivals.by_hand, body, data, steps, rate, found, name),
            mine: partial(ours, Conv(), data, least, found, mine),
        }
        if rivals.has_pythae():
            cases[pythae] = partial(theirs, rivals.by_pythae, body, data, steps, rate, found, pythae)
        rows += [{**row, "elbo": elbo(found[row["what"]], held_out)} for row in setup.alternate(cases, setup.rounds)]
    return rows


def _fewest(setup: Setup, data: Samples, held_out: Tensor, target: float, steps: int) -> int:
    for least in [
        round(steps * share) for share in (0.25, 0.33, 0.4, 0.5, 0.6, 0.75, 0.9, 1, 1.1, 1.25, 1.4, 1.6, 1.8, 2)
    ]:
        kept: dict[str, VAE] = {}
        ours(Conv(), data, max(1, least), kept, "it")
        if elbo(kept["it"], held_out) >= target:
            break
    return max(1, least)


def generate(setup: Setup) -> Rows:
    """Samples per second. The limit is a bare loop of `decode(randn)` at the batch size that was fastest; ours comes with
    labels, parents and the residual decode. The ratio is of seconds per sample, to the limit."""
    data = setup.images(setup.of(1000, 100))
    augmenter = Augmenter().fit(data, steps=setup.of(200, 2), progress=False)
    vae, n = augmenter.vae_, setup.of(5120, 256)
    batch = min((16, 32, 64, 128, 256), key=lambda size: best_seconds(lambda: bare(vae, n, size)))
    near, labels = data.x[:BATCH], data.y[:BATCH]
    cases: dict[str, Callable[[], Any]] = {
        f"bare decode, batches of {batch}": lambda: bare(vae, n, batch),
        "vaeaug, from the bank": lambda: augmenter.generate(n, seed=0),
        "vaeaug, near 64 at a time": lambda: _near(augmenter, near, labels, n),
        "vaeaug, plain decode": lambda: augmenter.using(residual=False).generate(n, seed=0),
    }
    if rivals.has_pythae():
        cases["pythae's NormalSampler"] = partial(rivals.pythae_sampler(vae), n)
    rows = setup.alternate(cases, setup.rounds)
    for row in rows:
        row["per second"] = n / row["seconds"]
    return [*rows, _pyraug(setup, data.x[: setup.of(60, 10)], rows[0])]


def bare(vae: VAE, n: int, batch: int) -> None:
    with torch.no_grad():
        for _ in range(n // batch):
            vae.decode(torch.randn(batch, vae.latent_dim))


def _near(augmenter: Augmenter, x: Tensor, y: Tensor, n: int) -> None:
    for seed in range(n // len(x)):
        augmenter.generate(len(x), x, y, seed)


def best_seconds(run: Callable[[], Any]) -> float:
    run()
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def _pyraug(setup: Setup, x: Tensor, limit: dict[str, Any]) -> dict[str, Any]:
    name = f"pyraug's manifold sampler, {len(x)} training images"
    if not setup.pyraug:
        return {"what": f"{name}: not measured, see --pyraug"}
    try:
        sample = rivals.pyraug_sampler(setup.pyraug, x, setup.of(20, 1))
    except ImportError as error:
        return {"what": f"{name}: cannot be imported ({error})"}
    n = setup.of(100, 2)
    seconds = best_seconds(lambda: sample(n))
    return {"what": name, "seconds": seconds, "per second": n / seconds, "ratio": limit["per second"] * seconds / n}


def epoch(setup: Setup) -> Rows:
    """One epoch of a small CNN in fp32, batches of 64, through the loader. The ratio is to the plain epoch. Rows called
    'by hand' are the limits: the plain epoch, and in each batch what the decoder has to do at the least."""
    data = setup.images(setup.of(3200, 128))
    augmenter = Augmenter().fit(data, steps=setup.of(200, 2), progress=False)
    loader = DataLoader(TensorDataset(data.x, data.y), BATCH, shuffle=True)
    with seeds.forked(0):
        classifier = small_cnn((1, 28, 28), 10)
    optimizer = torch.optim.AdamW(classifier.parameters(), 1e-3)
    mixup = v2.MixUp(num_classes=10)

    def run(batches: Any, before: Callable[[Tensor, Tensor], Any] = lambda x, y: (x, y)) -> None:
        for x, y in batches:
            x, y = before(x, y)
            optimizer.zero_grad()
            cross_entropy(classifier(x), y).backward()
            optimizer.step()

    def decoded(times: int, encoded: bool, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            if encoded:
                augmenter.vae_.encode(x[: BATCH // 2])
            for _ in range(times):
                augmenter.vae_.decode(torch.randn(BATCH // 2, 16))
        return x, y

    worst = AugmentedLoader(loader, augmenter, replace=0.5, hardest_of=4, network=classifier)
    hardest = AugmentedLoader(loader, augmenter, add=1, hardest_of=4, network=classifier)
    cases: dict[str, Callable[[], None]] = {
        "plain": lambda: run(loader),
        "vaeaug, replace 0": lambda: run(AugmentedLoader(loader, augmenter, replace=0.0)),
        "vaeaug, replace 0.5": lambda: run(AugmentedLoader(loader, augmenter, replace=0.5)),
        "vaeaug, replace 0.5, hardest of 4": lambda: run(worst),
        "vaeaug, add 1": lambda: run(AugmentedLoader(loader, augmenter, add=1)),
        "vaeaug, add 1, hardest of 4": lambda: run(hardest),
        "vaeaug, add 3 (default)": lambda: run(AugmentedLoader(loader, augmenter)),
        "by hand: every batch repeated four times": lambda: run(
            loader, lambda x, y: (x.repeat(4, 1, 1, 1), y.repeat(4))
        ),
        "torchvision MixUp": lambda: run(loader, mixup),
        "by hand: two decodes of 32": lambda: run(loader, partial(decoded, 2, False)),
        "by hand: one encode and two decodes of 32": lambda: run(loader, partial(decoded, 2, True)),
    }
    return setup.alternate(cases, setup.rounds)
