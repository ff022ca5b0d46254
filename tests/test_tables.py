"""The scripts that write the committed tables, docs/results.md and the results in README.md, on small tables."""

import sys
from pathlib import Path

import pytest

from vaeaug import InputError

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = ("tables", "readme", "results_page")
pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks/ is not there")


@pytest.fixture
def scripts(monkeypatch):
    """Makes the scripts importable, and forgets them after the test."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    for name in SCRIPTS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in SCRIPTS:
        sys.modules.pop(name, None)


@pytest.fixture
def tables(scripts, monkeypatch, tmp_path):
    """The script with three small tables, which writes into a temporary folder."""
    import readme
    import results_page
    import tables

    small = {"runs": (("logistic", ("none", "classical", "duplicates")),), "seeds": (0, 1)}
    monkeypatch.setattr(tables, "TABLES", {f"wine-{n}": tables.Table("wine", n, **small) for n in (4, 8, 12)})
    monkeypatch.setattr(tables, "PAGES", {"wine": ("wine-4", "wine-8", "wine-12")})
    for module in (results_page, readme):
        monkeypatch.setattr(module, "MAIN_TABLE", "wine-4")
    for module in (tables, results_page):
        monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(results_page, "PAGE", tmp_path / "results.md")
    monkeypatch.setattr(readme, "README", tmp_path / "README.md")
    monkeypatch.setattr(readme, "RESEARCH", tmp_path / "research")
    for path, module in ((results_page.PAGE, results_page), (readme.README, readme)):
        path.write_text(f"before\n{module.BEGIN}\n{module.END}\nafter\n")
    return tables


def main(tables, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["tables.py", *words])
    tables.main()


def section(text, title):
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def lines_of(table):
    """Returns the fields of each line of a Markdown table, without the header."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[field.strip() for field in line.strip("|").split("|")] for line in lines[2:]]


def test_a_table_is_run_once_and_written_to_all_documents(tables, monkeypatch, tmp_path, capsys):
    main(tables, monkeypatch, "wine-4", "wine-8", "--jobs", "1")
    files = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name in files if name.startswith("results/")} == {
        *(f"results/wine-{n}/{file}" for n in (4, 8) for file in ("rows.csv", "report.html")),
        "results/wine/report.html",
    }
    assert b"Learning curves" in files["results/wine/report.html"]
    page, readme = files["results.md"].decode(), files["README.md"].decode()
    assert "wine, 8 per class, 2 seeds (0 to 1): [results](../benchmarks/results/wine-8/rows.csv)." in page
    table, metrics = section(page, "wine-8").split("| classifier | method ")[1:]
    for part in (table, metrics):
        assert [line[1] for line in lines_of(f"|{part}")] == ["none", "classical", "duplicates"]
    assert "log-loss" in metrics
    assert "Primary comparison: none." in section(page, "wine-8").split("| classifier")[0]
    assert [line[1] for line in lines_of(section(page, "Main methods"))] == ["none", "classical"]
    assert "Not run with this version, or not committed: wine-12." in page
    for text in (page, readme):
        assert text.startswith("before\n")
        assert text.endswith("after\n")
    assert "wine-8: 6 results" in capsys.readouterr().out
    main(tables, monkeypatch, "wine-8", "--jobs", "1")
    main(tables, monkeypatch)
    changed = [name for name, content in files.items() if (tmp_path / name).read_bytes() != content]
    assert not changed, "nothing is run again"


def test_results_of_an_older_version_are_refused_and_no_page_changes(tables, monkeypatch, tmp_path):
    (tmp_path / "results" / "wine-4").mkdir(parents=True)
    (tmp_path / "results" / "wine-4" / "rows.csv").write_text("data,regime\nwine,4\n")
    before = (tmp_path / "results.md").read_bytes(), (tmp_path / "README.md").read_bytes()
    with pytest.raises(InputError, match=r"expected results of this version in .*wine-4.rows.csv"):
        main(tables, monkeypatch)
    assert ((tmp_path / "results.md").read_bytes(), (tmp_path / "README.md").read_bytes()) == before


def test_the_stronger_baseline_is_quoted_from_the_research_rows(tables, tmp_path):
    import readme

    from vaeaug.bench.results import append

    def write(question, accuracies):
        for method, values in accuracies.items():
            for result in results("", method, values, data="fashion-mnist", regime="10")[1]:
                append(tmp_path / "research" / f"{question}.csv", result)

    (tmp_path / "research").mkdir()
    write("q20_policies", {"classical + MixUp": (0.7, 0.72), "RandAugment 3 + MixUp": (0.71, 0.73)})
    assert readme.stronger_baseline() == "", "a half of the rows says nothing"
    base = {"RandAugment + MixUp": (0.7, 0.72), "identity": (0.71, 0.72), "PCA": (0.7, 0.72)}
    write("q21_spaces", base | {"VAE": (0.74, 0.75)})
    text = readme.stronger_baseline()
    assert "gains +1.0 points over *classical + MixUp* (Fashion-MNIST, 10 per class, 2 seeds)" in text
    assert "synthetic samples gain another +3.5 points" in text
    assert "gains +0.5 in pixels" in text
    assert "not shown" not in text
    (tmp_path / "research" / "q21_spaces.csv").unlink()
    write("q21_spaces", base | {"VAE": (0.7, 0.72)})
    assert "So the gain is not shown to be the VAE's." in readme.stronger_baseline()


def test_tables_that_were_not_run_are_named(tables, monkeypatch, tmp_path):
    main(tables, monkeypatch)
    assert "not committed: wine-4, wine-8, wine-12." in (tmp_path / "results.md").read_text()
    assert "*No results of this version" in (tmp_path / "README.md").read_text()


def test_an_unknown_table_is_refused(tables, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        main(tables, monkeypatch, "beer")
    assert "no table beer; there are wine-4, wine-8, wine-12" in capsys.readouterr().err


def test_every_table_names_methods_of_the_catalogue(scripts):
    import readme
    import results_page
    import tables

    from vaeaug.bench.methods import Catalogue

    for table in tables.TABLES.values():
        catalogue = Catalogue(table.data, images=table.data not in ("wine", "breast-cancer"))
        for _, methods in table.runs:
            assert tuple(method.name for method in catalogue.named(methods)) == methods
    assert {part for parts in tables.PAGES.values() for part in parts} <= set(tables.TABLES)
    catalogue = Catalogue("fashion-mnist")
    known = {method.name for method in (*catalogue.all, *catalogue.with_unlabelled(1))}
    assert {*results_page.OURS, *results_page.MAIN_METHODS} <= known
    for table, classifier, method in readme.LINES:
        assert method in dict(tables.TABLES[table].runs)[classifier]
    assert {results_page.MAIN_TABLE, readme.LONGER_TABLE, *readme.TABULAR_TABLES} <= set(tables.TABLES)


def test_recommended_methods_are_listed_for_every_table_that_has_them(tables, monkeypatch, tmp_path):
    import results_page

    settings = tables.Settings(steps=3, vae=(("steps", 3),))
    small = {"seeds": (0, 1), "settings": settings}
    recommended = (("cnn", ("none", "classical", "classical + MixUp", tables.DEFAULT_METHOD)),)
    searched = (("logistic", ("none", "synthetic (interpolate)", "duplicates")),)
    small_tables = {
        "digits-2": tables.Table("digits", 2, recommended, **small),
        "digits-3": tables.Table("digits", 3, (("cnn", ("none", "classical")),), **small),
        "digits-3-judged": tables.Table("digits", 3, recommended, **small),
        "wine-4-tuned": tables.Table("wine", 4, searched, **small),
    }
    monkeypatch.setattr(tables, "TABLES", small_tables)
    monkeypatch.setattr(results_page, "SEARCHED", "duplicates")
    main(tables, monkeypatch, *small_tables, "--jobs", "1")
    page = (tmp_path / "results.md").read_text()
    lines = lines_of(section(page, "Recommended methods on all data sets"))
    assert [line[:5] for line in lines] == [
        ["[digits, 2 per class](#digits-2)", "cnn", "3", tables.DEFAULT_METHOD, "2"],
        ["[digits, 3 per class](#digits-3-judged)", "cnn", "3", tables.DEFAULT_METHOD, "2"],
    ]
    compared = results_page.comparisons_by_baseline(results_page.results_of("digits-2"))["classical"]
    (gain,) = (c.mean for c in compared if c.method == tables.DEFAULT_METHOD)
    assert f"{gain:+.1f}" == lines[0][5], "two seeds have no interval"
    assert lines[0][6] == "", "nor an outcome"
    gains = results_page.comparisons_by_baseline(results_page.results_of("wine-4-tuned"))["none"]
    means = {c.method: f"{c.method} {c.mean:+.2f}" for c in gains}
    expected = f"in 1 cases, in points: {means['synthetic (interpolate)']}; {means['duplicates']}."
    assert expected in section(page, "Automatic tuning over all its tables")


def results(table, method, accuracies, kind="ours", **fields):
    """Returns results that differ in nothing but their accuracies."""
    from vaeaug.bench.results import Result

    case = {"data": "digits", "regime": "5", "classifier": "cnn", "steps": 800} | fields
    scores = {"macro_f1": 0.5, "mcc": 0.5, "train_seconds": 4.0, "vae_seconds": 1.0, "confusion": "1 0/0 1"}
    hashes = {"samples": 50, "setup": method}
    return table, [
        Result(
            method=method, kind=kind, seed=i, accuracy=a, balanced_accuracy=a, subset=str(i), **case, **scores, **hashes
        )
        for i, a in enumerate(accuracies)
    ]


def test_the_results_of_the_readme_are_computed_from_the_tables(tables, monkeypatch, tmp_path):
    import readme

    from vaeaug.bench.results import append

    default, mixed = readme.DEFAULT_METHOD, readme.DEFAULT_MIXED
    monkeypatch.setattr(readme, "LINES", (("main", "cnn", mixed), ("tab", "forest", readme.INTERPOLATE)))
    for name, value in (("MAIN_TABLE", "main"), ("LONGER_TABLE", "long"), ("TABULAR_TABLES", ("tab",))):
        monkeypatch.setattr(readme, name, value)
    wine = {"data": "wine", "steps": 0}
    for table, rows in (
        results("main", "classical", (0.50, 0.60, 0.70), "baseline"),
        results("main", "classical + MixUp", (0.51, 0.61, 0.71), "baseline"),
        results("main", readme.REPEATED, (0.50, 0.61, 0.69), "control"),
        results("main", default, (0.53, 0.63, 0.74)),
        results("main", mixed, (0.55, 0.65, 0.76)),
        results("long", "classical + MixUp", (0.52, 0.62, 0.72), "baseline", steps=2000),
        *(results("tab", "none", (0.9, 0.9), "baseline", classifier=c, **wine) for c in ("logistic", "forest")),
        results("tab", readme.INTERPOLATE, (0.88, 0.90), classifier="logistic", **wine),
        results("tab", readme.INTERPOLATE, (0.91, 0.92), classifier="forest", **wine),
    ):
        for row in rows:
            append(tmp_path / "results" / table / "rows.csv", row)
    block = readme.block()
    assert lines_of(block)[0][:4] == [
        "[digits, 5 per class](docs/results.md#main)",
        mixed,
        "classical + MixUp",
        "**+4.3**",
    ]
    assert lines_of(block)[1][:4] == [
        "[wine, 5 per class](docs/results.md#tab), random forest",
        readme.INTERPOLATE,
        "none",
        "**+1.5**",
    ]
    assert "synthetic samples gain +3.3 points over *classical*" in block
    assert "as many additional classical copies gain +0.0 (" in block
    assert "reaches 61.0 % in 5 s (800 steps) and 62.0 % in 5 s (2,000 steps)" in block
    assert "reaches 65.3 % in 5 s (800 steps and the VAE)" in block
    assert (
        "Small balanced tables (wine; random forest and logistic regression): helps in 0 of 2 cases, -1.0 to +1.5 points"
        in block
    )
