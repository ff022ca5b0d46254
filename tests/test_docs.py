"""README and docs tell the truth: their code runs, their links lead somewhere, their numbers come from rows."""

import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.S)


def script_of_benchmarks(monkeypatch, name):
    """Returns what a script of benchmarks/ defines; its modules are found while the test runs, and forgotten."""
    script = ROOT / "benchmarks" / f"{name}.py"
    if not script.exists():
        pytest.skip("benchmarks/ is not there")
    monkeypatch.syspath_prepend(script.parent)
    defined = runpy.run_path(str(script))
    for module in ("readme", "results_page"):
        sys.modules.pop(module, None)
    return defined


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs" / "perturbations.md"], ids=lambda p: p.name)
def test_code_runs(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for block in blocks(page):
        quick = re.sub(r"\.fit\(train_set\)", ".fit(train_set, steps=2, progress=False)", block)
        quick = re.sub(r"steps=\d+", "steps=2, progress=False", quick) if "progress" not in quick else quick
        exec(compile(quick, page.name, "exec"), names)
    assert "augmenter" in names


def test_the_page_on_imbalanced_tables_runs(capsys):
    pytest.importorskip("imblearn")
    pytest.importorskip("pandas")
    code = "\n".join(blocks(ROOT / "docs" / "imbalanced.md"))
    code = code.replace("VAEOverSampler(", "VAEOverSampler(steps=2, ").replace(
        "progress=False", "steps=2, progress=False"
    )
    exec(compile(code, "imbalanced.md", "exec"), {"__name__": "page"})
    printed = capsys.readouterr().out
    assert "True {" in printed
    assert "DataFrame (20, 5)" in printed


def test_the_quick_starts_run(capsys):
    pytest.importorskip("imblearn")
    pytest.importorskip("pandas")
    torch_block, sklearn_block, table_block = blocks(ROOT / "docs" / "quickstart.md")
    torch_block = torch_block.replace(".fit(dataset)", ".fit(dataset, steps=2, progress=False)")
    sklearn_block = sklearn_block.replace("RandomForestClassifier()", "RandomForestClassifier(5)")
    table_block = table_block.replace("VAEOverSampler(", "VAEOverSampler(steps=2, ")
    for block in (torch_block, sklearn_block, table_block):
        exec(compile(block, "quickstart.md", "exec"), {"__name__": "page"})
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "torch.Size([256, 1, 8, 8])"
    assert printed[1].startswith("No augmentation; it is the usual choice for such data")


def test_will_it_help_me_says_what_the_results_say(monkeypatch):
    page = script_of_benchmarks(monkeypatch, "help_page")
    text = (ROOT / "docs" / "will-it-help.md").read_text()
    assert page["updated"](text) == text, "run python benchmarks/help_page.py"


def test_every_page_is_in_the_contents_of_the_site():
    contents = re.findall(r"```{toctree}.*?```", (ROOT / "docs" / "index.md").read_text(), re.S)
    listed = {line for block in contents for line in block.splitlines() if re.fullmatch(r"[\w-]+", line)}
    assert listed == {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}


def anchors(page):
    """Returns the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text()):
        if target.startswith("https://"):
            continue
        path = page.parent / target if target else page
        assert path.exists(), f"{page.name} links to {target}"
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{page.name} links to {target}#{anchor}"


def test_every_number_of_the_readme_comes_from_results(monkeypatch):
    pytest.importorskip("imblearn", reason="the rows of imbalanced tables are read with it")
    readme = script_of_benchmarks(monkeypatch, "readme")
    text = (ROOT / "README.md").read_text()
    assert readme["updated"](text) == text, "run python benchmarks/readme.py"
    prose = text.split(readme["BEGIN"])[0] + text.split(readme["END"])[1]
    for code_or_target in (r"```.*?```", r"^    .*$", r"`[^`]*`", r"\]\([^)]*\)"):
        prose = re.sub(code_or_target, "", prose, flags=re.S | re.M if code_or_target.startswith("```") else re.M)
    assert re.findall(r"\b\d+(?:\.\d+)*", prose) == ["3.10"], "no number but the version of Python"


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


def test_the_tests_of_each_promise_exist():
    page = (ROOT / "docs" / "reliability.md").read_text()
    promises = [line for line in page.splitlines() if line.startswith("| ") and "`test_" in line]
    assert len(promises) > 15
    for name in set(re.findall(r"`(test_\w+\.py)`", page)):
        assert (ROOT / "tests" / name).exists(), f"docs/reliability.md names {name}"


def test_the_page_on_audits_runs(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for block in blocks(ROOT / "docs" / "audit.md"):
        exec(compile(block, "audit.md", "exec"), {"__name__": "page"})
    lines = capsys.readouterr().out.splitlines()
    promised = [
        line.split("# ")[1]
        for line in (ROOT / "docs" / "audit.md").read_text().splitlines()
        if "#" in line and "print(found.leak.found" in line
    ]
    assert (lines[0], lines[2]) == tuple(promised)
    assert (tmp_path / "audit" / "audit.json").exists()


def test_the_tables_of_other_tools_come_from_rows():
    script = ROOT / "benchmarks" / "audit_peers.py"
    if not script.exists():
        pytest.skip("benchmarks/ is not there")
    text = (ROOT / "docs" / "audit.md").read_text()
    assert "| SDMetrics: nearer |" in text
    assert runpy.run_path(str(script))["updated"](text) == text, "run python benchmarks/audit_peers.py --write"
