"""README and docs tell the truth: their code runs, their links lead somewhere, their numbers come from rows."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.S)


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs" / "perturbations.md"], ids=lambda p: p.name)
def test_code_runs(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for block in blocks(page):
        quick = re.sub(r"\.fit\(train_set\)", ".fit(train_set, steps=2, progress=False)", block)
        quick = re.sub(r"steps=\d+", "steps=2, progress=False", quick) if "progress" not in quick else quick
        exec(compile(quick, page.name, "exec"), names)
    assert "augmenter" in names


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_number_of_the_readme_comes_from_rows():
    script = ROOT / "benchmarks" / "readme.py"
    if not script.exists():
        pytest.skip("benchmarks/ is not there")
    spec = importlib.util.spec_from_file_location("readme", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (ROOT / "README.md").read_text()
    assert module.updated(text) == text, "run python benchmarks/readme.py"
    outside = text.split(module.BEGIN)[0] + text.split(module.END)[1]
    assert not re.search(r"\d+\.\d %|[+-]\d+\.\d|points over", outside)
