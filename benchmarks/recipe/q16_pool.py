"""Unlabelled images again: how are they used best when synthetic samples are added to the batch?

Small CNN, 20 labelled images per class and 10,000 unlabelled ones, classical augmentation in all methods, MixUp in
all but *no MixUp*. As in q08, the VAE is also trained on the pool, and synthetic samples also start from images of
the pool that a teacher assigns to the class.

Conclusion: two seeds. They do not tell the variants apart. Added synthetic samples are 2.9 over MixUp, with MixUp or
without, and the same by extrapolation. Half of the batch replaced by the hardest of four gains 2.6. Differences of
the own class alone, and networks among the teachers, gain somewhat less. On the judging seeds the former recipe is
ahead (docs/results.md). Also tried, without rows here, and no better: three times as many neighbours as candidates
for pseudo-labels, and teachers whose labels are adjusted to equal class frequencies.
"""

from log import MOVES, Question, answer, with_mixup

from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Append
from vaeaug.bench.stages.unlabelled import WithUnlabelled
from vaeaug.perturb import DEFAULT, Difference, Extrapolate

POOL = 10_000
BOTH = ("cnn", "forest")


def pooled(perturb, teacher="forest"):
    """Returns the stage that adds three synthetic samples per real one, with the pool."""
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
