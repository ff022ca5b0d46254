"""Does averaging the VAE's weights over its training help?

Small CNN, 20 images per class, classical augmentation in all methods, three synthetic samples added per real one. The
weights of the VAE are exponential moving averages over its 400 steps, by torch's formula. Its learning rate ends at
zero as usual.

Conclusion: two seeds. Averaging makes little difference, like everything else in the training of the VAE (q03): 0.1
above and 0.2 below the default.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from log import MOVES, Question, answer
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.optim.swa_utils import get_ema_multi_avg_fn

from vaeaug.augmenter import Augmenter
from vaeaug.bench.stages.context import Context
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Append, Synthetic
from vaeaug.perturb import DEFAULT, Perturbation
from vaeaug.runtime import seeds


@dataclass(frozen=True)
class Averaged(Synthetic):
    """Synthetic samples of a VAE whose weights are averages over its training.

    Arguments:
        perturb, replace, residual, hardest_of: See `Synthetic`.
        decay: The decay of the moving average per step.
    """

    key: ClassVar[str] = "averaged weights"

    perturb: Perturbation = DEFAULT
    replace: float = 1.0
    decay: float = 0.99

    def augmenter(self, context: Context) -> Augmenter:
        return context.shared.get(("averaged", self.decay), lambda: self._fit(context))

    def _fit(self, context: Context) -> Augmenter:
        averages: dict[Tensor, Tensor] = {}
        average = get_ema_multi_avg_fn(self.decay)

        def step(optimizer: torch.optim.Optimizer, *_: Any) -> None:
            weights = [p for group in optimizer.param_groups for p in group["params"]]
            if averages:
                average(list(averages.values()), [p.detach() for p in weights], 0)
            else:
                averages.update((p, p.detach().clone()) for p in weights)

        hook = register_optimizer_step_post_hook(step)
        try:
            fitted = Augmenter().fit(
                context.samples, seed=seeds.derive(context.seed, 1), progress=False, **dict(context.settings.vae)
            )
        finally:
            hook.remove()
        with torch.no_grad():
            for weight, mean in averages.items():
                weight.copy_(mean)
        return Augmenter(fitted.vae_).fit(context.samples)


MOVE = MOVES["fashion-mnist"]
ARMS = (
    Method("classical", (MOVE,), kind="baseline"),
    Method("appended", (Append(), MOVE)),
    *(Method(f"appended, EMA {decay}", (Append(Averaged(decay=decay)), MOVE)) for decay in (0.95, 0.99)),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, 20, range(2)),))
