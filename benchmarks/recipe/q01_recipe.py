"""Which way to use the VAE gains most over classical augmentation and over classical + mixup, and what do the controls say?

Conclusion: to be written from the rows.
"""

from log import MOVES, Question, answer

from vaeaug.arms import Arm
from vaeaug.distilled import Distilled
from vaeaug.perturb import Covariance, Difference, Extrapolate
from vaeaug.rivals import Mix
from vaeaug.stages import Synthetic

MOVE = MOVES["fashion-mnist"]
WORST = Synthetic(worst_of=4)
FOREST = Distilled(classical=MOVE)
HALF = Distilled(classical=MOVE, weight=0.5, ratio=0.5)
CORE = (
    Arm("none"),
    Arm("classical", (MOVE,)),
    Arm("classical + mixup", (MOVE, Mix())),
    Arm("extrapolate 1", (Synthetic(), MOVE)),
    Arm("extrapolate 1, worst of 4", (WORST, MOVE)),
    Arm("extrapolate 1 + mixup", (Synthetic(), MOVE, Mix())),
    Arm("extrapolate 1, worst of 4 + mixup", (WORST, MOVE, Mix())),
    Arm("distilled", (FOREST, MOVE)),
    Arm("distilled + mixup", (FOREST, MOVE, Mix())),
    Arm("half-soft + mixup", (HALF, MOVE, Mix())),
)
SCHEMES = (
    Arm("none"),
    Arm("classical", (MOVE,)),
    Arm("classical + cutmix", (MOVE, Mix(cut=True, alpha=1.0))),
    Arm("extrapolate 0.5", (Synthetic(Extrapolate(0.5)), MOVE)),
    Arm("extrapolate 2", (Synthetic(Extrapolate(2.0)), MOVE)),
    Arm("difference 1", (Synthetic(Difference(1.0)), MOVE)),
    Arm("covariance 0.5", (Synthetic(Covariance(0.5)), MOVE)),
    Arm("no VAE: distilled classical copies + mixup", (Distilled(classical=MOVE, copies=MOVE), MOVE, Mix())),
)

if __name__ == "__main__":
    answer(
        __file__,
        (
            Question(CORE, 20, range(6)),
            Question(CORE, 10, range(6)),
            Question(CORE, 100, range(4)),
            Question(SCHEMES, 20, range(6)),
        ),
    )
