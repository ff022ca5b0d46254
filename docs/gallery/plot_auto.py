"""
Let cross-validation choose
===========================

``augment="auto"`` compares no augmentation, cheap baselines and synthetic samples, with and without a VAE, inside the
training set. It takes the cheapest that is as good as the best within the noise.
"""

import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression

import vaeaug

train = vaeaug.data.subset(vaeaug.load("digits"), per_class=10)
classifier = vaeaug.AugmentedClassifier(LogisticRegression(max_iter=300), augment="auto", random_state=0)
classifier.fit(train.x.numpy(), train.y.numpy())
print(classifier.choice_.sentence)

scores = classifier.choice_.scores
plt.figure(figsize=(8, 0.4 * len(scores) + 0.8))
plt.errorbar([s.gain for s in scores], range(len(scores)), xerr=[s.error for s in scores], fmt="o")
plt.yticks(range(len(scores)), [s.name for s in scores], fontsize=8)
plt.axvline(0, color="black", linewidth=1)
plt.xlabel("gain over no augmentation in cross-validation, points, with one standard error")
plt.tight_layout()
plt.show()
