"""Lopsided Fashion-MNIST: does the VAE add to class weights or to oversampling, each with classical augmentation?

Conclusion: to be written from the rows.
"""

from log import MOVES, Question, answer

from vaeaug.arms import Arm
from vaeaug.distilled import Distilled
from vaeaug.perturb import Difference
from vaeaug.rivals import ClassWeights, Mix, Oversample
from vaeaug.stages import Synthetic

MOVE = MOVES["fashion-mnist"]
TRANSFER = Synthetic(Difference(1.0, donors="any"))
ARMS = (
    Arm("none"),
    Arm("classical", (MOVE,)),
    Arm("classical + class weights", (MOVE, ClassWeights())),
    Arm("classical + oversampling", (MOVE,), Oversample()),
    Arm("classical + mixup + class weights", (MOVE, Mix(), ClassWeights())),
    Arm("extrapolate 1 + class weights", (Synthetic(), MOVE, ClassWeights())),
    Arm("extrapolate 1 + oversampling", (Synthetic(), MOVE), Oversample()),
    Arm("difference of any class + oversampling", (TRANSFER, MOVE), Oversample()),
    Arm("extrapolate 1, worst of 4 + oversampling", (Synthetic(worst_of=4), MOVE), Oversample()),
    Arm(
        "half-soft + mixup + oversampling",
        (Distilled(classical=MOVE, weight=0.5, ratio=0.5), MOVE, Mix()),
        Oversample(),
    ),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, "lopsided-small", range(6)),))
