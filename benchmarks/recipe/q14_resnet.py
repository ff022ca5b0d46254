"""What remains with ResNet-18, of 11 million weights?

20 images per class, classical augmentation in all arms, 250 steps of 64 images: 80 passes. A step takes a second on a core.
"""

from log import MOVES, Question, answer, with_mixup

from vaeaug.arms import Arm
from vaeaug.evaluate import Settings
from vaeaug.joined import Joined

MOVE = MOVES["fashion-mnist"]
ARMS = (
    Arm("classical", (MOVE,)),
    with_mixup("classical + mixup"),
    Arm("joined by one", (Joined(beside=1), MOVE)),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, 20, range(2), ("resnet18",), Settings(steps=250)),))
