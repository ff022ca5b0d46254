"""Under the strongest cheap baseline, RandAugment with MixUp: what do synthetic samples add, and is it the VAE that adds it?

Small CNN, 10 and 20 images per class, six development seeds. Every method ends with RandAugment of magnitude 3 (see q20) and
MixUp. Three copies of every image join the batch: *repeated*, the same image, which only RandAugment changes; *VAE*, the
default scheme; *identity* and *PCA*, the same scheme in pixels and in 16 principal components; *half and half*, random halves
from the VAE and from pixels. *1 of 4* appends one copy, the one of four with the highest loss.

Conclusion: synthetic samples add to this baseline, and it is not the VAE that adds it. At 10 per class they add 0.6 points
with the VAE (interval through zero), 0.7 in pixels and 0.9 in principal components; at 20 they add 0.7, 1.0 and 1.0.
Repeating adds 0.2 and 0.3. Half and half adds 0.8 and 0.9, no more than either space alone. One copy, the hardest of four,
does no better. Principal components need no training and lead at both sizes, so they are the recipe for 20 images per class
or fewer, frozen on 2026-11-25 and judged on seeds 200 to 209. Other sizes are open.
"""

from log import Question, answer

from vaeaug.bench.stages.base import Stage
from vaeaug.bench.stages.baselines import Mix, PolicyAugmentation
from vaeaug.bench.stages.controls import IdentityInsteadOfVAE, PCAInsteadOfVAE, Unchanged
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Alternate, Append, Synthetic
from vaeaug.data.policies import RandAugment
from vaeaug.perturb import DEFAULT

POLICY = PolicyAugmentation(RandAugment(2, 3))


def with_policy(name: str, *stages: Stage, kind: str = "ours") -> Method:
    """Returns the method of these stages, followed by RandAugment and MixUp."""
    return Method(name, (*stages, POLICY, Mix()), kind=kind)


VAE, PIXELS, COMPONENTS = (space(DEFAULT, replace=1.0) for space in (Synthetic, IdentityInsteadOfVAE, PCAInsteadOfVAE))
METHODS = (
    with_policy("RandAugment + MixUp", kind="baseline"),
    with_policy("repeated", Append(Unchanged()), kind="control"),
    with_policy("VAE", Append(VAE)),
    with_policy("identity", Append(PIXELS), kind="control"),
    with_policy("PCA", Append(COMPONENTS), kind="control"),
    with_policy("half and half", Append(Alternate(VAE, PIXELS))),
    with_policy("VAE, 1 of 4", Append(Synthetic(DEFAULT, 1.0, hardest_of=4), 1)),
    with_policy("identity, 1 of 4", Append(IdentityInsteadOfVAE(DEFAULT, 1.0, hardest_of=4), 1), kind="control"),
)

if __name__ == "__main__":
    answer(__file__, (Question(METHODS, 10, range(6)), Question(METHODS, 20, range(6))))
