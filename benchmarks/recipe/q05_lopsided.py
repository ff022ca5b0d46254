"""Imbalanced Fashion-MNIST: does the VAE gain on top of class weights or oversampling, each with classical augmentation?

Small CNN, counts 300/180/110/66/40/24/14/9/6/4, the classes permuted by seed. *transfer* applies the differences of
any class, so mostly of the majority classes, to all classes (Hariharan and Girshick, 2017). *rare* generates
synthetic samples only for the classes below the mean count, and for all their samples in a batch.

Conclusion: class weights and random oversampling are equally good, and gain some eight points. What is added to them
gains little: MixUp half a point to a point. The best method with class weights is hardest of 4 with MixUp, by less
than half a point over MixUp alone; random oversampling with MixUp is as good. With random oversampling the VAE gains
nothing. Differences transferred from majority classes, and synthetic samples of the rare classes only, are worse than
synthetic samples of all classes: a VAE that has seen four images of a class perturbs them badly. So the recipe stays
as it is, with class weights, and no gain is promised.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from log import MOVES, Question, answer
from torch import Tensor, nn

from vaeaug.bench.stages.base import BatchTransform
from vaeaug.bench.stages.baselines import ClassWeights, Mix, RandomOversampling
from vaeaug.bench.stages.context import Context
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Synthetic
from vaeaug.perturb import Difference

MOVE = MOVES["fashion-mnist"]


@dataclass(frozen=True)
class Rare(Synthetic):
    """Replaces all samples of classes below the mean count, and no others."""

    key: ClassVar[str] = "rare classes"

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        counts = torch.tensor(context.samples.counts)
        rare, apply = counts < counts.float().mean(), replace(self, replace=1.0)
        every = Synthetic.fit(apply, context, network)

        def transform(x: Tensor, t: Tensor, seed: int) -> tuple[Tensor, Tensor]:
            rows = torch.nonzero(rare[t.argmax(1)])[:, 0]
            return (x.index_copy(0, rows, every(x[rows], t[rows], seed)[0]) if len(rows) else x), t

        return transform


TRANSFER = Difference(1.0, pairs_from="any_class")
WORST = Synthetic(hardest_of=4)
WEIGHTS = ClassWeights()
ARMS = (
    Method("none", kind="baseline"),
    Method("classical", (MOVE,), kind="baseline"),
    Method("classical + class weights", (MOVE, WEIGHTS), kind="baseline"),
    Method("classical + random oversampling", (MOVE,), RandomOversampling(), kind="baseline"),
    Method("classical + MixUp + class weights", (MOVE, Mix(), WEIGHTS), kind="baseline"),
    Method("classical + MixUp + random oversampling", (MOVE, Mix()), RandomOversampling(), kind="baseline"),
    Method("extrapolate 1 + class weights", (Synthetic(), MOVE, WEIGHTS)),
    Method("extrapolate 1 + random oversampling", (Synthetic(), MOVE), RandomOversampling()),
    Method("extrapolate 1 + MixUp + random oversampling", (Synthetic(), MOVE, Mix()), RandomOversampling()),
    Method("hardest of 4 + MixUp + class weights", (WORST, MOVE, Mix(), WEIGHTS)),
    Method("hardest of 4 + MixUp + random oversampling", (WORST, MOVE, Mix()), RandomOversampling()),
    Method("transfer + MixUp + class weights", (Synthetic(TRANSFER), MOVE, Mix(), WEIGHTS)),
    Method("rare + MixUp + class weights", (Rare(), MOVE, Mix(), WEIGHTS)),
    Method("rare, transfer + MixUp + class weights", (Rare(TRANSFER), MOVE, Mix(), WEIGHTS)),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, "imbalanced-small", range(4)),))
