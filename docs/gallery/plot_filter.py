"""
A filter rejects what lost its label
====================================

Far perturbations lose labels. :class:`~vaeaug.CrossFitted` teachers, none of which saw the parent, reject such samples.
"""

import matplotlib.pyplot as plt

import vaeaug

digits = vaeaug.data.subset(vaeaug.load("digits"), per_class=30)
far = vaeaug.Difference(3.0, pairs_from="any_class")
augmenter = vaeaug.Augmenter(perturb=far).fit(digits, progress=False)
teacher = vaeaug.CrossFitted.fit(digits, "forest", threshold=0.3)
without = augmenter.generate(500, seed=0)
with_filter = augmenter.using(filter=teacher).generate(500, seed=0)
confidence = teacher.for_parents(digits.x[without.parent])(without.x, without.y).confidence

plt.figure(figsize=(6, 3.5))
plt.hist([confidence.numpy(), with_filter.confidence.numpy()], bins=20, label=["without filter", "with filter"])
plt.axvline(0.3, color="black", linewidth=1)
plt.xlabel("confidence of the teachers in the label")
plt.ylabel("synthetic samples")
plt.legend()
plt.show()
