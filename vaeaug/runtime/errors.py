"""The errors and warnings of the library, and the checks of arguments that need neither torch nor numpy.

Every message about bad input names what was expected, what was passed and a remedy.
"""

from __future__ import annotations

import difflib
import math
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from numbers import Integral, Real
from typing import Any, NoReturn, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class InputError(ValueError):
    """Raised for input that cannot be used; the message names what was expected, what was passed and a remedy."""


def refuse(expected: str, got: Any, remedy: str) -> NoReturn:
    """Raises `InputError` with the message "expected ..., got ...; remedy".

    Arguments:
        expected: What the input should have been.
        got: What was passed instead.
        remedy: What the user can do about it.
    """
    raise InputError(f"expected {expected}, got {got}; {remedy}")


class Diverged(RuntimeError):
    """Raised when the loss is no longer a finite number."""


class ProcessLost(RuntimeError):
    """Raised in the remaining processes when another one has died or timed out."""


def warn(message: str) -> None:
    """Warns, and names the line outside of vaeaug that led to the warning, however deep the calls between are.

    Arguments:
        message: The text of the `UserWarning`.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("vaeaug."):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


def renamed(**names: str) -> Callable[[F], F]:
    """Creates a decorator of functions and classes that refuses old names of arguments with one clear error.

    Arguments:
        names: The new name of each argument, by its old name.
    """

    def decorate(function: Any) -> Any:
        if isinstance(function, type):
            function.__init__ = decorate(function.__init__)  # type: ignore[misc]
            return function

        @wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            for old in kwargs.keys() & names:
                refuse(f"the argument {names[old]}", f"{old}={kwargs[old]!r}", f"{old} is now called {names[old]}")
            return function(*args, **kwargs)

        return checked

    return decorate


def check_number(
    name: str, value: Any, low: float, high: float = float("inf"), *, whole: bool = False, above: bool = False
) -> None:
    """Checks that `value` is a finite number in [low, high], or in (low, high] if `above`.

    Arguments:
        name: The name of the argument in the message.
        value: The value to check.
        low, high: The bounds.
        whole: Whether only whole numbers are valid.
        above: Whether `low` itself is excluded.

    Raises:
        InputError: If `value` is no such number.
    """
    # numpy registers its scalar types as Integral and Real, so numpy itself is not needed here.
    is_number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    is_finite = is_number and (isinstance(value, Integral) or math.isfinite(value))
    if not is_finite or not low <= value <= high or (above and value == low):
        noun = "a whole number" if whole else "a finite number" if is_number and math.isinf(value) else "a number"
        end = f" to {high:g}" if high < float("inf") else "" if above else " up"
        bound = f"{'above' if above else 'from'} {low:g}{end}"
        refuse(f"{name} to be {noun} {bound}", repr(value), f"for example {name}={max(low, 1) if above else low:g}")


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Checks that `value` is one of `choices`.

    Raises:
        InputError: If it is not.
    """
    if value not in choices:
        expected = f"{name} to be one of {', '.join(map(str, choices))}"
        refuse(expected, repr(value), did_you_mean(value, choices) or "choose one of them")


def similar_names(name: Any, names: Iterable[Any], count: int = 3, cutoff: float = 0.6) -> list[str]:
    """Returns the names that are most similar, the nearest first; upper and lower case do not matter.

    Arguments:
        name: What was passed.
        names: The names that there are.
        count: The largest number of names to return.
        cutoff: How similar they must be, in 0..1, as `difflib.get_close_matches` measures it; 0 returns `count` names in any
            case.
    """
    by_lower: dict[str, str] = {}
    for other in map(str, names):
        by_lower.setdefault(other.lower(), other)
    return [by_lower[lower] for lower in difflib.get_close_matches(str(name).lower(), by_lower, count, cutoff)]


def did_you_mean(name: Any, names: Iterable[Any]) -> str:
    """Returns a remedy that names what is most similar, such as "did you mean cnn?"; empty if nothing is."""
    similar = similar_names(name, names)
    *others, last = similar or [""]
    return f"did you mean {', '.join(others)}{' or ' if others else ''}{last}?" if similar else ""


def check_utf8(name: str, texts: Sequence[str]) -> None:
    """Checks that texts can be written to files: names of files in another encoding than UTF-8 cannot.

    Arguments:
        name: What the texts are, for the message.
        texts: The texts.

    Raises:
        InputError: If one cannot be written.
    """
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError:
            refuse(f"{name} in UTF-8", ascii(text), "rename it, for example the folder that it comes from")
