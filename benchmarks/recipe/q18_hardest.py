"""One synthetic sample per real one, the hardest of several, instead of three?

Small CNN, classical augmentation in all methods. *appended* adds three synthetic samples per real one to a batch. *1
per sample, hardest of 4* adds only one, the hardest of four for the network in training. The rows of *appended* on
the first seeds are those of q12.

Conclusion: with MixUp it is 0.3 better than three samples at 20 images per class (on seven of eight seeds), and as
good at 10, in smaller batches. At 50 and 100, where each image is seen less often, it is 0.2 worse. The hardest of
eight is no better than the hardest of four. So three samples, which need no network, stay the default, and *1 per
sample, hardest of 4 + MixUp* is judged too. Also tried, without rows here, and no better: three VAEs of different
sizes, each of which generates one of the three samples; three samples, each the hardest of four.
"""

from log import MOVES, Question, answer, with_mixup

from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Append, Synthetic
from vaeaug.perturb import DEFAULT


def hardest(of):
    """Returns the stage that adds the synthetic sample with the highest loss."""
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
