"""Work in several processes. The results do not depend on the number of processes.

The processes talk to this one through pipes, with no further process between. Each of them ends when this one does, and this
one notices when one of them dies. Ctrl-C and SIGTERM lose no result that a process has sent.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from vaeaug.runtime import checks, signals
from vaeaug.runtime.errors import ProcessLost

RESULT, DONE, FAILED = "result", "done", "failed"  # what a process sends
POLL_SECONDS = 0.1  # between two looks for Ctrl-C
STOP_SECONDS = 0.5  # for processes that are asked to end; after that they are killed
Keep = Callable[[Any], None]


@contextmanager
def computing_on(threads: int) -> Iterator[None]:
    """Computes on this number of threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)


def one_thread() -> AbstractContextManager[None]:
    """Computes on one thread inside the block, so that floating-point sums always have the same order."""
    return computing_on(1)


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
def map_in_processes(
    work: Callable[[Any], Iterator[Any]], items: Sequence[Any], n_jobs: int, keep: Keep | None = None
) -> Generator[Any, None, None]:
    """Yields all results of `work` for each item, as soon as they are computed, each on one thread.

    Arguments:
        work: A function from an item to an iterator of results; it must be picklable.
        items: The items to work on.
        n_jobs: The number of processes. 1 works in this process, in the order of the items.
        keep: Called with every result before it is yielded. Ctrl-C waits for it, and it also gets the results that arrive
            while the processes are being ended.

    Raises:
        InputError: If `n_jobs` is not a whole number from 1, or far more than this machine has cores.
        ProcessLost: If a process was killed.
    """
    checks.check_number("n_jobs", n_jobs, 1, whole=True)
    n_jobs = min(n_jobs, len(items))
    largest = max(64, 4 * (os.cpu_count() or 1))
    if n_jobs > largest:
        checks.refuse(f"n_jobs of at most {largest}", n_jobs, "more processes than cores gain nothing")
    if n_jobs <= 1:
        yield from _run_here(work, items, keep or _drop)
        return
    workers = _Workers(n_jobs)
    atexit.register(workers.kill)  # before Python waits for them, if this iterator is never closed
    try:
        with signals.deferred() as interrupts:
            workers.start(work)
        interrupts.deliver()
        yield from _collect(workers, items, keep or _drop)
    finally:
        workers.stop(keep or _drop)
        atexit.unregister(workers.kill)


def _drop(result: Any) -> None:
    """Keeps nothing."""


def _run_here(work: Callable[[Any], Iterator[Any]], items: Sequence[Any], keep: Keep) -> Iterator[Any]:
    for item in items:
        results = work(item)
        while True:
            # Not around the yield: the caller has all its threads between two results.
            with one_thread():
                result = next(results, results)
            if result is results:
                break
            with signals.deferred() as interrupts:
                keep(result)
            interrupts.deliver()
            yield result


def _collect(workers: _Workers, items: Sequence[Any], keep: Keep) -> Iterator[Any]:
    """Hands out the items and yields the results; raises the error of an item that failed."""
    waiting = deque(items)
    for worker in range(len(workers)):
        workers.send(worker, waiting.popleft())
    n_busy = len(workers)
    while n_busy:
        with signals.deferred() as interrupts:
            messages = workers.receive(interrupts)
            for _, kind, content in messages:
                if kind == RESULT:
                    keep(content)
        for worker, kind, content in messages:
            if kind == RESULT:
                yield content
            elif kind == FAILED:
                error, text = content
                raise error from _RemoteTraceback(text)
            elif waiting:
                workers.send(worker, waiting.popleft())
            else:
                n_busy -= 1
        interrupts.deliver()


class _RemoteTraceback(Exception):
    """The traceback of another process, as the cause of the error here."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class _Workers:
    """Processes that work on one item after another.

    Arguments:
        size: Their number.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.processes: list[Any] = []
        self.connections: list[Connection] = []

    def __len__(self) -> int:
        return self.size

    def start(self, work: Callable[[Any], Iterator[Any]]) -> None:
        """Starts the processes."""
        # Spawned, because a forked process cannot use the threads that torch has started in this one. The work is sent as
        # bytes, once per process: torch would move every tensor to shared memory, which is small in a container.
        context, content = get_context("spawn"), pickle.dumps(work)
        for _ in range(self.size):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, content))
            process.start()
            theirs.close()  # so that reading ends when the process does
            self.processes.append(process)
            self.connections.append(ours)

    def send(self, worker: int, item: Any) -> None:
        """Gives a process the next item."""
        try:
            self.connections[worker].send_bytes(pickle.dumps(item))
        except OSError:
            self._refuse_lost(worker)

    def receive(self, interrupts: signals.Interrupts) -> list[tuple[int, str, Any]]:
        """Waits for messages and returns them: process, kind and content. Returns early if a signal has come.

        Raises:
            ProcessLost: If a process has died, and all its messages were returned before.
        """
        while not interrupts:
            ready = connection.wait(self.connections, POLL_SECONDS)
            messages = [message for c in ready for message in self._read(self.connections.index(c))]  # type: ignore[arg-type]
            if messages:
                return messages
            if ready:
                self._refuse_lost(self.connections.index(ready[0]))  # type: ignore[arg-type]
        return []

    def _read(self, worker: int) -> Iterator[tuple[int, str, Any]]:
        """Yields the messages that a process has sent so far."""
        with suppress(EOFError, OSError):
            while self.connections[worker].poll():
                yield worker, *pickle.loads(self.connections[worker].recv_bytes())

    def _refuse_lost(self, worker: int) -> None:
        process = self.processes[worker]
        process.join(STOP_SECONDS)
        code = process.exitcode
        reason = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        raise ProcessLost(
            f"expected all {self.size} processes to stay, got one that was terminated abruptly ({reason}); if memory was "
            f"short, use fewer processes, then run the same again: finished results are kept where they were to be kept"
        )

    def stop(self, keep: Keep) -> None:
        """Ends the processes within a second, and keeps the results that they have sent."""
        try:
            for process in self.processes:
                process.terminate()
            end = time.monotonic() + STOP_SECONDS
            for process in self.processes:
                process.join(max(0.0, end - time.monotonic()))
        finally:
            self.kill()
            with signals.deferred() as interrupts:
                for worker, c in enumerate(self.connections):
                    for _, kind, content in self._read(worker):
                        if kind == RESULT:
                            keep(content)
                    c.close()
        interrupts.deliver()

    def kill(self) -> None:
        """Ends the processes at once."""
        for process in self.processes:
            if process.is_alive():
                process.kill()
        for process in self.processes:
            process.join()


def _serve(pipe: Connection, work: bytes) -> None:
    """Works on the items that come through the pipe, until it is closed."""
    # Ctrl-C reaches the whole process group; only the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with signals.terminable(), suppress(EOFError, BrokenPipeError):
        function = pickle.loads(work)
        while True:
            item = pickle.loads(pipe.recv_bytes())
            try:
                with one_thread():
                    for result in function(item):
                        pipe.send_bytes(pickle.dumps((RESULT, result)))
            except Exception as error:
                pipe.send_bytes(pickle.dumps((FAILED, _portable(error))))
            else:
                pipe.send_bytes(pickle.dumps((DONE, None)))


def _portable(error: Exception) -> tuple[Exception, str]:
    """Returns an error as another process can receive it, and its traceback as text."""
    text = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    return error, text


def _end_with_parent() -> None:
    """Ends this process as soon as the one that has started it is no longer there, whatever it is computing."""
    parent = parent_process()
    # A process that this one's parent has forked may keep the sentinel open, so the number is looked at, too. (On Windows
    # the launcher of a virtual environment stands between.)
    while parent is not None and (os.name == "nt" or os.getppid() == parent.pid):
        if connection.wait([parent.sentinel], timeout=1.0):
            break
    os._exit(1)
