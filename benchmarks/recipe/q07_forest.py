"""Which children does a random forest learn most from?

scikit-learn's random forest, 20 images per class, ten copies of each sample. No classical augmentation: it costs the
forest points.

Conclusion: to be written from the rows.
"""

from dataclasses import replace

from log import Question, answer
from q02_schemes import Preserving
from q03_vae import Trained

from vaeaug.arms import Arm
from vaeaug.controls import Components
from vaeaug.perturb import Covariance, Difference, Extrapolate, Interpolate, Posterior
from vaeaug.rivals import Smote
from vaeaug.stages import Synthetic

BASE = Synthetic()
SCHEMES = {
    "extrapolate 0.5": Extrapolate(0.5),
    "extrapolate 1": Extrapolate(1.0),
    "extrapolate 2": Extrapolate(2.0),
    "extrapolate 4": Extrapolate(4.0),
    "interpolate 1": Interpolate(),
    "difference 1": Difference(),
    "difference 2": Difference(2.0),
    "difference 1, any class": Difference(1.0, donors="any"),
    "covariance 0.7": Covariance(0.7),
    "covariance 1.4": Covariance(1.4),
    "posterior 3": Posterior(3.0),
    "preserving 0.5": Preserving(0.5),
}
ARMS = (
    Arm("none"),
    Arm("smote", growth=Smote(factor=10)),
    Arm("pca", (Components(BASE.perturb),)),
    Arm("pca, covariance 1.4", (Components(Covariance(1.4)),)),
    *(Arm(name, (replace(BASE, perturb=scheme),)) for name, scheme in SCHEMES.items()),
    Arm("extrapolate 1, not residual", (replace(BASE, residual=False),)),
    *(
        Arm(f"extrapolate 2, {name}", (Trained(Extrapolate(2.0), settings=settings),))
        for name, settings in {
            "1,200 steps": (("steps", 1200),),
            "32 latent numbers": (("latent", 32),),
            "beta 0.3": (("beta", 0.3),),
            "fully connected": (("body", "mlp"),),
        }.items()
    ),
)

if __name__ == "__main__":
    answer(__file__, (Question(ARMS, 20, range(5), classifier=("forest",)),))
