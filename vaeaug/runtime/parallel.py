"""Work spread over processes, such that what is computed does not depend on how many there are."""

from __future__ import annotations

import pickle
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from queue import Empty
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from vaeaug.runtime import checks

LOOK = 1.0  # seconds between looks at whether a process has failed


@contextmanager
def one_thread() -> Iterator[None]:
    """Computes on one thread inside the block: sums are then always made in the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def check_picklable(name: str, thing: Any) -> None:
    """Checks that other processes can be handed a thing of the user's.

    Raises:
        InputError: If they cannot.
    """
    # What was defined at a prompt or in a notebook is pickled by a name that no other process knows.
    typed_in = getattr(thing, "__module__", "") == "__main__" and not hasattr(sys.modules["__main__"], "__file__")
    try:
        pickle.dumps(thing)
    except Exception as error:
        refused = f"{name} ({error})"
    else:
        refused = f"{name}, defined in a session" if typed_in else ""
    if refused:
        checks.refuse("what other processes can import", refused, "define it at the top of a module, or use jobs=1")


def map_in_processes(work: Callable[[Any], Iterator[Any]], items: Sequence[Any], jobs: int) -> Iterator[Any]:
    """Yields what `work` yields for each item, as it comes; every result is computed on one thread.

    Arguments:
        work: A function of a module, or a partial of one, from an item to an iterator of results.
        items: What to work on.
        jobs: The number of processes; 1 works in this one, in the order of the items.

    Raises:
        InputError: If jobs is not 1 or more.
    """
    checks.check_number("jobs", jobs, 1, whole=True)
    if min(jobs, len(items)) == 1:
        yield from _here(work, items)
        return
    # Spawned, because a forked process may not use the threads that torch has started in this one. Handed over as bytes, once
    # per process: torch would move every tensor to shared memory, of which a container has little.
    context = get_context("spawn")
    with context.Manager() as manager:
        results = manager.Queue()
        given = (pickle.dumps(work), results)
        with ProcessPoolExecutor(min(jobs, len(items)), context, initializer=_take, initargs=given) as pool:
            running = [pool.submit(_there, item) for item in items]
            try:
                yield from _collected(running, results)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def _here(work: Callable[[Any], Iterator[Any]], items: Sequence[Any]) -> Iterator[Any]:
    for item in items:
        found = work(item)
        while True:
            with one_thread():
                result = next(found, found)
            if result is found:
                break
            yield result


_taken: dict[str, Any] = {}  # what a worker process was given when it started


def _take(work: bytes, results: Any) -> None:
    # Ctrl-C reaches the whole group; the process that asked decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _taken.update(work=pickle.loads(work), results=results)


def _there(item: Any) -> None:
    with one_thread():
        for result in _taken["work"](item):
            parent = parent_process()
            if parent is not None and not parent.is_alive():
                # The one who asked was killed: nobody waits for the rest.
                return
            _taken["results"].put(result)


def _collected(running: list[Future[None]], results: Any) -> Iterator[Any]:
    while True:
        # Looked at before the queue: what a process that is done had put there is found then.
        over = all(future.done() for future in running)
        try:
            yield results.get(timeout=0 if over else LOOK)
        except Empty:
            for future in running:
                if future.done():
                    future.result()
            if over:
                return
