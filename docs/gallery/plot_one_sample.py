"""
Synthetic samples of one image
==============================

One handwritten digit, eight synthetic samples of it, and what changed. Red pixels became brighter, blue ones darker.
"""

import matplotlib.pyplot as plt

import vaeaug

digits = vaeaug.data.subset(vaeaug.load("digits"), per_class=20)
augmenter = vaeaug.Augmenter().fit(digits, progress=False)
parent = digits.x[3:4]
synthetic, labels, *_ = augmenter.generate(8, near=parent, labels=digits.y[3:4], seed=0)

figure, axes = plt.subplots(2, 9, figsize=(9, 2.2))
axes[0, 0].imshow(parent[0, 0], cmap="gray")
axes[0, 0].set_title("real")
for column, image in enumerate(synthetic, 1):
    axes[0, column].imshow(image[0], cmap="gray", vmin=0, vmax=1)
    axes[1, column].imshow((image - parent[0])[0], cmap="RdBu_r", vmin=-1, vmax=1)
for axis in axes.flat:
    axis.axis("off")
figure.suptitle(f"synthetic samples of a {digits.names[labels[0]]}, and the change")
plt.show()
