"""What remains with ResNet-18, of 11 million weights?

20 images per class, 150 steps of 64 images, which is 48 passes: a step takes a second on a core, so that more did not fit.
One child joins every sample; classical augmentation in all arms.

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
