"""
A pool without labels
=====================

Unlabelled samples train the VAE, and those near a labelled sample that look like its class become starting points.
"""

import matplotlib.pyplot as plt

import vaeaug

first, second = vaeaug.data.split(vaeaug.load("digits"))
labelled = vaeaug.data.subset(first, per_class=5)
augmenter = vaeaug.Augmenter().fit(labelled, unlabelled=second.x, progress=False)
pool = augmenter.bank_.pseudo_labelled
print(f"{len(pool)} of {len(second)} unlabelled samples are used")

figure, axes = plt.subplots(5, 10, figsize=(9, 5))
for label in range(10):
    generated = augmenter.generate(4, labels=label, seed=label).x
    images = [labelled.x[labelled.y == label][0], *generated]
    for axis, image in zip(axes[:, label], images, strict=True):
        axis.imshow(image[0], cmap="gray", vmin=0, vmax=1)
        axis.axis("off")
figure.suptitle("first row: labelled; other rows: synthetic samples, some of them of unlabelled ones")
plt.show()
