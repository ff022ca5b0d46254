"""Whether samples are rows of a table, signals or images: told by their shape, or said by the user where that cannot tell.

Inside the library the number of axes says it: `(N, features)`, signals `(N, C, T)`, images `(N, C, H, W)`. At the doors grey
images come as `(N, H, W)`, too. So of samples with three axes, by default,

- `(N, C, T)` with C below 8 and T of 8 or more are signals: no image is that low;
- all others are grey images, but those that are four times as long as high, or as high as long, are refused unless they are
  uint8: twelve leads of an electrocardiogram look just like a narrow image. `kind="signals"` or `kind="images"` says it.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from vaeaug.data.images import SMALLEST_SIDE
from vaeaug.runtime import checks

AUTO, IMAGES, SIGNALS = "auto", "images", "signals"
KINDS = (AUTO, IMAGES, SIGNALS)
ELONGATED = 4  # images are hardly ever so many times as long as high


def are_signals(shape: Sequence[int], kind: str = AUTO, *, uint8: bool = False, name: str = "x") -> bool:
    """Returns whether samples are signals, `(N, C, T)`, or `(N, T)` with `kind="signals"`.

    Arguments:
        shape: The shape of the samples, with their number first.
        kind: `auto`, `images` or `signals`.
        uint8: Whether they are bytes, as grey images mostly are.
        name: What they are called in messages.

    Raises:
        InputError: If the shape fits both kinds alike, or not the one that was said.
    """
    checks.check_choice("kind", kind, KINDS)
    axes = len(shape)
    if kind == SIGNALS and axes not in (2, 3):
        checks.refuse(f"signals (N, C, T) or (N, T) in {name}", f"shape {tuple(shape)}", "reshape them")
    if kind == IMAGES and axes < 3:
        checks.refuse(f"images (N, H, W) or (N, C, H, W) in {name}", f"shape {tuple(shape)}", "leave kind out for rows")
    if kind != AUTO or axes != 3:
        return kind == SIGNALS
    first, second = shape[1:]
    if first < SMALLEST_SIDE <= second:
        return True
    low, high = min(first, second), max(first, second)
    if low >= SMALLEST_SIDE and high >= ELONGATED * low and not uint8:
        turned = f"signals have the time last, {name}.transpose(0, 2, 1); " if first > second else ""
        remedy = f"{turned}pass kind='signals' (--kind signals) for signals (N, C, T), or kind='images' for images"
        checks.refuse(f"samples whose kind the shape tells in {name}", f"shape {tuple(shape)}", remedy)
    return False


def kind_like(event_shape: Sequence[int]) -> str:
    """Returns the kind to read samples as that have to be like others, whose event shape is known."""
    return {2: SIGNALS, 3: IMAGES}.get(len(event_shape), AUTO)


def with_channels(x: Tensor, signals: bool) -> Tensor:
    """Returns samples with their axis of channels: grey images `(N, 1, H, W)`, signals of one channel `(N, 1, T)`."""
    lacks = x.ndim == (2 if signals else 3)
    return x[:, None] if lacks else x
