"""Data augmentation for classifiers with a variational autoencoder.

Names are imported when they are first used, so `import vaeaug` is cheap and loads neither torch nor the benchmark.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vaeaug._version import __version__

if TYPE_CHECKING:
    from vaeaug.auditing import audit
    from vaeaug.augmenter import Augmenter, Generated
    from vaeaug.bench.compare import compare
    from vaeaug.bench.tuning.search import tune
    from vaeaug.data import load
    from vaeaug.data.classical import Classical
    from vaeaug.explorer import explore
    from vaeaug.filters import Confident, CrossFitted
    from vaeaug.models.fitting import fit_vae
    from vaeaug.models.spaces import PCA, Identity
    from vaeaug.models.vae import VAE
    from vaeaug.perturb import Covariance, Difference, Extrapolate, Interpolate, Posterior, Prior
    from vaeaug.plugins.huggingface import AugmentedCollator
    from vaeaug.plugins.imblearn import VAEOverSampler
    from vaeaug.plugins.sklearn import AugmentedClassifier
    from vaeaug.plugins.torch import AugmentedDataset, AugmentedLoader, SyntheticDataset, VAEAugment
    from vaeaug.runtime.errors import Diverged, InputError

# Where each public name lives.
_HOMES = {
    "VAE": "models.vae",
    "AugmentedClassifier": "plugins.sklearn",
    "AugmentedCollator": "plugins.huggingface",
    "AugmentedDataset": "plugins.torch",
    "AugmentedLoader": "plugins.torch",
    "Augmenter": "augmenter",
    "Classical": "data.classical",
    "Confident": "filters",
    "Covariance": "perturb",
    "CrossFitted": "filters",
    "Difference": "perturb",
    "Diverged": "runtime.errors",
    "Extrapolate": "perturb",
    "Generated": "augmenter",
    "Identity": "models.spaces",
    "InputError": "runtime.errors",
    "Interpolate": "perturb",
    "PCA": "models.spaces",
    "Posterior": "perturb",
    "Prior": "perturb",
    "SyntheticDataset": "plugins.torch",
    "VAEAugment": "plugins.torch",
    "VAEOverSampler": "plugins.imblearn",
    "audit": "auditing",
    "compare": "bench.compare",
    "explore": "explorer",
    "fit_vae": "models.fitting",
    "load": "data",
    "tune": "bench.tuning.search",
}
_FOLDERS = (
    "auditing",
    "augmenter",
    "bench",
    "choice",
    "cli",
    "data",
    "explorer",
    "export",
    "filters",
    "models",
    "pages",
    "perturb",
    "plugins",
    "runtime",
)

__all__ = [
    "PCA",
    "VAE",
    "AugmentedClassifier",
    "AugmentedCollator",
    "AugmentedDataset",
    "AugmentedLoader",
    "Augmenter",
    "Classical",
    "Confident",
    "Covariance",
    "CrossFitted",
    "Difference",
    "Diverged",
    "Extrapolate",
    "Generated",
    "Identity",
    "InputError",
    "Interpolate",
    "Posterior",
    "Prior",
    "SyntheticDataset",
    "VAEAugment",
    "VAEOverSampler",
    "__version__",
    "audit",
    "compare",
    "explore",
    "fit_vae",
    "load",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f"vaeaug.{_HOMES[name]}"), name)
    elif name in _FOLDERS:
        value = import_module(f"vaeaug.{name}")
    else:
        raise AttributeError(f"module 'vaeaug' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_FOLDERS})
