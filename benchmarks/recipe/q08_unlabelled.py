"""With 10,000 unlabelled images to hand and 20 labelled ones per class, how are they used best?

Small CNN, classical augmentation in all arms. In the arms with a *pool* the VAE trains on it, too, and children start
also from those of the 25 nearest images of the pool that a random forest takes for the class (docs/unlabelled.md).

Conclusion: the recipe profits most: the pool brings it a point and a half more than it has without. Without MixUp it
is 0.6 behind, and worst-of-4 adds nothing to one child then. A larger share of children, or networks beside the
forest to choose the donors, change nothing. Tried beside the rows and not better: students of two networks and the
forest, trained on all of the pool with their soft labels. Two seeds only; judged in docs/results.md.
"""

from log import MOVES, Question, answer

from vaeaug.bench.stages.baselines import Mix
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Synthetic
from vaeaug.bench.stages.unlabelled import WithUnlabelled

MOVE = MOVES["fashion-mnist"]
POOL = 10_000
BOTH = ("cnn", "forest")
ARMS = (
    Method("classical", (MOVE,), kind="baseline"),
    Method("classical + MixUp", (MOVE, Mix()), kind="baseline"),
    Method("no pool: hardest of 4 + MixUp", (Synthetic(hardest_of=4), MOVE, Mix())),
    Method("pool", (WithUnlabelled(unlabelled_count=POOL), MOVE)),
    Method("pool, hardest of 4", (WithUnlabelled(unlabelled_count=POOL, hardest_of=4), MOVE)),
    Method("pool, hardest of 4 + MixUp", (WithUnlabelled(unlabelled_count=POOL, hardest_of=4), MOVE, Mix())),
    Method(
        "pool chosen by networks, too, hardest of 4 + MixUp",
        (WithUnlabelled(unlabelled_count=POOL, hardest_of=4, teacher=BOTH), MOVE, Mix()),
    ),
    Method(
        "pool, hardest of 4, replace 0.75 + MixUp",
        (WithUnlabelled(unlabelled_count=POOL, hardest_of=4, replace=0.75), MOVE, Mix()),
    ),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, 20, range(2)),))
