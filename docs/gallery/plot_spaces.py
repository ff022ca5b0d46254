"""
With and without a VAE
======================

The same scheme in the codes of a VAE, in principal components and in the pixels themselves. The latter two need no training.
They are the controls of every claim of this project, and a choice of their own.
"""

import matplotlib.pyplot as plt

import vaeaug

digits = vaeaug.data.subset(vaeaug.load("digits"), per_class=20)
spaces = {"VAE": None, "PCA": vaeaug.PCA(16), "pixels": vaeaug.Identity()}

figure, axes = plt.subplots(4, 8, figsize=(8, 4.4))
rows = {"real": digits.x[::20][:8]}
for name, space in spaces.items():
    training = {"progress": False} if space is None else {}
    augmenter = vaeaug.Augmenter(space).fit(digits, **training)
    rows[name] = augmenter.generate(8, near=digits.x[::20][:8], labels=digits.y[::20][:8], seed=3).x
for row, (name, images) in zip(axes, rows.items(), strict=True):
    row[0].set_title(name, loc="left", fontsize=9)
    for axis, image in zip(row, images, strict=True):
        axis.imshow(image[0], cmap="gray", vmin=0, vmax=1)
        axis.axis("off")
figure.tight_layout()
plt.show()
