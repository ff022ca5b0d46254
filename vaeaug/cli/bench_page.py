"""The HTML report of vaeaug bench, with pictures of synthetic samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaeaug.augmenter import Augmenter
    from vaeaug.bench.results import Result
    from vaeaug.cli.bench_plan import Plan

PAGE = "report.html"


def write_page(plan: Plan, output: Path, results: Sequence[Result], overwrite: bool) -> Path | None:
    """Writes the HTML report and returns its path; None if the extra `report` is not installed."""
    try:
        from vaeaug.bench.report import page
    except ImportError:
        return None

    from vaeaug.bench.report import gallery, rows
    from vaeaug.perturb import DEFAULT

    settings = plan.settings
    augmenter = _first_augmenter(plan, output, results[0]).using(perturb=plan.perturb or DEFAULT)
    grids, table = ([], rows.rows_of(augmenter)) if plan.is_table else (gallery.gallery(augmenter), None)
    shared = {"perturbation": repr(plan.perturb) if plan.perturb else "each method's own", "space": plan.space}
    shared |= {name: value for name, value in asdict(settings).items() if name != "vae"}
    shared |= {f"VAE {name}": value for name, value in settings.vae}
    path, names = output / PAGE, {results[0].data: plan.train_data.names}
    page.write(path, results, grids, shared, rows=table, class_names=names, overwrite=overwrite)
    return path


def _first_augmenter(plan: Plan, output: Path, result: Result) -> Augmenter:
    """Returns the augmenter of a result's training subset: as `compare` saved its VAE, or fitted here."""
    from vaeaug.augmenter import Augmenter
    from vaeaug.bench.compare import augmenter_folder
    from vaeaug.bench.regimes import draw_subset
    from vaeaug.bench.stages.context import fit_augmenter

    folder = augmenter_folder(output, result.subset, plan.settings)
    if folder.exists() and plan.space == "vae":
        return Augmenter.load(folder)
    subset = draw_subset(plan.train_data, plan.regime, result.seed)
    return fit_augmenter(subset, result.seed, plan.settings, plan.space)
