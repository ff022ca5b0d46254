"""Does a VAE that learns *changes* do better on digits, where shapes deform?

The encoder sees a pair (a, b) of one class. The decoder applies the change to a and is trained to return b. A
synthetic sample of x is the change of a pair of its class, applied to x. digits, 5 per class, small CNN, classical
augmentation in all methods.

Conclusion: four seeds, whose spread is larger than the differences. Learned changes are not worse than extrapolation,
and with MixUp they are as good as the best of q06. They need a network and a training of their own. This is not
enough to build them in; the next trial should use ten seeds or more.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from log import MOVES, Question, answer
from torch import Tensor, nn

from vaeaug.bench.stages.base import BatchTransform, Stage
from vaeaug.bench.stages.baselines import Mix
from vaeaug.bench.stages.context import Context
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Synthetic
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import hardest
from vaeaug.models.training import ShuffledIndices, train
from vaeaug.plugins.torch.replacement import replaced_indices
from vaeaug.runtime import seeds

MOVE = MOVES["digits"]


class Pairs(nn.Module):
    """Encodes the change from a to b, and applies it to other samples.

    Arguments:
        size: The number of values of a sample.
        latent: The dimension of the code of a change.
    """

    def __init__(self, size: int, latent: int, hidden: int = 128) -> None:
        super().__init__()
        self.latent = latent
        self.encoder = nn.Sequential(nn.Linear(2 * size, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent))
        self.decoder = nn.Sequential(
            nn.Linear(size + latent, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, size)
        )

    def change(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the mean and the log standard deviation of the code of a change."""
        mean, log = self.encoder(torch.cat([a, b], 1)).chunk(2, 1)
        return mean, log

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Returns x with the change applied."""
        return (x + self.decoder(torch.cat([x, code], 1))).clamp(0, 1)


def partners(y: Tensor, pool: Tensor, generator: torch.Generator) -> Tensor:
    """Returns for each label the index of a random sample of that class in the pool."""
    alike = (y[:, None] == pool[None]).float()
    return torch.multinomial(alike, 1, generator=generator)[:, 0]


def fit_pairs(samples: Samples, latent: int, beta: float, steps: int, seed: int) -> Pairs:
    """Trains encoder and decoder on pairs of one class."""
    x, y = samples.x.flatten(1), samples.y
    with seeds.forked(seed, 0):
        pairs = Pairs(x.shape[1], latent)
    order = ShuffledIndices(len(x), 64, seeds.derive(seed, 1))

    def loss(step: int) -> Tensor:
        generator = seeds.generator(seed, 2, step)
        a = order(step)
        b = partners(y[a], y, generator)
        mean, log = pairs.change(x[a], x[b])
        code = mean + log.exp() * torch.randn(mean.shape, generator=generator)
        made = x[a] + pairs.decoder(torch.cat([x[a], code], 1))
        error = ((made - x[b]) ** 2).sum(1)
        divergence = 0.5 * (mean**2 + (2 * log).exp() - 1 - 2 * log).sum(1)
        # The sigma that is best for the batch.
        return (0.5 * x.shape[1] * (error.mean() / x.shape[1]).clamp(min=1e-4).log() + beta * divergence.mean()) / 10

    train(pairs, loss, steps=steps, lr=4e-3, precision="fp32", progress=False)
    return pairs.eval()


@dataclass(frozen=True)
class Changes(Stage):
    """Replaces a fraction of the batch by its samples with learned changes.

    Arguments:
        latent, beta, steps: The settings of `fit_pairs`.
        replace: The fraction of the batch.
        hardest_of: See `Synthetic`.
    """

    key: ClassVar[str] = "learned changes"

    latent: int = 8
    beta: float = 1.0
    steps: int = 1500
    replace: float = 0.5
    hardest_of: int | None = None
    networks_only: ClassVar[bool] = True

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        samples, network = context.samples, network
        pairs, x = (
            fit_pairs(samples, self.latent, self.beta, self.steps, seeds.derive(context.seed, 20)),
            samples.x.flatten(1),
        )

        def children(near: Tensor, y: Tensor, seed: int) -> Tensor:
            generator = seeds.generator(seed)
            a, b = (partners(y, samples.y, generator) for _ in range(2))
            mean, log = pairs.change(x[a], x[b])
            code = mean + log.exp() * torch.randn(mean.shape, generator=generator)
            return pairs(near.flatten(1), code).view(near.shape)

        def transform(batch: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            rows = replaced_indices(len(batch), self.replace, seed)
            near, y = batch[rows], t[rows].argmax(1)
            with torch.no_grad(), torch.autocast("cpu", enabled=False):
                made = torch.stack([children(near, y, seeds.derive(seed, i)) for i in range(self.hardest_of or 1)])
            chosen = made[0] if self.hardest_of is None or network is None else hardest(made, y, network)
            return batch.index_copy(0, rows, chosen), t

        return transform


ARMS = (
    Method("classical", (MOVE,), kind="baseline"),
    Method("classical + MixUp", (MOVE, Mix()), kind="baseline"),
    Method("extrapolate 1", (Synthetic(), MOVE)),
    Method("changes", (Changes(), MOVE)),
    Method("changes, beta 0.2", (Changes(beta=0.2), MOVE)),
    Method("changes, hardest of 4", (Changes(hardest_of=4), MOVE)),
    Method("changes + MixUp", (Changes(), MOVE, Mix())),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, 5, range(4), data="digits"),))
