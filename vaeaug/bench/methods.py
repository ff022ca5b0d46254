"""The catalogue of methods that a benchmark can compare. Adding one is a line in one of the functions below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vaeaug.bench.analysis.primary import SMALL_IMAGES, space_suffix
from vaeaug.bench.stages.base import Resampler
from vaeaug.bench.stages.baselines import (
    ROSE,
    SMOTE,
    ClassicalAugmentation,
    ClassWeights,
    HardestOf,
    Mix,
    PolicyAugmentation,
    RandomOversampling,
    TunedThreshold,
)
from vaeaug.bench.stages.controls import (
    BalanceWithIdentity,
    IdentityInsteadOfVAE,
    PCAInsteadOfVAE,
    PixelNoise,
    Unchanged,
)
from vaeaug.bench.stages.distillation import Distilled
from vaeaug.bench.stages.equal_time import EqualTime
from vaeaug.bench.stages.generators import DeepSMOTE, OneVAEPerClass, PyraugRHVAE, PythaeVAE
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.pools import FixMatch, PseudoLabels, SpreadLabels
from vaeaug.bench.stages.pretrained import Pretrained
from vaeaug.bench.stages.synthetic import Append, BalanceWithSynthetic, Synthetic
from vaeaug.bench.stages.unlabelled import WithUnlabelled
from vaeaug.bench.tuning.stage import TunedAugmentation
from vaeaug.data.classical import Classical
from vaeaug.data.policies import Elastic, RandAugment, RandomErasing, TrivialAugmentWide
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
from vaeaug.runtime.errors import similar_names

# `AugmentedLoader` by default, then classical augmentation; chosen on development seeds: benchmarks/recipe/q12_joined.py.
DEFAULT_METHOD = "classical + synthetic"
# With about 20 samples per class or fewer: benchmarks/recipe/q12_joined.py and q15_elsewhere.py.
DEFAULT_MIXED = f"{DEFAULT_METHOD} + MixUp"
# At 20 per class a little better, but it needs the network: benchmarks/recipe/q18_hardest.py.
HARDEST = f"{DEFAULT_METHOD} (1 per sample, hardest of 4)"
HARDEST_MIXED = f"{HARDEST} + MixUp"
# The former recipe, which replaces half of a batch: benchmarks/recipe/q01_recipe.py.
REPLACING = "classical + synthetic (extrapolate, hardest of 4)"
REPLACING_MIXED = f"{REPLACING} + MixUp"
# The same for 10 per class, where classes borrow from each other: benchmarks/recipe/q10_few.py and q11_any_class.py.
ANY_CLASS = "classical + synthetic (any class, hardest of 4) + MixUp"

# What `VAEOverSampler` does.
OVERSAMPLING = "synthetic oversampling"

# Chosen by benchmarks/classical.py on development seeds.
CLASSICAL = {
    "fashion-mnist": Classical(flip=True),
    "digits": Classical(shift=0.125, rotate=15, zoom=0.1),
}

# The magnitude was chosen on development seeds: benchmarks/recipe/q20_policies.py.
TUNED_RAND_AUGMENT = RandAugment(magnitude=3)
RAND_AUGMENT = PolicyAugmentation(TUNED_RAND_AUGMENT)
# The recipe for few images per class; see vaeaug.bench.analysis.primary.
RAND_AUGMENT_COMPONENTS = "RandAugment + synthetic (PCA) + MixUp"
TRIVIAL_AUGMENT = PolicyAugmentation(TrivialAugmentWide())
ERASING = PolicyAugmentation(RandomErasing())
ELASTIC = PolicyAugmentation(Elastic())

GENERATORS: dict[str, Resampler] = {
    "pythae VAE": PythaeVAE(),
    "pyraug RHVAE": PyraugRHVAE(),
    "DeepSMOTE": DeepSMOTE(),
    "one VAE per class": OneVAEPerClass(),
}


@dataclass(frozen=True)
class Catalogue:
    """The methods for one kind of data.

    Arguments:
        data: The name of the data set; known sets have a tuned classical augmentation.
        classical: Another classical augmentation.
        perturb: Another perturbation for our methods.
        images: Whether the samples are images. For tabular data, synthetic samples that replace or accompany real ones
            interpolate where those of images extrapolate.
        space: Where our methods perturb samples: `vae`, `pca` or `identity`. In the last two their names end in the space.
        imbalanced: Whether the classes have different counts, for the methods that are compared by default.
    """

    data: str = ""
    classical: Classical | None = None
    perturb: Perturbation | None = None
    images: bool = True
    space: str = "vae"
    imbalanced: bool = False

    @property
    def standard(self) -> tuple[Method, ...]:
        """The methods that are compared by default: no augmentation, the cheap baselines, ours, and the controls of ours.

        They hold the primary comparison of every kind of classifier; see `vaeaug.bench.analysis.primary`.
        """
        # In the identity space, ours are these controls.
        has_identity = self.space != "identity"
        if self.imbalanced:
            names = ["none", "class weights", "random oversampling", OVERSAMPLING]
            names += [f"{OVERSAMPLING} (identity)"] if has_identity else []
            if self.images:
                names += ["classical + MixUp + class weights", f"{DEFAULT_MIXED} + class weights"]
                names += ["classical (repeated) + MixUp + class weights"]
                names += [f"{DEFAULT_METHOD} (identity) + MixUp + class weights"] if has_identity else []
            return self.named(names)
        if not self.images:
            identity = ["synthetic (identity)", f"{DEFAULT_METHOD} (identity)"] if has_identity else []
            return self.named(["none", "classical", self._replacing_name, DEFAULT_METHOD, *identity, "duplicates"])
        # Estimators cannot mix labels, so MixUp is for networks; for estimators *classical* repeats as many copies.
        policy = "classical" if self.data in SMALL_IMAGES else "RandAugment"
        names = ["none", "classical", f"{policy} + MixUp", DEFAULT_METHOD, f"{policy} + synthetic + MixUp"]
        names += [f"{DEFAULT_METHOD} (identity)"] if has_identity else []
        names += [f"{policy} (repeated) + MixUp"]
        names += [f"{policy} + synthetic (identity) + MixUp"] if has_identity else []
        names += [RAND_AUGMENT_COMPONENTS] if policy == "RandAugment" and self.space == "vae" else []
        return self.named(names)

    def named(self, names: Sequence[str]) -> tuple[Method, ...]:
        """Returns methods by name, in this order.

        Arguments:
            names: Display names, those of our methods with or without the space at their end; `generators` means all
                published generators, `all` every method that is available.

        Raises:
            InputError: If there is no method of a name.
        """
        methods = {method.name: method for method in self.all}
        if "all" in names:
            return tuple(method for method in methods.values() if method.available)
        named: dict[str, Method] = {}
        for name in names:
            if name == "generators":
                named |= {m.name: m for m in methods.values() if m.kind == "generator"}
                continue
            name = f"{name}{self._suffix}" if f"{name}{self._suffix}" in methods else name
            if name not in methods:
                similar = "; ".join(similar_names(name, methods, cutoff=0))
                remedy = f"similar names: {similar} ('vaeaug methods' lists all)"
                checks.refuse("the name of a method", repr(name), remedy)
            named[name] = methods[name]
        return tuple(named.values())

    @property
    def all(self) -> tuple[Method, ...]:
        """All methods, including those whose package is not installed."""
        ours = (*self._appending(), *self._replacing_methods(), *self._tuned())
        return (
            *self._baselines(),
            *self._in_space(ours),
            *self._controls(),
            *self._equal_time(),
            *self._generators(),
        )

    def with_unlabelled(self, count: int) -> tuple[Method, ...]:
        """Returns the methods that also have this number of unlabelled samples, ours and the baselines; none for 0."""
        if count == 0:
            return ()
        replacing = WithUnlabelled(self._replacing.perturb, unlabelled_count=count)
        hardest = replace(replacing, hardest_of=4)
        any_class = replace(hardest, perturb=Difference(pairs_from="any_class"))
        appending = Append(replace(replacing, perturb=self.perturb or DEFAULT, replace=1.0))
        pool = ", unlabelled pool"
        methods = (
            Method(self._replacing_name + pool, (replacing,)),
            Method(f"classical + {self._replacing_name}{pool}", (replacing, self._classical)),
            Method(DEFAULT_MIXED + pool, (appending, self._classical, Mix())),
            Method(f"{self._hardest_name} + MixUp{pool}", (hardest, self._classical, Mix())),
            Method(ANY_CLASS + pool, (any_class, self._classical, Mix())),
        )
        return (*self._in_space(methods), *self._pool_baselines(count))

    @property
    def _suffix(self) -> str:
        return space_suffix(self.space)

    def _in_space(self, methods: Sequence[Method]) -> tuple[Method, ...]:
        """Returns methods, ours with samples that are perturbed in the space of the catalogue."""
        ours = {
            m.name: replace(m, name=f"{m.name}{self._suffix}", space=self.space) for m in methods if m.kind == "ours"
        }
        return tuple(ours.get(method.name, method) for method in methods)

    def _pool_baselines(self, count: int) -> tuple[Method, ...]:
        """Returns the baselines that also have this number of unlabelled samples."""
        classical, mixup = self._classical, Mix()
        pseudo = PseudoLabels(count, augmentation=self._plain_classical)
        policy_pseudo = replace(pseudo, augmentation=TUNED_RAND_AUGMENT)
        spread, fixmatch = SpreadLabels(count), FixMatch(count, weak=self._plain_classical)
        stages = {
            "classical + pseudo-labels": (pseudo, classical),
            "classical + pseudo-labels + MixUp": (pseudo, classical, mixup),
            "RandAugment + pseudo-labels + MixUp": (policy_pseudo, RAND_AUGMENT, mixup),
            "classical + FixMatch": (classical, fixmatch),
            "RandAugment + FixMatch + MixUp": (RAND_AUGMENT, fixmatch, mixup),
            "label spreading (PCA)": (spread,),
            "classical + label spreading (PCA)": (spread, classical),
            "classical + label spreading (PCA) + MixUp": (spread, classical, mixup),
            "RandAugment + label spreading (PCA) + MixUp": (spread, RAND_AUGMENT, mixup),
        }
        return tuple(Method(f"{name}, unlabelled pool", stages_, kind="baseline") for name, stages_ in stages.items())

    @property
    def _plain_classical(self) -> Classical:
        return self.classical or CLASSICAL.get(self.data, Classical())

    @property
    def _classical(self) -> ClassicalAugmentation:
        return ClassicalAugmentation(self._plain_classical)

    @property
    def _replacing(self) -> Synthetic:
        return Synthetic(self.perturb or for_estimators(self.images))

    @property
    def _replacing_name(self) -> str:
        return f"synthetic ({_scheme_name(self._replacing.perturb)})"

    @property
    def _hardest_name(self) -> str:
        """`REPLACING`, by the name of the scheme."""
        return f"classical + synthetic ({_scheme_name(self._replacing.perturb)}, hardest of 4)"

    def _baselines(self) -> tuple[Method, ...]:
        classical, mixup = self._classical, Mix()
        stages = {
            "none": (),
            "classical": (classical,),
            "MixUp": (mixup,),
            "CutMix": (Mix(cut=True, alpha=1.0),),
            "classical + MixUp": (classical, mixup),
            "class weights": (ClassWeights(),),
            "classical + class weights": (classical, ClassWeights()),
            "classical + MixUp + class weights": (classical, mixup, ClassWeights()),
            "classical (hardest of 4)": (HardestOf(classical, 4),),
            "RandAugment": (RAND_AUGMENT,),
            "RandAugment + MixUp": (RAND_AUGMENT, mixup),
            "TrivialAugment": (TRIVIAL_AUGMENT,),
            "TrivialAugment + MixUp": (TRIVIAL_AUGMENT, mixup),
            "classical + random erasing": (classical, ERASING),
            "classical + random erasing + MixUp": (classical, ERASING, mixup),
            "classical + elastic": (classical, ELASTIC),
            "classical + elastic + MixUp": (classical, ELASTIC, mixup),
            "classical + pretrained EfficientNet-Lite0": (classical, Pretrained()),
            "classical + pretrained EfficientNet-Lite0 + MixUp": (classical, Pretrained(), mixup),
        }
        oversampling = RandomOversampling()
        return (
            *(Method(name, stages_, kind="baseline") for name, stages_ in stages.items()),
            Method("random oversampling", (), oversampling, "baseline"),
            Method("classical + random oversampling", (classical,), oversampling, "baseline"),
            Method("classical + MixUp + random oversampling", (classical, mixup), oversampling, "baseline"),
            Method("SMOTE", (), SMOTE(), "baseline"),
            Method("SMOTE (10x)", (), SMOTE(factor=10), "baseline"),
            Method("ROSE", (), ROSE(), "baseline"),
            Method("tuned threshold", (TunedThreshold(),), kind="baseline"),
        )

    def _appending(self) -> tuple[Method, ...]:
        """Returns the methods that add synthetic samples to every batch, or to the rare classes."""
        classical, mixup, perturb = self._classical, Mix(), self.perturb or DEFAULT
        synthetic = Synthetic(perturb, replace=1.0)
        appended, one_hardest = Append(synthetic), Append(replace(synthetic, hardest_of=4), add=1)
        stages = {
            "synthetic": (appended,),
            DEFAULT_METHOD: (appended, classical),
            DEFAULT_MIXED: (appended, classical, mixup),
            HARDEST: (one_hardest, classical),
            HARDEST_MIXED: (one_hardest, classical, mixup),
            f"{DEFAULT_MIXED} + class weights": (appended, classical, mixup, ClassWeights()),
            "RandAugment + synthetic": (appended, RAND_AUGMENT),
            "RandAugment + synthetic + MixUp": (appended, RAND_AUGMENT, mixup),
        }
        balancing = BalanceWithSynthetic(perturb)
        return (
            *(Method(name, stages_) for name, stages_ in stages.items()),
            Method(f"{DEFAULT_METHOD} + random oversampling", (appended, classical), RandomOversampling()),
            Method("synthetic oversampling", (), balancing),
            Method("classical + synthetic oversampling", (classical,), balancing),
        )

    def _replacing_methods(self) -> tuple[Method, ...]:
        """Returns the methods that replace half of every batch with synthetic samples."""
        classical, mixup, weights = self._classical, Mix(), ClassWeights()
        replacing, name, hardest_name = self._replacing, self._replacing_name, self._hardest_name
        hardest = replace(replacing, hardest_of=4)
        any_class = replace(hardest, perturb=Difference(pairs_from="any_class"))
        distilled = Distilled(classical=self._plain_classical)
        stages = {
            name: (replacing,),
            f"classical + {name}": (replacing, classical),
            f"classical + {name} + MixUp": (replacing, classical, mixup),
            f"classical + {name} + class weights": (replacing, classical, weights),
            hardest_name: (hardest, classical),
            f"{hardest_name} + MixUp": (hardest, classical, mixup),
            f"{hardest_name} + MixUp + class weights": (hardest, classical, mixup, weights),
            ANY_CLASS: (any_class, classical, mixup),
            "classical + synthetic (distilled)": (distilled, classical),
            "classical + synthetic (distilled) + MixUp": (distilled, classical, mixup),
        }
        schemes = (Posterior(2.0), Covariance(), Interpolate(), Extrapolate(), Difference())
        others = {f"synthetic ({_scheme_name(s)})": (replace(replacing, perturb=s),) for s in schemes}
        # The scheme of `replacing` has its line above, maybe with another scale.
        stages |= {other: stages_ for other, stages_ in others.items() if other != name}
        oversampled = (hardest, classical, mixup)
        return (
            *(Method(method, stages_) for method, stages_ in stages.items()),
            Method(f"{hardest_name} + MixUp + random oversampling", oversampled, RandomOversampling()),
        )

    def _tuned(self) -> tuple[Method, ...]:
        tuned, tuned_classical = TunedAugmentation(), TunedAugmentation(self._plain_classical)
        return (
            Method("tuned", (tuned,), tuned),
            Method("classical + tuned", (tuned_classical,), tuned_classical),
        )

    def _controls(self) -> tuple[Method, ...]:
        classical, replacing = self._classical, self._replacing
        pca = PCAInsteadOfVAE(replacing.perturb)
        distilled = Distilled(classical=self._plain_classical, control_transform=classical)
        scheme, mixup = self.perturb or DEFAULT, Mix()
        repeated = Append(Unchanged())
        identity, components = (Append(space(scheme, replace=1.0)) for space in (IdentityInsteadOfVAE, PCAInsteadOfVAE))
        stages = {
            "classical (repeated)": (repeated, classical),
            "classical (repeated) + MixUp": (repeated, classical, mixup),
            "classical (repeated) + MixUp + class weights": (repeated, classical, mixup, ClassWeights()),
            "classical + synthetic (identity)": (identity, classical),
            "classical + synthetic (identity) + MixUp": (identity, classical, mixup),
            f"{DEFAULT_METHOD} (identity) + MixUp + class weights": (identity, classical, mixup, ClassWeights()),
            "RandAugment (repeated)": (repeated, RAND_AUGMENT),
            "RandAugment (repeated) + MixUp": (repeated, RAND_AUGMENT, mixup),
            "RandAugment + synthetic (identity)": (identity, RAND_AUGMENT),
            "RandAugment + synthetic (identity) + MixUp": (identity, RAND_AUGMENT, mixup),
            "classical (distilled)": (distilled, classical),
            "reconstruction only": (replace(replacing, perturb=Posterior(0.0), residual=False),),
            "pixel noise": (PixelNoise(replacing),),
            "synthetic (identity)": (IdentityInsteadOfVAE(replacing.perturb),),
            "synthetic (PCA)": (pca,),
            "classical + synthetic (PCA)": (pca, classical),
            "duplicates": (Unchanged(),),
        }
        balancing = BalanceWithIdentity(scheme)
        return (
            *(Method(name, stages_, kind="control") for name, stages_ in stages.items()),
            # Of kind `ours`, because it is a recipe as well as a control.
            Method(RAND_AUGMENT_COMPONENTS, (components, RAND_AUGMENT, mixup)),
            Method(f"{OVERSAMPLING} (identity)", (), balancing, "control"),
            Method(f"classical + {OVERSAMPLING} (identity)", (classical,), balancing, "control"),
        )

    def _equal_time(self) -> tuple[Method, ...]:
        """Returns baselines that are trained for as many seconds as ours with the same classical augmentation and mixing."""
        references = {
            "classical": DEFAULT_METHOD,
            "classical + MixUp": DEFAULT_MIXED,
            "RandAugment + MixUp": "RandAugment + synthetic + MixUp",
        }
        baselines = {method.name: method for method in self._baselines()}
        ours = {method.name: method for method in self._appending()}
        return tuple(
            EqualTime(f"{name} (equal time)", baselines[name].stages, reference=ours[reference])
            for name, reference in references.items()
        )

    def _generators(self) -> tuple[Method, ...]:
        return (
            *(Method(name, (), generator, "generator") for name, generator in GENERATORS.items()),
            *(
                Method(f"classical + {name}", (self._classical,), generator, "generator")
                for name, generator in GENERATORS.items()
            ),
        )


def _scheme_name(perturb: Perturbation) -> str:
    return type(perturb).__name__.lower()
