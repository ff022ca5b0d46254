"""Do other schemes than extrapolation do better in the whole recipe: differences of the class, or of any class?

Small CNN, 20 images per class. Every arm but *classical* ends with classical augmentation and MixUp; children are the
worst of 4.
"""

from log import MOVES, Question, answer, with_mixup

from vaeaug.arms import Arm
from vaeaug.perturb import Difference, Extrapolate
from vaeaug.stages import Synthetic

MOVE = MOVES["fashion-mnist"]
SCHEMES = {
    "extrapolate 1": Extrapolate(),
    "extrapolate 2": Extrapolate(2.0),
    "difference 1": Difference(),
    "difference 1, any class": Difference(donors="any"),
}
ARMS = (
    Arm("classical", (MOVE,)),
    with_mixup("classical + mixup"),
    *(with_mixup(name, Synthetic(scheme, worst_of=4)) for name, scheme in SCHEMES.items()),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, 20, range(6)),))
