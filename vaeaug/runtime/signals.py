"""Ctrl-C and SIGTERM: both end a call in order, at a moment when nothing is lost.

Python turns Ctrl-C into `KeyboardInterrupt`. Inside `terminable`, SIGTERM becomes `Terminated`, so that files are cleaned up
in the same way. Inside `deferred`, both wait until the caller asks for them.
"""

from __future__ import annotations

import atexit
import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar
from weakref import WeakSet

T = TypeVar("T")
_unfinished: WeakSet[Generator[Any, None, None]] = WeakSet()

TERMINATED = 128 + signal.SIGTERM  # what a shell reports of a process that SIGTERM has ended


class Terminated(SystemExit):
    """Raised where SIGTERM has asked the process to end; Python then exits with code 143.

    Arguments:
        note: What is kept, and how to go on.
    """

    def __init__(self, note: str = "") -> None:
        super().__init__(TERMINATED)
        self.note = note


def _raise_terminated(number: int, frame: Any) -> NoReturn:
    raise Terminated


def _in_main_thread() -> bool:
    # Python runs handlers in the main thread only, and lets no other thread set them.
    return threading.current_thread() is threading.main_thread()


@contextmanager
def terminable() -> Iterator[None]:
    """Turns SIGTERM into `Terminated` inside the block, unless the program has a handler of its own."""
    if not _in_main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Interrupts:
    """The signals that were deferred; true if there are any."""

    def __init__(self) -> None:
        self.received: list[int] = []

    def __bool__(self) -> bool:
        return bool(self.received)

    def deliver(self, note: str = "") -> None:
        """Raises `Terminated` or `KeyboardInterrupt` if a signal was deferred.

        Arguments:
            note: What is kept, and how to go on.
        """
        if signal.SIGTERM in self.received:
            raise Terminated(note)
        if self.received:
            raise KeyboardInterrupt(*filter(None, [note]))


@contextmanager
def deferred(enabled: bool = True) -> Iterator[Interrupts]:
    """Defers Ctrl-C and SIGTERM inside the block and yields them, for the caller to `deliver`. A second one acts immediately.

    Signals that the program ignores, or whose action is not Python's to take, are left alone.

    Arguments:
        enabled: Whether to defer at all.
    """
    interrupts = Interrupts()
    handlers: dict[signal.Signals, Any] = {}
    if enabled and _in_main_thread():
        interrupt, terminate = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        handlers = {signal.SIGINT: interrupt} if callable(interrupt) else {}
        if terminate is signal.SIG_DFL or terminate is _raise_terminated:
            handlers[signal.SIGTERM] = terminate

    def defer(number: int, frame: Any) -> None:
        if interrupts and number == signal.SIGTERM:
            raise Terminated
        if interrupts:
            handlers[signal.SIGINT](number, frame)
        interrupts.received.append(number)

    try:
        for number in handlers:
            signal.signal(number, defer)
        yield interrupts
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def close_at_exit(results: Generator[T, None, None]) -> Generator[T, None, None]:
    """Returns a generator that is closed before Python ends, even if somebody holds it until then, unfinished."""
    _unfinished.add(results)
    return results


@atexit.register
def _close_unfinished() -> None:
    for results in list(_unfinished):
        results.close()
