"""The order of the rooms: every import names an earlier one."""

import ast
from pathlib import Path

import pytest

import vaeaug

PACKAGE = Path(vaeaug.__file__).parent
ROOMS = (
    "_checks",
    "_rng",
    "_files",
    "pictures",
    "workers",
    "samples",
    "tables",
    "regimes",
    "data",
    "networks",
    "vae",
    "distributed",
    "stream",
    "training",
    "fitting",
    "codec",
    "donors",
    "nearest",
    "bank",
    "parents",
    "perturb",
    "fidelity",
    "children",
    "lookup",
    "saving",
    "augmenter",
    "hub",
    "torch_plugin",
    "resample",
    "sklearn_plugin",
    "imblearn_plugin",
    "adapters",
    "classifiers",
    "stages",
    "rivals",
    "teachers",
    "adoption",
    "adopting",
    "peers",
    "controls",
    "distilled",
    "joined",
    "searched",
    "arms",
    "rows",
    "cells",
    "evaluate",
    "candidates",
    "trials",
    "tuning",
    "statistics",
    "contrasts",
    "curves",
    "verdicts",
    "confusions",
    "gallery",
    "figures",
    "report",
    "export",
    "shards",
    "cli",
    "__main__",
)
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree):
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "vaeaug":
            below = node.module.split(".")[1:]
            names = below[:1] or [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".")[1] for alias in node.names if alias.name.startswith("vaeaug.")]
        yield from (name for name in names if name != "__version__")


def test_every_room_has_its_place():
    assert {room_of(path) for path in FILES} - {"__init__"} == set(ROOMS)


@pytest.mark.parametrize("path", [f for f in FILES if f.parent != PACKAGE or f.name != "__init__.py"], ids=str)
def test_imports_only_point_up(path):
    room = room_of(path)
    for name in imported(ast.parse(path.read_text())):
        assert name in ROOMS, f"{path.name} imports {name}, which has no place in the order"
        assert ROOMS.index(name) < ROOMS.index(room) or name == room, f"{room} imports {name}, which comes after it"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_nothing_unpickles(path):
    text = path.read_text()
    assert "torch.load" not in text
    assert "allow_pickle=True" not in text
    # Between processes of one run, bytes that never touch a disk.
    assert "import pickle" not in text or path.name == "workers.py"


def test_importing_needs_no_extra():
    import subprocess
    import sys

    code = (
        "import sys, vaeaug, vaeaug.cli\n"
        "extras = {'matplotlib', 'jinja2.loaders', 'imblearn', 'pythae', 'diffusers', 'lightning', 'huggingface_hub'}\n"
        "print(sorted(extras & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(ast.literal_eval(out)) <= {"jinja2.loaders"}, "torch itself may load jinja2; nothing else is loaded"
