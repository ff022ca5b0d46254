"""Pages whose tables a script writes from committed rows: the tables are those of the rows, and their code runs."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("embeddings", "signals")


@pytest.mark.parametrize("page", PAGES)
def test_tables_come_from_rows(page, monkeypatch):
    script = ROOT / "benchmarks" / f"{page}.py"
    if not script.exists():
        pytest.skip("benchmarks/ is not there")
    monkeypatch.syspath_prepend(script.parent)
    names = runpy.run_path(str(script))
    text = (ROOT / "docs" / f"{page}.md").read_text()
    written = text.split(names["BEGIN"])[1].split(names["END"])[0].strip()
    rows = names["tables"].read(names["Row"], names["ROWS"])
    assert len(rows) > 100
    assert written == names["document"](rows), f"run python benchmarks/{page}.py"


@pytest.mark.parametrize("page", PAGES)
def test_code_runs(page, capsys):
    code = "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text(), re.S))
    quick = code.replace("steps=200", "steps=3").replace('augment="auto",', 'augment="auto", steps=3,', 1)
    quick = quick.replace("steps=3, steps=3", "steps=3")
    exec(compile(quick, page, "exec"), {"__name__": "page"})


def test_rows_that_were_cut_off_are_left_out(tmp_path, monkeypatch):
    script = ROOT / "benchmarks" / "signals.py"
    if not script.exists():
        pytest.skip("benchmarks/ is not there")
    monkeypatch.syspath_prepend(script.parent)
    names = runpy.run_path(str(script))
    row = names["Row"]("GunPoint", "forest", "none", 0, 90.5, 1.0)
    path = tmp_path / "rows.csv"
    names["tables"].write([row, row], path)
    path.write_text(path.read_text()[:-12])
    assert names["tables"].read(names["Row"], path) == [row]
