"""benchmarks/gpu.py runs: on the CPU with tiny settings, and it skips with a reason where there is no GPU."""

import runpy
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = str(Path(__file__).parents[1] / "gpu.py")


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [SCRIPT, *arguments])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(SCRIPT, run_name="__main__")
    return stop.value.code


def test_every_part_runs_on_the_cpu(monkeypatch, capsys):
    assert run(monkeypatch, "--device", "cpu", "--quick") == 0
    printed = capsys.readouterr().out
    for part in ("loader", "fit", "generate", "network"):
        assert f"'part': '{part}'" in printed
    assert "distributed: skipped, 0 GPUs" in printed


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(monkeypatch, capsys):
    assert run(monkeypatch) == 0
    assert "torch finds no GPU" in capsys.readouterr().out


def test_an_unknown_part_is_refused(monkeypatch):
    assert run(monkeypatch, "train") == 2
