"""Results that no benchmark has run, for the tests of what is computed from results."""

from dataclasses import replace

from vaeaug.bench.results import Result

RESULT = Result(
    data="digits",
    regime="5",
    classifier="cnn",
    method="none",
    kind="baseline",
    seed=0,
    accuracy=0.5,
    balanced_accuracy=0.5,
    macro_f1=0.5,
    mcc=0.0,
    steps=10,
    train_seconds=1.0,
    vae_seconds=0.0,
    samples=50,
    subset="abc",
    setup="def",
    confusion="1 1/1 1",
)
KINDS = {
    **dict.fromkeys(("none", "classical", "MixUp", "classical + MixUp", "SMOTE"), "baseline"),
    "synthetic (PCA)": "control",
    "pythae VAE": "generator",
}


def kind_of(method):
    return KINDS.get(method, "ours")


def results_of(accuracies=None, /, **more):
    """Results of each method, one per seed, from its accuracies in percent; the confusion matrix differs if they do."""
    return [
        replace(
            RESULT, method=method, kind=kind_of(method), seed=seed, accuracy=value / 100, confusion=f"{value} 1/1 1"
        )
        for method, values in {**(accuracies or {}), **more}.items()
        for seed, value in enumerate(values)
    ]


def results_by_size(**levels):
    """Results of each method at 10, 20 and 40 samples per class, with five seeds a tenth of a point apart."""
    return [
        replace(result, regime=str(size))
        for method, means in levels.items()
        for size, mean in zip((10, 20, 40), means, strict=True)
        for result in results_of({method: [mean - 0.2, mean - 0.1, mean, mean + 0.1, mean + 0.2]})
    ]
