"""Short benchmark runs, and what a stage is fitted with, for the tests of the benchmark."""

from dataclasses import asdict

import torch

from vaeaug.bench.compare import compare
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.context import Context
from vaeaug.models.classifiers import as_classifier
from vaeaug.runtime import seeds

QUICK = Settings(steps=10, vae=(("steps", 10),))


def quick_compare(data="digits", **kwargs):
    """Returns the results of a benchmark of seconds."""
    return list(compare(data, **{"per_class": 5, "seeds": 1, "settings": QUICK, "progress": False, **kwargs}))


def without_seconds(results):
    """Returns results as dictionaries without the times; None for NaN, so that equal ones compare as equal."""
    return [
        {name: None if value != value else value for name, value in asdict(result).items() if "seconds" not in name}
        for result in results
    ]


def context_of(samples, augmenter=None, *, seed=0, settings=QUICK, classifier="cnn", train_data=None):
    """Returns a context, without a benchmark around it; by default it trains an augmenter when one is used."""
    context = Context(samples, seed, settings, as_classifier(classifier), train_data)
    if augmenter is not None:
        context.shared.get("augmenter", lambda: augmenter)
    return context


def one_hot(samples):
    return torch.nn.functional.one_hot(samples.y, len(samples.names)).float()


def linear_network(samples):
    """Returns an untrained network, the same one every time."""
    with seeds.forked(0):
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(samples.x[0].numel(), len(samples.names)))
