"""Does another VAE, or do more children, bring a random forest more?

scikit-learn's random forest, 20 images per class; ten children of each sample, by differences of the class unless said
otherwise. No classical augmentation: it costs the forest points. *30 children* are drawn from the bank in turn.
"""

from dataclasses import dataclass, replace

import torch
from log import Question, answer
from q03_vae import Trained

from vaeaug import _rng
from vaeaug.arms import Arm
from vaeaug.controls import Components
from vaeaug.perturb import Difference, Extrapolate
from vaeaug.samples import Samples
from vaeaug.stages import Growth, Job, Synthetic


@dataclass(frozen=True)
class Children(Growth):
    """Adds children of every sample.

    Arguments:
        of: Makes them.
        factor: How many of each.
    """

    of: Synthetic
    factor: int = 30

    def grow(self, job: Job) -> Samples:
        own = job.samples
        augmenter = self.of.fitted(job).using(perturb=self.of.perturb)
        made = augmenter.generate(self.factor * len(own), seed=_rng.derive(job.seed, 21))
        return Samples(torch.cat([own.x, made.x]), torch.cat([own.y, made.y]), own.names)


MOVE = Difference()
VARIANTS = {
    "8 latent numbers": {"latent": 8},
    "32 latent numbers": {"latent": 32},
    "64 latent numbers": {"latent": 64},
    "1,200 steps": {"steps": 1200},
    "beta 0.3": {"beta": 0.3},
    "beta 0.3, 32 latent numbers, 1,200 steps": {"beta": 0.3, "latent": 32, "steps": 1200},
}
ARMS = (
    Arm("none"),
    Arm("pca", (Components(Extrapolate()),)),
    Arm("pca, difference 1", (Components(MOVE),)),
    Arm("extrapolate 1", (Synthetic(),)),
    Arm("difference 1", (Synthetic(MOVE),)),
    Arm("30 children", growth=Children(Synthetic(MOVE))),
    Arm("a difference of a child", (Synthetic(MOVE), Synthetic(Extrapolate()))),
    *(Arm(name, (replace(Trained(settings=tuple(how.items())), perturb=MOVE),)) for name, how in VARIANTS.items()),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, 20, range(4), classifier=("forest",)),))
