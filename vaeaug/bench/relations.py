"""What relates the methods of results: filled in for results of older versions, and the controls that a table lacks.

Results name the frame, the scheme and the space of their method. Those of older versions do not, so they are looked up in
the catalogue, by the name of the method.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from vaeaug.bench.analysis.controls import is_control
from vaeaug.bench.analysis.primary import IMAGE_CLASSIFIERS
from vaeaug.bench.methods import Catalogue
from vaeaug.bench.results import Result
from vaeaug.bench.stages.method import Method

SETS = {"digits": "images", "fashion-mnist": "images", "breast-cancer": "tabular", "wine": "tabular"}


def completed(results: Iterable[Result]) -> list[Result]:
    """Returns results with the kind of their data, and with the frame, the scheme and the space of their methods.

    Those that have them stay as they are. Of a method that the catalogue does not have, nothing is known.

    Arguments:
        results: Results of any runs, of this version or an older one.
    """
    results = list(results)
    by_classifier = {r.data: "images" for r in results if r.classifier in IMAGE_CLASSIFIERS}
    kinds = by_classifier | SETS | {r.data: r.data_kind for r in results if r.data_kind}

    def complete(result: Result) -> Result:
        kind = result.data_kind or kinds.get(result.data, "tabular")
        method = None if result.frame else _catalogued(result.data, kind == "images").get(result.method)
        known = {} if method is None else relations_of(method, result.steps > 0)
        return replace(result, data_kind=kind, **known)

    return [complete(result) for result in results]


def relations_of(method: Method, for_network: bool) -> dict[str, Any]:
    """Returns the fields of a result that tell which controls its method has.

    Arguments:
        method: The method.
        for_network: Whether a network is trained, not an estimator.
    """
    scheme = method.scheme(for_network)
    return {"frame": method.frame(for_network), "scheme": scheme, "space": method.sample_space}


def missing_controls(results: Sequence[Result], result: Result) -> tuple[str, ...]:
    """Returns the catalogue's controls of a result's method that were not run: those in another space before repetition.

    Arguments:
        results: All results of the table.
        result: A result of a method of ours.
    """
    catalogue = _catalogued(result.data, result.data_kind not in ("tabular", "signals"))
    own, for_network = catalogue.get(result.method), result.steps > 0
    if own is None:
        return ()
    case = (result.data, result.regime, result.classifier)
    present = {r.method for r in results if (r.data, r.regime, r.classifier) == case}
    of = replace(result, kind=own.kind, **relations_of(own, for_network))
    found = [
        other
        for method in catalogue.values()
        if method.name not in present
        and (for_network or not any(stage.networks_only for stage in method.stages))
        and is_control(
            other := replace(of, method=method.name, kind=method.kind, **relations_of(method, for_network)), of
        )
        and method.kind == "control"
    ]
    return tuple(r.method for r in sorted(found, key=lambda r: r.space == ""))


@cache
def _catalogued(data: str, images: bool) -> dict[str, Method]:
    return {method.name: method for method in Catalogue(data, images=images).all}
