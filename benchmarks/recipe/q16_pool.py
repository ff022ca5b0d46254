"""Unlabelled images once more: how do children that join a batch use them?

Small CNN, 20 labelled images per class and 10,000 without labels, classical augmentation and MixUp in all arms. As in q08 the
VAE trains on the pool, and children start also from images of it that a teacher takes for the class.

Conclusion: two seeds. Nothing tells the ways apart: children that join 2.9 over MixUp, with MixUp or without, by
extrapolation the same; half of the batch replaced by the hardest of four 2.6; differences of the class alone and networks
among the teachers somewhat less. On the judging seeds the former recipe is ahead (docs/results.md). Tried beside the rows
and not better: three times as many neighbours that may be adopted, and teachers whose labels are brought to equal shares.
"""

from log import MOVES, Question, answer, with_mixup

from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Append
from vaeaug.bench.stages.unlabelled import WithUnlabelled
from vaeaug.perturb import DEFAULT, Difference, Extrapolate

POOL = 10_000
BOTH = ("cnn", "forest")


def pooled(perturb, teacher="forest"):
    """Returns the stage that adds three children of every sample, with the pool to hand."""
    return Append(WithUnlabelled(perturb, replace=1.0, unlabelled_count=POOL, teacher=teacher))


ARMS = (
    with_mixup("classical + MixUp"),
    with_mixup("appended, no pool", Append()),
    with_mixup("half, hardest of 4", WithUnlabelled(unlabelled_count=POOL, hardest_of=4)),
    with_mixup("appended", pooled(DEFAULT)),
    with_mixup("appended, extrapolate", pooled(Extrapolate())),
    with_mixup("appended, own class", pooled(Difference())),
    Method("appended, no MixUp", (pooled(DEFAULT), MOVES["fashion-mnist"])),
    with_mixup("appended, networks choose, too", pooled(DEFAULT, BOTH)),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, 20, range(2)),))
