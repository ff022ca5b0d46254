"""What the package declares is true: dependencies, links, versions, and what the workflows install."""

import ast
import configparser
import re
import runpy
import sys
from pathlib import Path

import pytest

import vaeaug

ROOT = Path(__file__).parents[1]
CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / "setup.cfg", encoding="utf-8")
SETUP = runpy.run_path(str(ROOT / "setup.py"))
# Modules that are called otherwise than their packages.
PACKAGES = {
    "PIL": "pillow",
    "efficientnet_lite_pytorch": "efficientnet-lite-pytorch",
    "huggingface_hub": "huggingface_hub",
    "imblearn": "imbalanced-learn",
    "sklearn": "scikit-learn",
}
# Libraries of the user that are looked at only if they are there.
OF_THE_USER = {"lightgbm", "xgboost", "datasets", "polars"}


def names(text):
    """Returns the packages in a list of requirements."""
    lines = (line.strip() for line in text.splitlines())
    return {re.split(r"[<>=!~\[;]", line)[0].strip().lower() for line in lines if line and line[0] not in "#%"}


CORE = names(CONFIG["options"]["install_requires"])
EXTRAS = {extra: names(text) for extra, text in CONFIG["options.extras_require"].items()}


def imports(path):
    """Yields the third-party packages that a file imports, and whether that is at its top."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        for module in modules:
            top = module.partition(".")[0]
            if top and top not in sys.stdlib_module_names and top != "vaeaug":
                yield PACKAGES.get(top, top).lower(), node in tree.body


IMPORTS = {path: set(imports(path)) for path in Path(vaeaug.__file__).parent.rglob("*.py")}


def test_every_import_is_declared():
    for path, found in IMPORTS.items():
        assert {p for p, _ in found} <= CORE.union(*EXTRAS.values(), OF_THE_USER), path


def test_every_core_dependency_is_used():
    assert {package for found in IMPORTS.values() for package, _ in found} >= CORE


@pytest.mark.parametrize(
    "extra", sorted({"pandas", "imbalanced-learn", "matplotlib", "jinja2", "huggingface_hub", "pythae"})
)
def test_extras_are_imported_at_the_top_of_files_that_need_them_only(extra):
    at_top = {path.stem for path, found in IMPORTS.items() if (extra, True) in found}
    assert at_top <= {"figures", "page", "drawing"}, at_top


def test_extras_are_named_in_messages_as_they_are():
    texts = [path.read_text(encoding="utf-8") for path in (*IMPORTS, *(ROOT / "docs").glob("*.md"), ROOT / "README.md")]
    for name in {
        name for text in texts for part in re.findall(r"vaeaug\[([\w,]+)\]", text) for name in part.split(",")
    }:
        assert name in EXTRAS


def test_pypi_gets_absolute_links_to_files_that_are_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    relative = [t for t in re.findall(r"\]\(([^)\s]+)\)", readme) if not re.match("https?:|#", t)]
    assert len(relative) > 10
    assert all((ROOT / target.partition("#")[0]).exists() for target in relative)
    text = SETUP["metadata"]()["long_description"]
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert all(target.startswith(("https://", "#")) for target in targets)
    version = vaeaug.__version__
    assert f"{SETUP['REPOSITORY']}/blob/v{version}/docs/results.md" in text
    assert re.search(
        rf"!\[[^\]]+\]\(https://raw\.githubusercontent\.com/\w+/vaeaug/v{version}/docs/images/\w+\.png\)", text
    )


def test_the_address_and_the_version_are_the_same_everywhere():
    address = SETUP["REPOSITORY"]
    for name in ("CITATION.cff", "CONTRIBUTING.md", ".github/ISSUE_TEMPLATE/config.yml"):
        text = (ROOT / name).read_text(encoding="utf-8") if (ROOT / name).exists() else ""
        found = set(re.findall(r"https://github\.com/[\w-]+/vaeaug", text))
        assert found <= {address}, name
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {vaeaug.__version__}\n" in citation
    assert CONFIG["metadata"]["author"] == "the vaeaug developers"


def test_the_workflows_install_extras_that_exist_and_run_sessions_that_exist():
    folder = ROOT / ".github" / "workflows"
    if not folder.exists():
        pytest.skip(".github/ is not there")
    nox = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    for path in folder.glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        installed = {extra for part in re.findall(r'"\.\[([\w,]+)\]"', text) for extra in part.split(",")}
        assert installed - {"docs"} <= set(EXTRAS), path.name
        for session in re.findall(r"nox -s (.+)", text):
            assert all(f"def {word.partition('-')[0]}(session)" in nox for word in session.split())
    pythons = re.findall(r"Programming Language :: Python :: (3\.\d+)", CONFIG["metadata"]["classifiers"])
    assert pythons == re.findall(r'"(3\.\d+)"', nox.partition("PYTHONS = ")[2].partition("\n")[0])
    tests = (folder / "tests.yml").read_text(encoding="utf-8")
    assert set(re.findall(r'"(3\.\d+)"', tests)) == set(pythons)


def test_the_tests_of_other_versions_exist():
    nox = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    tests = re.findall(r'"(\w+)"', nox.partition("TESTS = (")[2].partition(")")[0])
    assert len(tests) > 5
    assert all((ROOT / "tests" / f"test_{name}.py").exists() for name in tests)
