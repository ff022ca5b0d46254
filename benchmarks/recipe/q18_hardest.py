"""One child of every sample beside it, the hardest of several, in place of three?

Small CNN, classical augmentation in all arms. *joined* adds three children of every sample to a batch; *by one, worst of 4*
only one, of four that the network in training was asked about. The rows of *joined* on the first seeds are those of q12.

Conclusion: with MixUp it does 0.3 better than three children at 20 images per class (seven of eight seeds) and as well at
10, in smaller batches; at 50 and 100, where the data are seen less often, 0.2 worse. The hardest of eight does no better than
of four. So three children stay the default, which asks no network, and *by one, worst of 4 + mixup* is judged beside it.
Tried beside the rows and not better: three VAEs of different sizes, each of which makes one of the three children; three
children, each the hardest of four.
"""

from log import MOVES, Question, answer, with_mixup

from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Append, Synthetic
from vaeaug.perturb import DEFAULT


def hardest(of):
    """Returns the stage that adds the child with the highest loss."""
    return Append(Synthetic(DEFAULT, replace=1.0, hardest_of=of), add=1)


CM = with_mixup("classical + MixUp")
MIXED = (CM, with_mixup("appended + MixUp", Append()), with_mixup("1 per sample, hardest of 4 + MixUp", hardest(4)))
MOVE = MOVES["fashion-mnist"]
MORE = (
    Method("classical", (MOVE,), kind="baseline"),
    CM,
    Method("appended", (Append(), MOVE)),
    Method("1 per sample, hardest of 4", (hardest(4), MOVE)),
)

if __name__ == "__main__":
    answer(
        __file__,
        (
            Question(MIXED, 20, range(8)),
            Question(MIXED, 10, range(4)),
            Question(MORE, 50, range(3)),
            Question(MORE, 100, range(2)),
            Question((with_mixup("1 per sample, hardest of 8 + MixUp", hardest(8)),), 20, range(4)),
        ),
    )
