"""Which use of the VAE gains most over classical augmentation and classical + MixUp, and what do the controls show?

Small CNN, 20 images per class, four development seeds. All methods but *none* use classical augmentation.

Conclusion: classical + MixUp is the baseline to beat. Synthetic samples by extrapolation improve on both baselines.
The one of four synthetic samples with the highest loss gains a little more, and MixUp on top gains again. Eight
samples, a larger scale, another perturbation, a larger fraction of synthetic samples, or the soft labels of a random
forest (*distilled*, *half soft labels*) are within the noise of this result. Eight samples cost more, and soft labels
need a trained forest.
Without the VAE, the hardest of four classical copies with MixUp is worse than MixUp alone.
The recipe is therefore: extrapolation, hardest of 4, half of the batch replaced, classical augmentation, MixUp. An
earlier screening used an older network and test images, so its results cannot be trusted. In it, the soft labels of a
forest were about as good, cross-fitted teachers and networks as teachers gained less, and labels drawn from teachers
gained nothing. Larger sets were not tested here: judged at 100 images per class, the recipe loses (docs/results.md).
The seconds were measured on a machine that did other work.
"""

from dataclasses import replace

from log import MOVES, Question, answer

from vaeaug.bench.stages.baselines import HardestOf, Mix
from vaeaug.bench.stages.distillation import Distilled
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Synthetic
from vaeaug.perturb import Difference, Extrapolate

MOVE = MOVES["fashion-mnist"]
WORST = Synthetic(hardest_of=4)
FOREST = Distilled(classical=MOVE.classical)
HALF = Distilled(classical=MOVE.classical, weight=0.5, replace=0.5)
ARMS = (
    Method("none", kind="baseline"),
    Method("classical", (MOVE,), kind="baseline"),
    Method("classical + MixUp", (MOVE, Mix()), kind="baseline"),
    Method("extrapolate 1", (Synthetic(), MOVE)),
    Method("extrapolate 1, hardest of 4", (WORST, MOVE)),
    Method("extrapolate 1 + MixUp", (Synthetic(), MOVE, Mix())),
    Method("extrapolate 1, hardest of 4 + MixUp", (WORST, MOVE, Mix())),
    Method("distilled", (FOREST, MOVE)),
    Method("distilled + MixUp", (FOREST, MOVE, Mix())),
    Method("half soft labels + MixUp", (HALF, MOVE, Mix())),
    Method("extrapolate 1, hardest of 8 + MixUp", (Synthetic(hardest_of=8), MOVE, Mix())),
    Method("extrapolate 1, hardest of 4, replace 0.8 + MixUp", (Synthetic(hardest_of=4, replace=0.8), MOVE, Mix())),
    Method("extrapolate 2, hardest of 4 + MixUp", (Synthetic(Extrapolate(2.0), hardest_of=4), MOVE, Mix())),
    Method("difference 1, hardest of 4 + MixUp", (Synthetic(Difference(1.0), hardest_of=4), MOVE, Mix())),
    Method(
        "half soft labels, hardest of 4 + MixUp", (replace(HALF, perturb=Extrapolate(1.0), hardest_of=4), MOVE, Mix())
    ),
    Method("no VAE: classical, hardest of 4 + MixUp", (HardestOf(MOVE, 4), Mix()), kind="control"),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, 20, range(4)),))
