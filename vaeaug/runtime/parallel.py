"""Work in several processes. The results do not depend on the number of processes."""

from __future__ import annotations

import pickle
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import get_context, parent_process
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from vaeaug.runtime import checks


@contextmanager
def one_thread() -> Iterator[None]:
    """Computes on one thread inside the block, so that floating-point sums always have the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def check_picklable(name: str, value: Any) -> None:
    """Checks that an object of the user can be sent to other processes.

    Arguments:
        name: The name of the object in the message.
        value: The object.

    Raises:
        InputError: If it cannot be pickled, or if it was defined in an interactive session.
    """
    # Pickle refers to what was defined at a prompt or in a notebook by a name that other processes do not have.
    interactive = getattr(value, "__module__", "") == "__main__" and not hasattr(sys.modules["__main__"], "__file__")
    try:
        pickle.dumps(value)
    except Exception as error:
        got = f"{name} ({error})"
    else:
        got = f"{name}, defined in an interactive session" if interactive else ""
    if got:
        remedy = "define it at the top level of a module, or use n_jobs=1"
        checks.refuse("objects that other processes can import", got, remedy)


# joblib.Parallel(return_as="generator_unordered") returns one result per item. Here an item is a long benchmark that yields
# many results, each of which must reach the disk as soon as it is computed.
def map_in_processes(work: Callable[[Any], Iterator[Any]], items: Sequence[Any], n_jobs: int) -> Iterator[Any]:
    """Yields all results of `work` for each item, as soon as they are computed, each on one thread.

    Arguments:
        work: A function from an item to an iterator of results; it must be picklable.
        items: The items to work on.
        n_jobs: The number of processes. 1 works in this process, in the order of the items.

    Raises:
        InputError: If `n_jobs` is not a whole number from 1.
    """
    checks.check_number("n_jobs", n_jobs, 1, whole=True)
    n_jobs = min(n_jobs, len(items))
    if n_jobs <= 1:
        yield from _run_here(work, items)
        return
    # Spawned, because a forked process cannot use the threads that torch has started in this one. The work is sent as bytes,
    # once per process: torch would move every tensor to shared memory, which is small in a container.
    context = get_context("spawn")
    with context.Manager() as manager:
        queue = manager.Queue()
        initargs = (pickle.dumps(work), queue)
        with ProcessPoolExecutor(n_jobs, context, initializer=_initialize_worker, initargs=initargs) as executor:
            futures = [executor.submit(_run_in_worker, item) for item in items]
            try:
                yield from _collect(futures, queue)
            finally:
                executor.shutdown(wait=False, cancel_futures=True)


def _run_here(work: Callable[[Any], Iterator[Any]], items: Sequence[Any]) -> Iterator[Any]:
    for item in items:
        results = work(item)
        while True:
            # Not around the yield: the caller has all its threads between two results.
            with one_thread():
                result = next(results, results)
            if result is results:
                break
            yield result


_worker: dict[str, Any] = {}  # the work and the queue of a worker process, set when it starts


def _initialize_worker(work: bytes, queue: Any) -> None:
    # Ctrl-C reaches the whole process group; only the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker.update(work=pickle.loads(work), queue=queue)


def _run_in_worker(item: Any) -> None:
    with one_thread():
        for result in _worker["work"](item):
            parent = parent_process()
            if parent is not None and not parent.is_alive():
                return  # it was killed, so nobody reads the results
            _worker["queue"].put((None, result))


def _collect(futures: list[Future[None]], queue: Any) -> Iterator[Any]:
    """Yields the results from the queue until all items are done; raises the error of an item that failed."""
    for index, future in enumerate(futures):
        future.add_done_callback(partial(_report_done, queue, index))
    n_done = 0
    while n_done < len(futures):
        done, result = queue.get()
        if done is None:
            yield result
        else:
            futures[done].result()
            n_done += 1


def _report_done(queue: Any, index: int, future: Future[None]) -> None:
    """Puts the index of a finished item into the queue, after all its results; also if its process was killed."""
    # If the caller has stopped reading, the queue no longer exists.
    with suppress(OSError, EOFError):
        queue.put((index, None))
