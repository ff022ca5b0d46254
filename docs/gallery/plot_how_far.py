"""
How far is too far?
===================

``scale`` is how far the code of a sample moves. 0 returns the sample itself. With a large scale the label is lost: a teacher
that never saw the parent says how sure it still is.
"""

import matplotlib.pyplot as plt

import vaeaug
from vaeaug.perturb import Difference

digits = vaeaug.data.subset(vaeaug.load("digits"), per_class=30)
augmenter = vaeaug.Augmenter().fit(digits, progress=False)
teacher = vaeaug.CrossFitted.fit(digits, "forest", threshold=0.0)

scales = [0, 0.5, 1, 2, 4]
parents, labels = digits.x[::30][:8], digits.y[::30][:8]  # one of each class
figure, axes = plt.subplots(len(scales), 8, figsize=(8, 7.2))
for row, scale in zip(axes, scales, strict=True):
    perturb = Difference(scale, pairs_from="shrunk")
    near = augmenter.using(perturb=perturb).generate(8, near=parents, labels=labels, seed=1)
    many = augmenter.using(perturb=perturb, filter=teacher).generate(300, seed=1)
    for axis, image in zip(row, near.x, strict=True):
        axis.imshow(image[0], cmap="gray", vmin=0, vmax=1)
        axis.axis("off")
    row[0].set_title(f"scale {scale}: the teacher is {many.confidence.mean():.0%} sure of the label", loc="left")
figure.subplots_adjust(hspace=0.4)
plt.show()
