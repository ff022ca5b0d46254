"""Children beside the samples of a batch, in place of half of them?

Small CNN, 10 to 100 images per class, classical augmentation in all arms. *joined* adds three children of every sample to a
batch (Hoffer et al., "Augment your batch", 2020), by differences that a class borrows from others the more the fewer samples
it has; *repeated* is the same without the VAE: three more classical copies. *worst of 4, any* is the best recipe so far,
*joined by one* and *by seven* change the number of children. Two to four seeds; the rivals' rows are those of q04 and q11.

Conclusion: children that join gain where half of a batch replaced does, and where that gains nothing: at 50 per class 1.2
over MixUp (four replaced: -0.1), at 100 nothing is lost (-0.8). It is the children and not the longer batches: repeated
classical copies gain nothing at 10, 20 and 50. MixUp on top brings 0.8 at 10 per class, nothing at 20, and costs 0.4 at 50
and 1.0 at 100. No network is asked in training. So this is the default of `AugmentedLoader`, and the differences of the
class and, where it is small, of others that of `Augmenter`: on the same two seeds at 20 per class they do 1.0 better than
extrapolation. Seven children do as well as three, and so does one, the hardest of four, which asks the network. Tried beside
the rows and not better: a forest's soft labels for children that join, soft labels of five networks for every image that the
student sees, mixing codes in place of pixels, differences of 1.5.
"""

from log import MOVES, Question, answer, with_mixup

from vaeaug.bench.stages.controls import Unchanged
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Append, Synthetic
from vaeaug.perturb import DEFAULT, Difference, Extrapolate

MOVE = MOVES["fashion-mnist"]
ANY = Difference(pairs_from="any_class")
ARMS = (
    Method("classical", (MOVE,), kind="baseline"),
    with_mixup("classical + MixUp"),
    with_mixup("hardest of 4, any", Synthetic(ANY, hardest_of=4)),
    Method("appended", (Append(), MOVE)),
    with_mixup("appended + MixUp", Append()),
    Method("no VAE: repeated", (Append(Unchanged()), MOVE), kind="control"),
)
MORE = (
    Method("1 per sample, hardest of 4", (Append(Synthetic(DEFAULT, 1.0, hardest_of=4), 1), MOVE)),
    Method("7 per sample", (Append(add=7), MOVE)),
    Method("appended, extrapolate", (Append(Synthetic(Extrapolate(), 1.0)), MOVE)),
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
