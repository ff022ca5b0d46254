"""
Rows of a mixed table
=====================

Words, booleans, whole numbers and missing cells stay what they are. Changed cells are coloured.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import vaeaug

rng = np.random.default_rng(0)
size = 200
age = rng.integers(18, 80, size)
customers = pd.DataFrame(
    {
        "age": age,
        "income": np.where(rng.random(size) < 0.2, np.nan, (age * 40 + rng.normal(0, 300, size)).round(2)),
        "city": rng.choice(["Rome", "Oslo", "Lima"], size),
        "paperless": rng.random(size) < 0.5,
    }
)
leaves = np.where(age < 35, "yes", "no")
augmenter = vaeaug.Augmenter().fit(customers, leaves, progress=False)
rows, _, parent, _ = augmenter.generate(6, labels="yes", seed=0)
parents = customers.iloc[parent.numpy()].reset_index(drop=True)
print(rows)

changed = (rows != parents) & ~(rows.isna() & parents.isna())
cells = [[f"{parents.iat[i, j]} → {rows.iat[i, j]}" if changed.iat[i, j] else f"{rows.iat[i, j]}" for j in range(4)]
         for i in range(len(rows))]  # fmt: skip
colours = np.where(changed, "#ffe0b0", "white")
figure, axis = plt.subplots(figsize=(8, 2.2))
axis.axis("off")
axis.table(cells, cellColours=colours, colLabels=list(rows.columns), loc="center")
plt.show()
