"""With 10,000 unlabelled images to hand: do differences of any class do better than extrapolation there, too?

Small CNN, 20 labelled images per class, donors as in q08. Every arm ends with classical augmentation and MixUp, children
are the worst of 4.
"""

from log import Question, answer, with_mixup

from vaeaug.adopting import Adopting
from vaeaug.perturb import Difference

POOL = 10_000
ARMS = (
    with_mixup("classical + mixup"),
    with_mixup("pool", Adopting(count=POOL, worst_of=4)),
    with_mixup("pool, any", Adopting(Difference(donors="any"), count=POOL, worst_of=4)),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, 20, range(4)),))
