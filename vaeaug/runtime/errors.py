"""Errors, and the checks of arguments that need neither torch nor numpy: what was expected, what came, what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from numbers import Integral, Real
from typing import Any, NoReturn, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class InputError(ValueError):
    """Raised for input that cannot be used; the message says what was expected, what came and what to do."""


def refuse(expected: str, got: Any, remedy: str) -> NoReturn:
    """Raises the one error that bad input gets."""
    raise InputError(f"expected {expected}, got {got}; {remedy}")


class Diverged(RuntimeError):
    """Raised when the loss is no longer a finite number."""


class ProcessLost(RuntimeError):
    """Raised in the remaining processes when another one has died or timed out."""


def renamed(**names: str) -> Callable[[F], F]:
    """Creates a decorator of functions and classes that answers an argument's old name with one clear error.

    Arguments:
        names: The new name by the old one.
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
    """Checks that `value` is a number in [low, high], or in (low, high] when `above`."""
    # numpy's numbers are registered as these, so numpy is not imported for them.
    kind = Integral if whole else Real
    right = isinstance(value, kind) and not isinstance(value, bool)
    if not right or not low <= value <= high or (above and value == low):
        noun = "a whole number" if whole else "a number"
        end = f" to {high:g}" if high < float("inf") else "" if above else " up"
        bound = f"{'above' if above else 'from'} {low:g}{end}"
        refuse(f"{name} to be {noun} {bound}", repr(value), f"pass {name}={max(low, 1) if above else low:g}, say")


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Checks that `value` is among `choices`."""
    if value not in choices:
        refuse(f"{name} to be one of {', '.join(map(str, choices))}", repr(value), "choose one of them")
