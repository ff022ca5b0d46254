"""How much of the gain remains with ResNet-18, which has 11 million weights?

20 images per class, 150 steps of 64 images, which are 48 passes over the data: a step takes a second on one core, so
there was no time for more. One synthetic sample is added per real one; classical augmentation in all methods.

Conclusion: two seeds. The gain is larger than that of the small network: 2.0 and 2.9 over MixUp, 2.1 and 4.2 over
classical augmentation, after 48 passes. Not judged on other seeds.
"""

from log import MOVES, Question, answer, with_mixup

from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Append

MOVE = MOVES["fashion-mnist"]
ARMS = (
    with_mixup("classical + MixUp"),
    Method("1 per sample", (Append(add=1), MOVE)),
    Method("classical", (MOVE,), kind="baseline"),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, 20, range(2), ("resnet18",), Settings(steps=150)),))
