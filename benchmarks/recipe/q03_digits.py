"""digits, 5 and 10 per class: is anything above classical augmentation and mixup?

Conclusion: to be written from the rows.
"""

from log import MOVES, Question, answer

from vaeaug.arms import Arm
from vaeaug.distilled import Distilled
from vaeaug.rivals import Mix, WorstOf
from vaeaug.stages import Synthetic

MOVE = MOVES["digits"]
SVC = Distilled(classical=MOVE, teachers=("cnn", "forest"))
ARMS = (
    Arm("none"),
    Arm("classical", (MOVE,)),
    Arm("classical + mixup", (MOVE, Mix())),
    Arm("classical, worst of 4", (WorstOf(MOVE, 4),)),
    Arm("extrapolate 1", (Synthetic(), MOVE)),
    Arm("extrapolate 1, worst of 4", (Synthetic(worst_of=4), MOVE)),
    Arm("extrapolate 1 + mixup", (Synthetic(), MOVE, Mix())),
    Arm("half-soft + mixup", (Distilled(classical=MOVE, weight=0.5, ratio=0.5), MOVE, Mix())),
    Arm("network and forest teach + mixup", (SVC, MOVE, Mix())),
    Arm(
        "no VAE: they teach classical copies + mixup",
        (Distilled(classical=MOVE, teachers=("cnn", "forest"), copies=MOVE), MOVE, Mix()),
    ),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, 5, range(8), data="digits"), Question(ARMS, 10, range(8), data="digits")))
