"""Synthetic samples added to a batch, on digits and imbalanced sets: with MixUp, class weights or oversampling?

Small CNN, classical augmentation in all methods, three synthetic samples added per real one. Imbalanced:
300/180/110/66/40/24/14/9/6/4 images, the classes permuted by seed. The rows of the baselines are those of q05 and
q06.

Conclusion: with MixUp after them, added synthetic samples lead everywhere: by 1.5 and 0.6 over MixUp on digits at 5
and 10 per class, and on imbalanced sets by 1.0 over MixUp with class weights. Class weights work better here than
random oversampling. Six seeds on digits, four on imbalanced sets. Judged in docs/results.md.
"""

from log import MOVES, Question, answer

from vaeaug.bench.stages.baselines import ClassWeights, Mix, RandomOversampling
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Append

DIGITS, FASHION = MOVES["digits"], MOVES["fashion-mnist"]
WEIGHTS = ClassWeights()
ON_DIGITS = (
    Method("classical", (DIGITS,), kind="baseline"),
    Method("classical + MixUp", (DIGITS, Mix()), kind="baseline"),
    Method("appended", (Append(), DIGITS)),
    Method("appended + MixUp", (Append(), DIGITS, Mix())),
)
LOPSIDED = (
    Method("classical + class weights", (FASHION, WEIGHTS), kind="baseline"),
    Method("classical + random oversampling", (FASHION,), RandomOversampling(), kind="baseline"),
    Method("classical + MixUp + class weights", (FASHION, Mix(), WEIGHTS), kind="baseline"),
    Method("appended + class weights", (Append(), FASHION, WEIGHTS)),
    Method("appended + MixUp + class weights", (Append(), FASHION, Mix(), WEIGHTS)),
    Method("appended + MixUp + random oversampling", (Append(), FASHION, Mix()), RandomOversampling()),
)

if __name__ == "__main__":
    answer(
        __file__,
        (
            Question(ON_DIGITS, 5, range(6), data="digits"),
            Question(ON_DIGITS, 10, range(6), data="digits"),
            Question(LOPSIDED, "imbalanced-small", range(4)),
        ),
    )
