"""
A random forest with few images
===============================

:class:`~vaeaug.AugmentedClassifier` trains a scikit-learn classifier on real and synthetic samples. Here: digits, ten per
class, five subsets. This is a look, not a benchmark; ``vaeaug bench`` compares with baselines and controls, too.
"""

import matplotlib.pyplot as plt
from sklearn.ensemble import RandomForestClassifier

import vaeaug

first, second = vaeaug.data.split(vaeaug.load("digits"))
test_x, test_y = second.x.numpy(), second.y.numpy()
accuracies = []
for seed in range(5):
    train = vaeaug.data.subset(first, per_class=10, seed=seed)
    x, y = train.x.numpy(), train.y.numpy()
    forest = RandomForestClassifier(100, random_state=seed)
    alone = forest.fit(x.reshape(len(x), -1), y).score(test_x.reshape(len(test_x), -1), test_y)
    augmented = vaeaug.AugmentedClassifier(forest, random_state=seed, steps=300).fit(x, y).score(test_x, test_y)
    accuracies.append((100 * alone, 100 * augmented))

plt.figure(figsize=(4, 4))
for pair in accuracies:
    plt.plot(["alone", "with synthetic samples"], pair, marker="o", color="C0")
plt.ylabel("test accuracy %")
plt.title("each line is one subset", fontsize=10)
plt.show()
