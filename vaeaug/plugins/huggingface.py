"""A data collator for the Trainer of Hugging Face's `transformers`: batches with synthetic samples.

`Augmenter.fit` reads the datasets of `datasets` itself; see `vaeaug.data.huggingface`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
from torch import distributed
from torch.utils.data import default_collate, get_worker_info

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.data.images import PIL_MODES
from vaeaug.perturb.bank import Bank
from vaeaug.plugins.torch.replacement import Replacement, check_add_or_replace, check_augmenter
from vaeaug.runtime import checks, seeds

# The methods of a Trainer that read batches to judge a model, not to train it.
EVALUATIONS = ("evaluate", "predict", "evaluation_loop", "prediction_loop")
PROBE_SIDE = 64  # pixels of the images that a processor is asked about; it resizes them
PROBE = (51, 102, 204, 153)  # the channels of one of them
TOLERANCE = 0.02  # of the range of its values


class AugmentedCollator:
    """Wraps a data collator: adds synthetic samples to every training batch, or replaces some of its samples.

    For `transformers.Trainer(data_collator=...)`, or as `collate_fn` of a training DataLoader. By default three synthetic
    samples of each real one are added at the end of the batch, with its label, as by `AugmentedLoader`; so
    `per_device_train_batch_size` counts the real samples. A Trainer has one collator for training and evaluation: while it
    evaluates or predicts, batches stay as they are.

    Call n is seeded by (seed, n), in a worker also by the loader's seed of the worker, and by the rank in a distributed
    training. So a run is reproducible, and the global random state is neither read nor changed.

    Arguments:
        augmenter: A fitted augmenter. In workers its VAE must be on the CPU.
        collator: The collator to wrap: a function from a list of items to a batch; by default that of the Trainer,
            `transformers.default_data_collator`.
        add: The number of synthetic samples per sample to add; by default 3 unless `replace` is given.
        replace: The fraction of the samples to replace, in 0..1.
        seed: The seed of everything random.
        processor: The image processor that the `pixel_values` come from. If the augmenter was fitted to images in 0..1, its
            rescaling and normalisation are undone before synthetic samples are generated, and done again. If it was fitted to
            `pixel_values`, nothing has to be undone. Any other range is refused.
        normalize: See `AugmentedLoader`; instead of `processor`.
        labels_getter, images_getter: See `AugmentedLoader`; they receive the batch.

    Raises:
        InputError: If a setting is invalid; at a call, if the batch has no labels, soft labels, or no samples of the shape
            and range seen at fit.
        NotFittedError: If the augmenter is not fitted.

    Example:
        >>> import torch
        >>> augmenter = Augmenter().fit("digits", steps=20, progress=False)
        >>> samples = augmenter.bank_.samples
        >>> items = [{"pixel_values": x, "labels": int(y)} for x, y in zip(samples.x[:16], samples.y[:16])]
        >>> batch = AugmentedCollator(augmenter, torch.utils.data.default_collate, add=3)(items)
        >>> batch["pixel_values"].shape, batch["labels"].shape
        (torch.Size([64, 1, 8, 8]), torch.Size([64]))
    """

    def __init__(
        self,
        augmenter: Augmenter,
        collator: Callable[..., Any] | None = None,
        *,
        add: int | None = None,
        replace: float | None = None,
        seed: int = 0,
        processor: Any = None,
        normalize: Any = None,
        labels_getter: Any = "default",
        images_getter: Any = None,
    ) -> None:
        check_augmenter(augmenter)
        add = check_add_or_replace(replace, add)
        if replace is not None:
            checks.check_number("replace", replace, 0, 1)
        checks.check_number("seed", seed, 0, whole=True)
        if collator is not None and not callable(collator):
            remedy = "pass a function, for example transformers.default_data_collator"
            checks.refuse("a collator: a function from items to a batch", type(collator).__name__, remedy)
        if processor is not None:
            if normalize is not None:
                checks.refuse("either processor or normalize", "both", "leave normalize out")
            normalize = normalization(processor, augmenter.bank_)
        self.augmenter, self.add, self.replace, self.seed = augmenter, add, replace, seed
        self.collator = _default_collator() if collator is None else collator
        self._replacement = Replacement(
            augmenter, normalize, labels_getter=labels_getter, images_getter=images_getter, add=add
        )
        self._calls, self._rank, self._evaluates = 0, 0, False

    def __call__(self, features: Any, **settings: Any) -> Any:
        """Returns the batch of items, with synthetic samples unless a Trainer evaluates.

        Arguments:
            features: The items, as the wrapped collator takes them.
            settings: Arguments of the wrapped collator.
        """
        batch = self.collator(features, **settings)
        if self._evaluates or _is_evaluated():
            return batch
        worker, rank = get_worker_info(), self._current_rank()
        stream = [0, self._calls] if worker is None else [1, worker.seed, self._calls]
        self._calls += 1
        seed = seeds.derive(self.seed, *stream, *([rank] if rank else []))
        fraction = 1.0 if self.replace is None else self.replace
        return self._replacement(batch, fraction, seed, collated=_stacks_items(self.collator))

    def __getattr__(self, name: str) -> Any:
        # Called for attributes that this object lacks, such as `tokenizer`; without a collator it is being unpickled.
        if name.startswith("__") or "collator" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.collator, name)

    def __getstate__(self) -> dict[str, Any]:
        # A worker that is spawned has neither this process's rank nor its stack.
        return self.__dict__ | {"_rank": self._current_rank(), "_evaluates": self._evaluates or _is_evaluated()}

    def __repr__(self) -> str:
        mode = f"replace={self.replace!r}" if self.add is None else f"add={self.add}"
        return f"AugmentedCollator({self.augmenter!r}, {self.collator!r}, {mode}, seed={self.seed})"

    def _current_rank(self) -> int:
        return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else self._rank


def normalization(processor: Any, bank: Bank) -> tuple[list[float], list[float]] | None:
    """Returns the `(mean, std)` by which a processor maps images in 0..1 to those of its range; None if nothing is to undo.

    The processor is asked, by images of one colour: so what it does counts, and not the names of its settings.

    Arguments:
        processor: An image processor, or a processor that holds one.
        bank: The bank of the augmenter: of images in 0..1, or of images as the processor returns them.

    Raises:
        InputError: If the processor changes pixels in another way, or if the bank's images are in neither range.
    """
    if len(bank.samples.event_shape) != 3 or bank.samples.event_shape[0] not in PIL_MODES:
        got = f"samples of shape {bank.samples.event_shape}"
        checks.refuse("images with a processor", got, "leave processor out")
    channels = bank.samples.event_shape[0]
    black, white, probe = (_processed(processor, c) for c in ((0,) * channels, (255,) * channels, PROBE[:channels]))
    width = white - black
    expected = black + width * np.asarray(PROBE[:channels]) / 255
    if not (width > 0).all() or np.abs(probe - expected).max() > TOLERANCE * width.min():
        _refuse_processor("images whose values it does not rescale linearly, channel by channel")
    low, high = bank.scaling.low[0], bank.scaling.high[0]
    if bank.scaling.is_unit:
        is_same = max(np.abs(black).max(), np.abs(white - 1).max()) < 1e-6
        return None if is_same else ((-black / width).tolist(), (1 / width).tolist())
    slack = TOLERANCE * width.max()
    if low < black.min() - slack or high > white.max() + slack:
        expected_range = f"0..1, or {black.min():.3g}..{white.max():.3g} as the processor returns them"
        checks.refuse(
            f"an augmenter fitted to images in {expected_range}",
            f"one of images in {low:.3g}..{high:.3g}",
            "fit it to the dataset that the Trainer gets, or to images in 0..1",
        )
    return None


def _processed(processor: Any, color: tuple[int, ...]) -> np.ndarray:
    """Returns the value of each channel, `(C,)`, that a processor makes of an image of one color."""
    from PIL import Image

    image = Image.new(PIL_MODES[len(color)], (PROBE_SIDE, PROBE_SIDE), color if len(color) > 1 else color[0])
    try:
        output = getattr(processor, "image_processor", processor)(images=[image], return_tensors="np")
        values = np.asarray(output["pixel_values"], dtype=np.float64)
    except Exception as error:  # what processors raise is open
        _refuse_processor(f"{type(processor).__name__} ({type(error).__name__}: {error})")
    if values.ndim != 4 or values.shape[:2] != (1, len(color)):
        _refuse_processor(f"pixel_values of shape {values.shape} for one image of {len(color)} channels")
    low, high = values[0].min((1, 2)), values[0].max((1, 2))
    if (high - low > TOLERANCE * np.maximum(1, np.abs(high))).any():
        _refuse_processor("an image of one color that it returns in several")
    return values[0].mean((1, 2))


def _refuse_processor(got: str) -> None:
    remedy = "fit the augmenter to the pixel_values and leave processor out, or pass normalize=(mean, std)"
    checks.refuse("an image processor that rescales and normalizes", got, remedy)


def _is_evaluated() -> bool:
    """Returns whether a Trainer of transformers reads this batch to evaluate or to predict.

    A Trainer has one collator for training and evaluation, and does not tell it which of them runs; only the stack of calls
    does. A worker that is forked has the stack of the process that forked it.
    """
    module = sys.modules.get("transformers.trainer")
    if module is None:
        return False
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name in EVALUATIONS and isinstance(frame.f_locals.get("self"), module.Trainer):
            return True
        frame = frame.f_back
    return False


def _default_collator() -> Callable[..., Any]:
    try:
        from transformers import default_data_collator
    except ImportError:
        remedy = "pip install 'vaeaug[transformers]', or pass collator=torch.utils.data.default_collate"
        checks.refuse("the package transformers, or a collator", "neither", remedy)
    return default_data_collator


def _stacks_items(collator: Any) -> bool:
    """Returns whether a collator stacks all fields of the items, so that each field has one entry per item."""
    if collator is default_collate:
        return True
    name = getattr(collator, "__name__", type(collator).__name__)
    module = getattr(collator, "__module__", "")
    defaults = ("default_data_collator", "torch_default_data_collator", "DefaultDataCollator")
    return module == "transformers.data.data_collator" and name in defaults
