"""Which policy is the strongest cheap baseline: how strong should RandAugment be, and what do the others do?

Small CNN, 20 images per class, six development seeds. Every method ends with MixUp. *RandAugment 9* has torchvision's default
magnitude; *elastic* and *erasing* come after the tuned flips and shifts.

Conclusion: RandAugment with MixUp is the baseline to beat: 1.9 points above flips, shifts and MixUp at magnitude 3, and 1.7
to 1.8 at 5 to 9, so the magnitude hardly matters until 12. TrivialAugment gains 1.1, random erasing 0.6. Elastic deformation
of this strength does harm. Magnitude 3 is the library's *RandAugment* from here on. Other sizes and sets were not tried.
"""

from log import MOVES, Question, answer

from vaeaug.bench.stages.baselines import Mix, PolicyAugmentation
from vaeaug.bench.stages.method import Method
from vaeaug.data.policies import Elastic, RandAugment, RandomErasing, TrivialAugmentWide

MOVE = MOVES["fashion-mnist"]
METHODS = (
    Method("classical + MixUp", (MOVE, Mix()), kind="baseline"),
    *(
        Method(
            f"RandAugment {magnitude} + MixUp", (PolicyAugmentation(RandAugment(2, magnitude)), Mix()), kind="baseline"
        )
        for magnitude in (3, 5, 7, 9, 12)
    ),
    Method("TrivialAugment + MixUp", (PolicyAugmentation(TrivialAugmentWide()), Mix()), kind="baseline"),
    Method("classical + elastic + MixUp", (MOVE, PolicyAugmentation(Elastic()), Mix()), kind="baseline"),
    Method("classical + erasing + MixUp", (MOVE, PolicyAugmentation(RandomErasing()), Mix()), kind="baseline"),
)

if __name__ == "__main__":
    answer(__file__, (Question(METHODS, 20, range(6)),))
