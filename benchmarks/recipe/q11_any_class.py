"""Differences of any class, the soft labels of a forest, or both, instead of extrapolation?

Small CNN, 10, 20 and 50 images per class. All methods but *classical* end with classical augmentation and MixUp.
*any* adds the difference of two samples of any one class. *forest* gives synthetic samples the soft labels of a
random forest (`Distilled`: 80 % of a batch), *half soft labels* gives half of the label to the forest.

Conclusion: at 10 per class, differences of any class gain 0.7 more than extrapolation, and the soft labels of a
forest gain as much. Both together gain no more. At 20 they are 0.2 apart. At 50 (four seeds) extrapolation leads by
0.4: the fewer samples a class has, the more it gains from borrowing the differences of other classes. So
extrapolation stays the default. Differences of any class become a method of their own and a candidate of `tune`, and
are judged at 10 and 20 (docs/results.md).
Superseded by q12: synthetic samples are added to the batch.
"""

from log import MOVES, Question, answer, with_mixup

from vaeaug.bench.stages.distillation import Distilled
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Synthetic
from vaeaug.perturb import Difference

MOVE = MOVES["fashion-mnist"]
ANY, FURTHER = Difference(pairs_from="any_class"), Difference(1.5, pairs_from="any_class")
ARMS = (
    Method("classical", (MOVE,), kind="baseline"),
    with_mixup("classical + MixUp"),
    with_mixup("hardest of 4", Synthetic(hardest_of=4)),
    with_mixup("hardest of 4, any", Synthetic(ANY, hardest_of=4)),
    with_mixup("forest", Distilled(classical=MOVE.classical)),
    with_mixup("forest, any", Distilled(ANY, classical=MOVE.classical)),
    with_mixup("forest, any, 1.5", Distilled(FURTHER, classical=MOVE.classical)),
    with_mixup(
        "forest, any, hardest of 4, half of the batch", Distilled(ANY, 0.5, hardest_of=4, classical=MOVE.classical)
    ),
    with_mixup(
        "half soft labels, any, hardest of 4", Distilled(ANY, 0.5, hardest_of=4, weight=0.5, classical=MOVE.classical)
    ),
)

if __name__ == "__main__":
    answer(
        __file__,
        (Question(ARMS, 10, range(6)), Question(ARMS[:4], 20, range(6)), Question(ARMS[:4], 50, range(4))),
    )
