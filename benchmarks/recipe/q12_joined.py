"""Should synthetic samples be added to a batch instead of replacing half of it?

Small CNN, 10 to 100 images per class, classical augmentation in all methods. *appended* adds three synthetic samples
per real one to a batch (Hoffer et al., "Augment your batch", 2020). Their perturbation is differences that a class
borrows from other classes, the more the fewer samples it has. *repeated* is the same without the VAE: three more
classical copies. *hardest of 4, any* is the best recipe so far. *1 per sample* and *7 per sample* change the number
of synthetic samples. Two to four seeds; the rows of the baselines are those of q04 and q11.

Conclusion: added synthetic samples gain where replacing half of the batch gains, and also where that gains nothing:
at 50 per class 1.2 over MixUp (hardest of four, replacing: -0.1), and at 100 nothing is lost (replacing: -0.8). The
gain comes from the synthetic samples and not from larger batches: repeated classical copies gain nothing at 10, 20
and 50. MixUp on top gains 0.8 at 10 per class and nothing at 20, and costs 0.4 at 50 and 1.0 at 100. The network in
training is not evaluated to choose samples. So adding becomes the default of `AugmentedLoader`. Differences of the
own class and, where it is small, of other classes become the default of `Augmenter`: on the same two seeds at 20 per
class they gain 1.0 more than extrapolation. Seven samples are as good as three, and so is one, the hardest of four,
which needs the network. Also tried, without rows here, and no better: the soft labels of a forest for added samples,
the soft labels of five networks for every image that the student sees, mixing latent codes instead of pixels,
differences of scale 1.5.
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
