"""Which way to use the VAE gains most over classical augmentation and over classical + mixup, and what do the controls say?

Small CNN, 20 images per class, four development seeds. Every arm is trained with classical augmentation but *none*.

Conclusion: MixUp on top of classical augmentation is the rival to beat. Children by extrapolation add to both, and the one of
four children with the highest loss adds a little more; MixUp after it adds again. Eight children, larger steps, another
scheme, a larger share of children, or the soft labels of a forest (*distilled*, *half-soft*) are within the noise of it;
eight children cost more, and a forest has to be taught.
Without the VAE, the hardest of four classical copies with MixUp is worse than MixUp alone.
So the recipe is: extrapolation, worst of 4, half of the batch, classical augmentation, MixUp. An earlier screening with an
older network, on test images and therefore not to be trusted, had found soft labels of a forest about as good; cross-fitted
and network teachers gave less, labels drawn from teachers nothing. Nothing was asked of larger sets here: judged at 100 per
class, the recipe loses (docs/results.md). The seconds were taken on a machine that did other work.
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
