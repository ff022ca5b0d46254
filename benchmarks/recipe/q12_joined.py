"""Children beside the samples of a batch, in place of half of them?

Small CNN, 10 to 100 images per class, classical augmentation in all arms. *joined* adds three children of every sample to a
batch (Hoffer et al., "Augment your batch", 2020), by differences that a class borrows from others the more the fewer samples
it has; *repeated* is the same without the VAE: three more classical copies. *worst of 4, any* is the best recipe so far.
"""

from log import MOVES, Question, answer, with_mixup

from vaeaug.arms import Arm
from vaeaug.controls import Repeat
from vaeaug.joined import Joined
from vaeaug.perturb import DEFAULT, Difference, Extrapolate
from vaeaug.stages import Synthetic

MOVE = MOVES["fashion-mnist"]
ANY = Difference(donors="any")
ARMS = (
    Arm("classical", (MOVE,)),
    with_mixup("classical + mixup"),
    with_mixup("worst of 4, any", Synthetic(ANY, worst_of=4)),
    Arm("joined", (Joined(), MOVE)),
    with_mixup("joined + mixup", Joined()),
    Arm("no VAE: repeated", (Joined(Repeat()), MOVE)),
)
MORE = (
    Arm("joined by one, worst of 4", (Joined(Synthetic(DEFAULT, 1.0, worst_of=4), 1), MOVE)),
    Arm("joined by seven", (Joined(beside=7), MOVE)),
    Arm("joined, extrapolate", (Joined(Synthetic(Extrapolate(), 1.0)), MOVE)),
)

if __name__ == "__main__":
    answer(
        __file__,
        (
            Question(ARMS, 20, range(4)),
            Question(ARMS, 50, range(3)),
            Question(ARMS, 10, range(2)),
            Question(ARMS, 100, range(2)),
            Question(MORE, 20, range(2)),
        ),
    )
