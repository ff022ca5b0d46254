"""How are 10,000 unlabelled images, next to 20 labelled ones per class, used best?

Small CNN, classical augmentation in all methods. In the methods with a *pool*, the VAE is also trained on the
unlabelled images. Synthetic samples also start from those of the 25 nearest unlabelled images that a random forest
assigns to the class (docs/unlabelled.md).

Conclusion: the recipe gains most from the pool: a point and a half more than without it. Without MixUp it is 0.6
lower, and hardest of 4 then adds nothing to one sample. A larger fraction of synthetic samples, or networks in
addition to the forest as teachers, change nothing. Also tried, without rows here, and no better: students of two
networks and the forest, trained on the whole pool with their soft labels. Two seeds only; judged in docs/results.md.
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
