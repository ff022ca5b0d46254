"""
The perturbations side by side
==============================

The same eight parents, and a synthetic sample of each by every perturbation. :class:`~vaeaug.Difference` is the default.
"""

import matplotlib.pyplot as plt

import vaeaug
from vaeaug.perturb import Covariance, Difference, Extrapolate, Interpolate, Posterior, Prior

digits = vaeaug.data.subset(vaeaug.load("digits"), per_class=20)
augmenter = vaeaug.Augmenter().fit(digits, progress=False)
perturbations = [Difference(), Extrapolate(), Interpolate(), Covariance(), Posterior(), Prior()]

figure, axes = plt.subplots(len(perturbations) + 1, 8, figsize=(8, 7))
rows = {"real": digits.x[::20][:8]}
for perturb in perturbations:
    generated = augmenter.using(perturb=perturb).generate(8, near=digits.x[::20][:8], labels=digits.y[::20][:8], seed=2)
    rows[type(perturb).__name__] = generated.x
for row, (name, images) in zip(axes, rows.items(), strict=True):
    row[0].set_title(name, loc="left", fontsize=9)
    for axis, image in zip(row, images, strict=True):
        axis.imshow(image[0], cmap="gray", vmin=0, vmax=1)
        axis.axis("off")
figure.tight_layout()
plt.show()
