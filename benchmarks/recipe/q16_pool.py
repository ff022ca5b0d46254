"""Unlabelled images once more: how do children that join a batch use them?

Small CNN, 20 labelled images per class and 10,000 without labels, classical augmentation and MixUp in all arms. As in q08 the
VAE trains on the pool, and children start also from images of it that a teacher takes for the class.

Conclusion: two seeds. Nothing tells the ways apart: children that join 2.9 over MixUp, with MixUp or without, by
extrapolation the same; half of the batch replaced by the hardest of four 2.6; differences of the class alone and networks
among the teachers somewhat less. On the judging seeds the former recipe is ahead (docs/results.md). Tried beside the rows
and not better: three times as many neighbours that may be adopted, and teachers whose labels are brought to equal shares.
"""

from log import MOVES, Question, answer, with_mixup

from vaeaug.bench.stages.joined import Joined
from vaeaug.bench.stages.method import Arm
from vaeaug.bench.stages.unlabelled import Adopting
from vaeaug.perturb import DEFAULT, Difference, Extrapolate

POOL = 10_000
BOTH = ("cnn", "forest")


def pooled(perturb, teacher="forest"):
    """Returns the stage that adds three children of every sample, with the pool to hand."""
    return Joined(Adopting(perturb, replace=1.0, count=POOL, teacher=teacher))


ARMS = (
    with_mixup("classical + mixup"),
    with_mixup("joined, no pool", Joined()),
    with_mixup("half, worst of 4", Adopting(count=POOL, hardest_of=4)),
    with_mixup("joined", pooled(DEFAULT)),
    with_mixup("joined, extrapolate", pooled(Extrapolate())),
    with_mixup("joined, own class", pooled(Difference())),
    Arm("joined, no mixup", (pooled(DEFAULT), MOVES["fashion-mnist"])),
    with_mixup("joined, networks choose, too", pooled(DEFAULT, BOTH)),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, 20, range(2)),))
