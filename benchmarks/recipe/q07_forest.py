"""Which synthetic samples improve a random forest most?

scikit-learn's random forest, 20 images per class, ten copies of each sample. No classical augmentation, which costs
the forest points.

Conclusion: two seeds. Differences within the class (scale 1 to 2) lead with 2.2 over *none*. Extrapolation of 1
follows with 1.9, PCA with the same extrapolation has 1.5, SMOTE 0.8: the difference between the VAE and the controls
is small. Too large a change (extrapolation of 4, or noise of 1.4 times the covariance) loses the gain, interpolation
and plain decoding lose half of it. Nothing reached +3.
"""

from dataclasses import replace

from log import Question, answer
from q02_schemes import Preserving

from vaeaug.bench.stages.baselines import SMOTE
from vaeaug.bench.stages.controls import PCAInsteadOfVAE
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Synthetic
from vaeaug.perturb import Covariance, Difference, Extrapolate, Interpolate, Posterior

BASE = Synthetic()
SCHEMES = {
    "extrapolate 0.5": Extrapolate(0.5),
    "extrapolate 1": Extrapolate(1.0),
    "extrapolate 2": Extrapolate(2.0),
    "extrapolate 4": Extrapolate(4.0),
    "interpolate 1": Interpolate(),
    "difference 1": Difference(),
    "difference 2": Difference(2.0),
    "difference 1, any class": Difference(1.0, pairs_from="any_class"),
    "covariance 0.7": Covariance(0.7),
    "covariance 1.4": Covariance(1.4),
    "posterior 3": Posterior(3.0),
    "preserving 0.5": Preserving(0.5),
}
ARMS = (
    Method("none", kind="baseline"),
    Method("SMOTE (10x)", resampler=SMOTE(factor=10), kind="baseline"),
    Method("PCA", (PCAInsteadOfVAE(BASE.perturb),), kind="control"),
    Method("PCA, covariance 1.4", (PCAInsteadOfVAE(Covariance(1.4)),), kind="control"),
    *(Method(name, (replace(BASE, perturb=scheme),)) for name, scheme in SCHEMES.items()),
    Method("extrapolate 1, not residual", (replace(BASE, residual=False),)),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, 20, range(2), classifiers=("forest",)),))
