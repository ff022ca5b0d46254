"""
A batch of the loader
=====================

:class:`~vaeaug.AugmentedLoader` adds synthetic samples to every batch of your DataLoader. The real ones come first.
"""

import matplotlib.pyplot as plt
from torch.utils.data import DataLoader, TensorDataset

import vaeaug

digits = vaeaug.data.subset(vaeaug.load("digits"), per_class=20)
augmenter = vaeaug.Augmenter().fit(digits, progress=False)
loader = DataLoader(TensorDataset(digits.x, digits.y), batch_size=8, shuffle=True)
images, labels = next(iter(vaeaug.AugmentedLoader(loader, augmenter, add=3)))
print(images.shape, labels.shape)

figure, axes = plt.subplots(4, 8, figsize=(8, 4.2))
for axis, image, label in zip(axes.flat, images, labels, strict=True):
    axis.imshow(image[0], cmap="gray", vmin=0, vmax=1)
    axis.set_title(digits.names[label], fontsize=8)
    axis.axis("off")
figure.suptitle("first row: real samples; other rows: synthetic ones")
plt.show()
