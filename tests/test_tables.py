"""The script that makes the committed tables, on a table of a second."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks/ is not there")


@pytest.fixture
def tables(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(BENCHMARKS)
    for name in ("tables", "readme"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import readme
    import tables

    small = {"cells": (("logistic", ("none", "classical", "duplicates")),), "seeds": (0, 1)}
    chosen = {f"wine-{n}": tables.Table("wine", n, **small) for n in (4, 8)}
    monkeypatch.setattr(tables, "TABLES", chosen | {"wine-12": tables.Table("wine", 12, **small)})
    monkeypatch.setattr(tables, "PAGES", {"wine": ("wine-4", "wine-8", "wine-12")})
    monkeypatch.setattr(readme, "HEADLINE", "wine-4")
    for module in (tables, readme):
        monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(tables, "DOC", tmp_path / "results.md")
    (tmp_path / "results.md").write_text(f"before\n{tables.BEGIN}\n{tables.END}\nafter\n")
    (tmp_path / "README.md").write_text(f"before\n{readme.BEGIN}\n{readme.END}\nafter\n")
    yield tables
    for name in ("tables", "readme"):
        sys.modules.pop(name, None)


def main(tables, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["tables.py", *words])
    tables.main()


def test_a_table_is_run_once_and_told_everywhere(tables, monkeypatch, tmp_path, capsys):
    main(tables, monkeypatch, "wine-4", "wine-8", "--jobs", "1")
    made = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name in made if name.startswith("results/")} == {
        *(f"results/wine-{n}/{file}" for n in (4, 8) for file in ("rows.csv", "report.html")),
        "results/wine/report.html",
    }
    assert b"Learning curves" in made["results/wine/report.html"]
    doc, front = made["results.md"].decode(), made["README.md"].decode()
    assert "## wine-4" in doc
    assert "wine, 8 per class, 2 seeds (0 to 1)" in doc
    assert doc.index("duplicates") > doc.index("classical")
    assert "Not run yet with this version, or not committed: wine-12." in doc
    assert "| logistic   | classical |" in front
    assert "duplicates" not in front
    assert doc.startswith("before\n")
    assert front.endswith("after\n")
    assert "wine-8: 6 rows" in capsys.readouterr().out
    main(tables, monkeypatch, "wine-8", "--jobs", "1")
    main(tables, monkeypatch)
    changed = [name for name, content in made.items() if (tmp_path / name).read_bytes() != content]
    assert not changed, "nothing is run again"


def test_rows_of_an_older_version_are_no_rows(tables, monkeypatch, tmp_path):
    (tmp_path / "results" / "wine-4").mkdir(parents=True)
    (tmp_path / "results" / "wine-4" / "rows.csv").write_text("data,regime\nwine,4\n")
    main(tables, monkeypatch)
    assert "not committed: wine-4, wine-8, wine-12." in (tmp_path / "results.md").read_text()
    assert "*wine-4 has no rows of this version yet" in (tmp_path / "README.md").read_text()


def test_an_unknown_table_is_refused(tables, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        main(tables, monkeypatch, "beer")
    assert "no table beer; there are wine-4, wine-8, wine-12" in capsys.readouterr().err


def test_every_table_names_arms_that_there_are():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import tables as real

        from vaeaug.bench.methods import arms

        for table in real.TABLES.values():
            for _, names in table.cells:
                assert tuple(arm.name for arm in arms(table.data, names)) == names
        assert {part for parts in real.PAGES.values() for part in parts} <= set(real.TABLES)
    finally:
        sys.path.remove(str(BENCHMARKS))
        for name in ("tables", "readme"):
            sys.modules.pop(name, None)


def test_what_is_advised_is_told_wherever_it_was_judged_and_what_a_search_made_of_it(tables, monkeypatch, tmp_path):
    import readme

    quick = tables.Settings(steps=3, vae=(("steps", 3),))
    small = {"seeds": (0, 1), "settings": quick}
    told = (("cnn", ("none", "classical", "classical + mixup", tables.JOINED)),)
    searched = (("logistic", ("none", "vae", "duplicates")),)
    chosen = {
        "digits-2": tables.Table("digits", 2, told, **small),
        "digits-3": tables.Table("digits", 3, (("cnn", ("none", "classical")),), **small),
        "digits-3-judged": tables.Table("digits", 3, told, **small),
        "wine-4-tuned": tables.Table("wine", 4, searched, **small),
    }
    monkeypatch.setattr(tables, "TABLES", chosen)
    monkeypatch.setattr(tables, "TUNED", ("none", "vae", "duplicates"))
    monkeypatch.setattr(readme, "HEADLINE", "digits-2")
    main(tables, monkeypatch, *chosen, "--jobs", "1")
    front = (tmp_path / "README.md").read_text().splitlines()
    (head,) = (i for i, line in enumerate(front) if line.startswith("| data | steps | arm |"))
    rows = [line.split(" | ") for line in front[head + 2 :] if line.startswith("|")]
    assert [(row[0].split("#")[1].rstrip(")"), *row[1:4]) for row in rows] == [
        ("digits-2", "3", tables.JOINED, "2"),
        ("digits-3-judged", "3", tables.JOINED, "2"),
    ]
    contrast = readme.comparisons_by_baseline(readme.rows_of("digits-2"))["classical"]
    (mean,) = (c.mean for c in contrast if c.arm == tables.JOINED)
    assert f"{mean:+.1f} [" in rows[0][4]
    gains = readme.comparisons_by_baseline(readme.rows_of("wine-4-tuned"))["none"]
    doc = (tmp_path / "results.md").read_text()
    words = "; ".join(f"{arm} {next(c.mean for c in gains if c.arm == arm):+.2f}" for arm in ("vae", "duplicates"))
    assert f"Mean gain over none in 1 cells, in points: {words}." in doc
