"""README and docs tell the truth: their code runs, their links lead somewhere, their numbers come from rows."""

import importlib.util
import re
import runpy
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


def test_figures_on_pages_stand_between_the_marks_of_their_script():
    script = ROOT / "benchmarks" / "pages.py"
    if not script.exists():
        pytest.skip("benchmarks/ is not there")
    pages = runpy.run_path(str(script))
    marked = {page.stem: page.read_text() for page in PAGES if "<!-- measured" in page.read_text()}
    assert set(marked) == set(pages["PAGES"])
    for name, text in marked.items():
        begin, end = pages["BEGIN"].format(name), pages["END"]
        found = re.findall(r"<!-- measured.*?-->", text)
        assert found == [begin, end] * max(1, len(found) // 2), f"the marks of {name}.md"
        for measured in pages["marks"](name).findall(text):
            assert re.search(r"^(    |\|).*\d", measured, re.M), f"run python benchmarks/pages.py {name}"
