"""
A map of the codes
==================

The first two principal components of the latent codes: real samples as dots, and the synthetic samples of one of them as
crosses. They stay near their parent, which is why an augmenter must be shared as its data would be.
"""

import matplotlib.pyplot as plt
import torch
from sklearn.decomposition import PCA

import vaeaug

digits = vaeaug.data.subset(vaeaug.load("digits"), per_class=40)
augmenter = vaeaug.Augmenter().fit(digits, progress=False)
synthetic = augmenter.generate(60, near=digits.x[:1], labels=digits.y[:1], seed=0).x
with torch.no_grad():
    real_codes = augmenter.vae_.encode(digits.x).mean
    synthetic_codes = augmenter.vae_.encode(synthetic).mean
components = PCA(2).fit(real_codes)
x, y = components.transform(real_codes).T

plt.figure(figsize=(7, 5))
for label, name in enumerate(digits.names):
    of_class = digits.y == label
    plt.scatter(x[of_class], y[of_class], s=12, color=f"C{label}", label=name)
plt.scatter(*components.transform(synthetic_codes).T, marker="x", color="black", s=24, label="synthetic")
plt.scatter(x[:1], y[:1], s=90, facecolors="none", edgecolors="black", label="their parent")
plt.legend(ncols=2, fontsize=8)
plt.xlabel("first component")
plt.ylabel("second component")
plt.show()
