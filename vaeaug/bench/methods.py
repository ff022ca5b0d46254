"""Arms: the conditions that a benchmark compares. Adding one is a row in `every`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vaeaug.bench.stages.base import Fill, Growth, Stage, Synthetic
from vaeaug.bench.stages.baselines import ClassicalAugmentation, ClassWeights, Mix, Oversample, Smote, WorstOf
from vaeaug.bench.stages.controls import Components, PixelNoise, Repeat
from vaeaug.bench.stages.distillation import Distilled
from vaeaug.bench.stages.generators import DeepSMOTE, OneVAEPerClass, PyraugRHVAE, PythaeVAE
from vaeaug.bench.stages.joined import Joined
from vaeaug.bench.stages.method import Arm
from vaeaug.bench.stages.unlabelled import Adopting
from vaeaug.bench.tuning.stage import Searched
from vaeaug.data.classical import Classical
from vaeaug.perturb.schemes import (
    DEFAULT,
    Covariance,
    Difference,
    Extrapolate,
    Interpolate,
    Perturbation,
    Posterior,
    for_estimators,
)
from vaeaug.runtime import checks

# Chosen on development seeds, at 20 and 50 images per class (benchmarks/recipe, q12): what `AugmentedLoader` does by default.
JOINED = "classical + vae joined"
JOINED_MIXED = f"{JOINED} + mixup"  # with some 20 per class or fewer, q12 and q15
# One child beside each sample, the hardest of four: at 20 per class a little better (q18), but it asks the network.
HARDEST = f"{JOINED} by one, worst of 4"
HARDEST_MIXED = f"{HARDEST} + mixup"
STANDARD = ("none", "classical", "vae", JOINED)
# The recipe before it, chosen at 20 (q01).
RECIPE = "classical + vae, worst of 4 + mixup"
# With 10 per class it did better so (q10, q11): the few samples of a class borrow the changes of others.
ANY_CLASS = "classical + vae any class, worst of 4 + mixup"

# Chosen by benchmarks/classical.py on development seeds.
CLASSICAL = {
    "fashion-mnist": Classical(flip=True),
    "digits": Classical(shift=0.125, rotate=15, zoom=0.1),
}

PEERS: dict[str, Growth] = {
    "pythae vae": PythaeVAE(),
    "pyraug rhvae": PyraugRHVAE(),
    "deepsmote": DeepSMOTE(),
    "vae per class": OneVAEPerClass(),
}


def every(
    data: str = "", classical: Classical | None = None, perturb: Perturbation | None = None, images: bool = True
) -> tuple[Arm, ...]:
    """Returns all arms, also those whose package is not installed.

    Arguments:
        data: The name of the data set; known sets have a classical augmentation of their own.
        classical: Another classical augmentation.
        perturb: Another perturbation for the arms named after the VAE.
        images: Whether the samples are images: of rows, the arms named after the VAE interpolate where they extrapolate of
            images.
    """
    plain = classical or CLASSICAL.get(data, Classical())
    moves = ClassicalAugmentation(plain)
    vae = Synthetic(perturb or for_estimators(images))
    pca, worst = Components(vae.perturb), replace(vae, hardest_of=4)
    schemes = (Posterior(2.0), Covariance(), Interpolate(), Extrapolate(), Difference())
    others = [scheme for scheme in schemes if scheme != vae.perturb]  # that one is the arm "vae"
    return (
        Arm("none"),
        Arm("classical", (moves,)),
        Arm("vae", (vae,)),
        Arm("classical + vae", (vae, moves)),
        Arm("mixup", (Mix(),)),
        Arm("cutmix", (Mix(cut=True, alpha=1.0),)),
        Arm("classical + mixup", (moves, Mix())),
        *_balanced(moves, perturb or DEFAULT),
        Arm("smote", growth=Smote(factor=10)),
        *(Arm(f"vae {type(scheme).__name__.lower()}", (replace(vae, perturb=scheme),)) for scheme in others),
        *_joined(moves, perturb or DEFAULT),
        Arm("classical + vae, worst of 4", (worst, moves)),
        Arm("classical + vae + mixup", (vae, moves, Mix())),
        Arm(RECIPE, (worst, moves, Mix())),
        Arm(ANY_CLASS, (replace(worst, perturb=Difference(pairs_from="any_class")), moves, Mix())),
        Arm("classical + mixup + class weights", (moves, Mix(), ClassWeights())),
        Arm("classical + mixup + oversampling", (moves, Mix()), Oversample()),
        Arm("classical + vae + class weights", (vae, moves, ClassWeights())),
        Arm(f"{RECIPE} + class weights", (worst, moves, Mix(), ClassWeights())),
        Arm(f"{RECIPE} + oversampling", (worst, moves, Mix()), Oversample()),
        Arm("classical + vae, distilled", (Distilled(classical=plain), moves)),
        Arm("classical + vae, distilled + mixup", (Distilled(classical=plain), moves, Mix())),
        Arm("classical, distilled", (Distilled(classical=plain, copies=moves), moves)),
        Arm("tuned", (Searched(),), Searched()),
        Arm("classical + tuned", (Searched(plain),), Searched(plain)),
        Arm("classical, worst of 4", (WorstOf(moves, 4),)),
        Arm("reconstruction only", (replace(vae, perturb=Posterior(0.0), residual=False),)),
        Arm("pixel noise", (PixelNoise(vae),)),
        Arm("pca", (pca,)),
        Arm("classical + pca", (pca, moves)),
        Arm("duplicates", (Repeat(),)),
        *(Arm(name, (), peer) for name, peer in PEERS.items()),
        *(Arm(f"classical + {name}", (moves,), peer) for name, peer in PEERS.items()),
    )


def _balanced(moves: Stage, perturb: Perturbation) -> tuple[Arm, ...]:
    """Returns the arms that level the classes."""
    return (
        Arm("oversampling", growth=Oversample()),
        Arm("classical + oversampling", (moves,), Oversample()),
        Arm("class weights", (ClassWeights(),)),
        Arm("classical + class weights", (moves, ClassWeights())),
        Arm("smote, balanced", growth=Smote()),
        Arm("vae oversampling", growth=Fill(perturb)),
        Arm("classical + vae oversampling", (moves,), Fill(perturb)),
    )


def _joined(moves: Stage, perturb: Perturbation) -> tuple[Arm, ...]:
    """Returns the arms in which children join a batch, and their control."""
    child = Synthetic(perturb, replace=1.0)
    add, hardest = Joined(child), Joined(replace(child, hardest_of=4), add=1)
    return (
        Arm("vae joined", (add,)),
        Arm(JOINED, (add, moves)),
        Arm(JOINED_MIXED, (add, moves, Mix())),
        Arm(HARDEST, (hardest, moves)),
        Arm(HARDEST_MIXED, (hardest, moves, Mix())),
        Arm(f"{JOINED_MIXED} + class weights", (add, moves, Mix(), ClassWeights())),
        Arm(f"{JOINED} + oversampling", (add, moves), Oversample()),
        Arm("classical, repeated", (Joined(Repeat()), moves)),
    )


def with_unlabelled(
    count: int,
    data: str = "",
    classical: Classical | None = None,
    perturb: Perturbation | None = None,
    images: bool = True,
) -> tuple[Arm, ...]:
    """Returns the arms whose VAE has `count` samples without labels to hand; none where there are none.

    Arguments:
        count: How many, of those that are not in the training subset.
        data, classical, perturb, images: See `every`.
    """
    if count == 0:
        return ()
    moves = ClassicalAugmentation(classical or CLASSICAL.get(data, Classical()))
    vae = Adopting(perturb or for_estimators(images), count=count)
    return (
        Arm("vae, unlabelled", (vae,)),
        Arm("classical + vae, unlabelled", (vae, moves)),
        Arm(
            f"{JOINED_MIXED}, unlabelled", (Joined(replace(vae, perturb=perturb or DEFAULT, replace=1.0)), moves, Mix())
        ),
        Arm(f"{RECIPE}, unlabelled", (replace(vae, hardest_of=4), moves, Mix())),
        Arm(
            f"{ANY_CLASS}, unlabelled",
            (replace(vae, perturb=Difference(pairs_from="any_class"), hardest_of=4), moves, Mix()),
        ),
    )


def arms(
    data: str = "",
    names: Sequence[str] = STANDARD,
    classical: Classical | None = None,
    perturb: Perturbation | None = None,
    images: bool = True,
) -> tuple[Arm, ...]:
    """Returns arms by name: by default none, classical, vae, and classical with what `AugmentedLoader` does; `peers` stands
    for those of `vaeaug.bench.stages.generators`, `all` for every one whose package is installed.

    Arguments:
        data, classical, perturb, images: See `every`.
        names: Which, in this order.
    """
    there = {arm.name: arm for arm in every(data, classical, perturb, images)}
    if "all" in names:
        return tuple(arm for arm in there.values() if arm.ready)
    of_peers = [name for name, arm in there.items() if arm.growth in PEERS.values()]
    wanted: dict[str, Arm] = {}
    for name in names:
        checks.check_choice("arm", name, (*there, "peers", "all"))
        wanted |= {one: there[one] for one in (of_peers if name == "peers" else [name])}
    return tuple(wanted.values())
