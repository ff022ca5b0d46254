"""Do teachers that themselves learnt from the VAE's children teach a better network, and is it the VAE's merit?

Small CNN, 20 images per class. The teachers see the whole subset; their averaged probabilities are the soft labels of
48 children of each sample, made once (*Distilled*). *5 networks* are small CNNs of 400 steps each, trained with the
recipe (children, classical augmentation, MixUp), or, in the control without the VAE, with classical augmentation and
MixUp; they then teach classical copies. Every student ends with classical augmentation and MixUp.
"""

from dataclasses import dataclass

from log import MOVES, Question, answer, with_mixup

from vaeaug import _rng
from vaeaug.arms import Arm
from vaeaug.augmenter import Augmenter
from vaeaug.distilled import Distilled
from vaeaug.perturb import Extrapolate
from vaeaug.rivals import Mix
from vaeaug.stages import Job, Stage, Synthetic, Transform
from vaeaug.teachers import CrossFitted
from vaeaug.torch_plugin.replacement import Replacement, replace_some

MOVE = MOVES["fashion-mnist"]


@dataclass(frozen=True)
class InTurn(Stage):
    """Applies stages one after the other."""

    stages: tuple[Stage, ...]

    def fit(self, job: Job) -> Transform:
        return Arm("in turn", self.stages).fit(job)


@dataclass(frozen=True)
class Lent(Stage):
    """Children for half of a batch, by the run's own augmenter, for a teacher, which has none."""

    augmenter: Augmenter

    def fit(self, job: Job) -> Transform:
        children = Replacement(self.augmenter).children
        return lambda x, t, seed: (replace_some(self.augmenter, x, t.argmax(1), 0.5, seed, children), t)


@dataclass(frozen=True)
class Schooled(Distilled):
    """Distilled, whose networks learn with MixUp and, unless it is a control, from children."""

    def taught(self, job: Job) -> CrossFitted:
        children = () if self.copies is not None else (Lent(self.fitted(job)),)
        return job.shared(("schooled", self.teachers, self.steps, bool(children)), lambda: self._taught(job, children))

    def _taught(self, job: Job, children: tuple[Stage, ...]) -> CrossFitted:
        return CrossFitted.fit(
            job.samples,
            self.teachers,
            folds=self.folds,
            seed=_rng.derive(job.seed, 9),
            weight=self.weight,
            steps=self.steps or max(1, job.settings.steps // 2),
            classical=InTurn((*children, self.classical, Mix())),
            augmenter=self.fitted(job) if children else None,
        )


FIVE, BOTH = ("cnn",) * 5, (*("cnn",) * 3, "forest", "forest")
ONE = Extrapolate(1.0)
ARMS = (
    Arm("classical", (MOVE,)),
    with_mixup("classical + mixup"),
    with_mixup("worst of 4 + mixup", Synthetic(worst_of=4)),
    with_mixup("forest teaches", Distilled(classical=MOVE)),
    with_mixup("5 networks teach", Schooled(teachers=FIVE, classical=MOVE)),
    with_mixup("3 networks and forests teach", Schooled(teachers=BOTH, classical=MOVE)),
    with_mixup("3 networks and forests teach, extrapolate 1", Schooled(ONE, teachers=BOTH, classical=MOVE)),
    with_mixup("no VAE: 3 networks and forests teach copies", Schooled(teachers=BOTH, classical=MOVE, copies=MOVE)),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, 20, range(4)),))
