"""Draws docs/images/perturbations/*.png: what each perturbation does to ten pictures, at three scales.

python benchmarks/perturbations.py
"""

from dataclasses import replace
from pathlib import Path

from vaeaug import Augmenter
from vaeaug.bench.report import gallery
from vaeaug.bench.report.figures import save_png
from vaeaug.data import load, subset
from vaeaug.perturb import PERTURBATIONS

OUT = Path(__file__).parents[1] / "docs" / "images" / "perturbations"
PER_CLASS, STEPS, SEED = 100, 3000, 0

if __name__ == "__main__":
    fitted = Augmenter().fit(subset(load("fashion-mnist"), PER_CLASS, SEED), steps=STEPS, seed=SEED)
    for name, scheme in PERTURBATIONS.items():
        scales = (0.25, 0.5, 1.0) if scheme.max_scale == 1 else (0.5, 1.0, 2.0)
        unit = fitted.using(perturb=replace(scheme(), scale=1.0))
        family, _ = gallery.gallery(unit, scales=scales, seed=SEED)
        save_png(family, OUT / f"{name.lower()}.png", overwrite=True)
