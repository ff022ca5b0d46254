"""Work in processes: all results arrive as they are computed, also when an item fails or a process dies."""

import os
import time

import pytest
import torch

from vaeaug import InputError
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
    with pytest.raises(RuntimeError, match="terminated abruptly"):
        list(map_in_processes(killed, [1, 0], 2))


def test_the_number_of_processes_is_checked():
    with pytest.raises(InputError, match="expected n_jobs to be a whole number from 1 up, got 0; for example n_jobs=1"):
        list(map_in_processes(three_results, [1], 0))


def test_objects_that_cannot_be_pickled_are_refused():
    check_picklable("the classifier", three_results)
    message = r"expected objects that other processes can import, got the classifier \(.*; define it at .*n_jobs=1"
    with pytest.raises(InputError, match=message):
        check_picklable("the classifier", lambda: None)
