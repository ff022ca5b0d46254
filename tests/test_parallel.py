"""Work in processes: all results arrive as they are computed, also when an item fails or a process dies.

No process outlives the one that has started it, and Ctrl-C loses no finished result.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import vaeaug
from vaeaug import InputError
from vaeaug.runtime.errors import ProcessLost
from vaeaug.runtime.parallel import check_picklable, map_in_processes


def three_results(item):
    for i in range(3):
        assert torch.get_num_threads() == 1
        yield item, i


def failing(item):
    yield item
    if item == 1:
        raise OSError("the disk is on fire")


def killed(item):
    yield item
    if item == 1:
        os._exit(9)


class Unsendable(Exception):
    def __init__(self, what, function):
        super().__init__(what)
        self.function = function


def unsendable(item):
    yield item
    raise Unsendable("lambda", lambda: None)


def one_early_one_late(item):
    yield "early"
    time.sleep(2)
    yield time.time()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_all_results_of_all_items_arrive(n_jobs):
    results = list(map_in_processes(three_results, range(5), n_jobs))
    expected = [(item, i) for item in range(5) for i in range(3)]
    assert sorted(results) == expected
    if n_jobs == 1:
        assert results == expected


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_no_items_have_no_results(n_jobs):
    assert list(map_in_processes(three_results, [], n_jobs)) == []


def test_a_result_arrives_before_its_item_is_done():
    results = map_in_processes(one_early_one_late, [0, 1], 2)
    assert next(results) == "early"
    arrived = time.time()
    # Closing early ends the processes.
    assert next(result for result in results if result != "early") > arrived
    results.close()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_item_that_fails_raises_after_its_results(n_jobs):
    results = map_in_processes(failing, [1, 1], n_jobs)
    assert next(results) == 1
    with pytest.raises(OSError, match="the disk is on fire"):
        list(results)


def test_a_process_that_dies_is_an_error():
    with pytest.raises(ProcessLost, match=r"one that was terminated abruptly \(exit code 9\)"):
        list(map_in_processes(killed, [1, 0], 2))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_every_result_is_kept_also_those_that_nobody_reads(n_jobs):
    kept = []
    results = map_in_processes(three_results, range(4), n_jobs, kept.append)
    first = next(results)
    assert kept[0] == first
    if n_jobs == 2:
        time.sleep(1)
    results.close()
    assert len(kept) == len(set(kept))
    assert n_jobs == 1 or len(kept) > 1


def test_an_error_that_cannot_be_sent_is_named():
    with pytest.raises(RuntimeError, match="Unsendable: lambda"):
        list(map_in_processes(unsendable, [0, 1], 2))


def test_the_number_of_processes_is_checked():
    with pytest.raises(InputError, match="expected n_jobs to be a whole number from 1 up, got 0; for example n_jobs=1"):
        list(map_in_processes(three_results, [1], 0))


def test_objects_that_cannot_be_pickled_are_refused():
    check_picklable("the classifier", three_results)
    message = r"expected objects that other processes can import, got the classifier \(.*; define it at .*n_jobs=1"
    with pytest.raises(InputError, match=message):
        check_picklable("the classifier", lambda: None)


SCRIPT = """
import os, sys, time
from pathlib import Path
from vaeaug.runtime.parallel import map_in_processes

def work(item):
    yield item
    (Path(sys.argv[1]) / f"started-{item}-{os.getpid()}").write_text("")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        pass  # computes, and does not wait for anything
    yield item

def keep(result):
    with (Path(sys.argv[1]) / "kept").open("a") as file:
        file.write(f"{result}\\n")

if __name__ == "__main__":
    for result in map_in_processes(work, range(4), 2, keep):
        pass
"""


def processes_of(group):
    """Returns the numbers of the running processes of a process group, from /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] not in "ZX":
            found.append(int(path.parent.name))
    return found


@pytest.fixture
def running(tmp_path, ctrl_c):
    """Starts the script in a process group of its own; yields it when both processes have a result and compute on."""
    (tmp_path / "script.py").write_text(SCRIPT)
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(vaeaug.__file__).parents[1])}
    words = [sys.executable, tmp_path / "script.py", tmp_path]
    process = subprocess.Popen(words, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True)
    end = time.monotonic() + 120
    kept = tmp_path / "kept"
    kept.write_text("")
    while len(list(tmp_path.glob("started-*"))) < 2 or len(kept.read_text().split()) < 2:
        assert time.monotonic() < end, "it did not start"
        time.sleep(0.05)
    try:
        yield process
    finally:
        if processes_of(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.stderr.close()
        process.wait()


def wait_for_end(process, seconds):
    end = time.monotonic() + seconds
    while processes_of(process.pid) and time.monotonic() < end:
        process.poll()
        time.sleep(0.02)
    return processes_of(process.pid)


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@needs_proc
@pytest.mark.parametrize("who", ["parent", "worker", "helper"])
def test_no_process_survives_another_that_is_killed(running, tmp_path, who):
    workers = [int(path.name.split("-")[2]) for path in tmp_path.glob("started-*")]
    others = [pid for pid in processes_of(running.pid) if pid not in (running.pid, *workers)]
    if who == "helper":
        # multiprocessing has one of its own, without which everything goes on.
        for pid in others:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)
        assert set(workers) <= set(processes_of(running.pid))
        os.kill(running.pid, signal.SIGKILL)
    else:
        os.kill(running.pid if who == "parent" else workers[0], signal.SIGKILL)
    assert wait_for_end(running, 10) == []
    assert sorted((tmp_path / "kept").read_text().split()) == ["0", "1"]
    if who == "worker":
        assert "terminated abruptly (signal 9)" in running.stderr.read()


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_within_two_seconds_and_keeps_the_results(running, tmp_path, number):
    start = time.monotonic()
    if number == signal.SIGINT:
        os.killpg(running.pid, number)  # as a terminal does
    else:
        running.send_signal(number)
    assert wait_for_end(running, 10) == []
    # The machine may be busy: the promise is two seconds on an idle one.
    assert time.monotonic() - start < 5
    assert sorted((tmp_path / "kept").read_text().split()) == ["0", "1"]


@needs_proc
def test_a_second_ctrl_c_ends_at_once(running):
    os.killpg(running.pid, signal.SIGINT)
    time.sleep(0.15)
    os.killpg(running.pid, signal.SIGINT)
    assert wait_for_end(running, 5) == []
