"""benchmarks/speed.py runs, and its file and page have their form; no time is judged."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pythae")
ROOT = Path(__file__).parents[2]


def run(*words):
    return subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "benchmarks" / "speed.py"), "--quick", *map(str, words)],
        capture_output=True,
        text=True,
    )


def test_parts_run_and_join_what_is_there(tmp_path):
    out = tmp_path / "speed.json"
    out.write_text(json.dumps({"memory": {"told": "", "machine": {}, "rows": []}}))
    ended = run("epoch", "fit", "generate", "growth", "--out", out)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(out.read_text())
    assert list(found) == ["fit", "generate", "epoch", "memory", "growth"]
    for name in ("fit", "generate", "epoch", "growth"):
        assert found[name]["told"]
        assert {"cpu", "cores", "threads", "bf16", "load", "torch", "commit", "when"} <= set(found[name]["machine"])
    for name in ("fit", "epoch"):
        for row in found[name]["rows"]:
            assert row["least"] <= row["ratio"] <= row["most"]
    assert found["epoch"]["rows"][0]["ratio"] == 1
    assert all(row["elbo"] < 0 for row in found["fit"]["rows"])
    assert "not measured" in found["generate"]["rows"][-1]["what"]
    assert "| what | seconds | ratio |" in ended.stdout


def test_unknown_parts_are_refused(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    speed = importlib.import_module("speed")
    monkeypatch.setattr(sys, "argv", ["speed.py", "nonsense"])
    with pytest.raises(SystemExit):
        speed.main()
    told = "expected parts among fit, bound, generate, epoch, memory, growth, compile, got nonsense"
    assert told in capsys.readouterr().err
