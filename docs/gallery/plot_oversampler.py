"""
A rare class
============

:class:`~vaeaug.VAEOverSampler` fills a rare class of a table with synthetic rows, in a pipeline of imbalanced-learn. Here:
breast-cancer with 100 rows of one class and 10 of the other, and the share of each class that a forest recognises.
"""

import matplotlib.pyplot as plt
import numpy as np
from imblearn.pipeline import make_pipeline
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import recall_score

from vaeaug import VAEOverSampler

x, y = load_breast_cancer(return_X_y=True)
order = np.random.default_rng(0).permutation(len(y))
train = np.concatenate([order[y[order] == 1][:100], order[y[order] == 0][:10]])
test = np.setdiff1d(order, train)
forest = RandomForestClassifier(200, random_state=0)
models = {
    "alone": forest,
    "class weights": RandomForestClassifier(200, random_state=0, class_weight="balanced"),
    "VAEOverSampler": make_pipeline(VAEOverSampler(random_state=0), forest),
}
recalls = [
    100 * recall_score(y[test], m.fit(x[train], y[train]).predict(x[test]), average=None) for m in models.values()
]

plt.figure(figsize=(6, 3.5))
for shift, label, name in ((-0.2, 1, "frequent class"), (0.2, 0, "rare class")):
    plt.bar(np.arange(len(models)) + shift, [recall[label] for recall in recalls], 0.4, label=name)
plt.xticks(range(len(models)), models)
plt.ylabel("recognised %")
plt.legend(loc="lower right")
plt.show()
