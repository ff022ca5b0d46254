"""Children that join a batch, on digits and on lopsided sets: with MixUp or without, with class weights or oversampling?

Small CNN, classical augmentation in all arms; three children join every sample. Lopsided: counts 300/180/110/66/40/24/14/9/6/4,
the classes permuted by seed.
"""

from log import MOVES, Question, answer

from vaeaug.arms import Arm
from vaeaug.joined import Joined
from vaeaug.rivals import ClassWeights, Mix, Oversample

DIGITS, FASHION = MOVES["digits"], MOVES["fashion-mnist"]
WEIGHTS = ClassWeights()
ON_DIGITS = (
    Arm("classical", (DIGITS,)),
    Arm("classical + mixup", (DIGITS, Mix())),
    Arm("joined", (Joined(), DIGITS)),
    Arm("joined + mixup", (Joined(), DIGITS, Mix())),
)
LOPSIDED = (
    Arm("classical + class weights", (FASHION, WEIGHTS)),
    Arm("classical + oversampling", (FASHION,), Oversample()),
    Arm("classical + mixup + class weights", (FASHION, Mix(), WEIGHTS)),
    Arm("joined + class weights", (Joined(), FASHION, WEIGHTS)),
    Arm("joined + mixup + class weights", (Joined(), FASHION, Mix(), WEIGHTS)),
    Arm("joined + mixup + oversampling", (Joined(), FASHION, Mix()), Oversample()),
)

if __name__ == "__main__":
    answer(
        __file__,
        (
            Question(ON_DIGITS, 5, range(6), data="digits"),
            Question(ON_DIGITS, 10, range(6), data="digits"),
            Question(LOPSIDED, "lopsided-small", range(4)),
        ),
    )
