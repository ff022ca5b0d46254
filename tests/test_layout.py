"""The layout: folders in the order in which data flows, imports that point one way, and nothing heavy before it is needed."""

import ast
import graphlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import vaeaug

PACKAGE = Path(vaeaug.__file__).parent
# A folder may import itself and the folders of earlier lines. Folders of one line do not know each other.
ORDER = (
    ("_version", "runtime"),
    ("data", "pages"),
    ("models", "perturb"),
    ("filters",),
    ("augmenter",),
    ("choice",),
    ("plugins", "export", "explorer"),
    ("auditing",),
    ("bench",),
    ("cli",),
    ("__main__",),
)
# Inside the benchmark. Results and regimes are ground: they know nothing of how a result comes about.
BENCH_ORDER = (
    ("regimes", "results", "settings", "keys", "markdown"),
    ("stages", "analysis"),
    ("runs",),
    ("tuning",),
    ("methods",),
    ("relations",),
    ("inputs",),
    ("compare",),
    ("report",),
)
FILES = sorted(PACKAGE.rglob("*.py"))


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def imported(tree, modules):
    """Yields the modules that a file imports: at the top, inside functions, and by name in strings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "vaeaug":
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "vaeaug")
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            yield from (a.value for a in node.args if isinstance(a, ast.Constant) and str(a.value).startswith("vaeaug"))


def _called(call):
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def graph(sources):
    """Returns what each module imports, for texts by module name; `vaeaug` itself only forwards names."""
    found = {name: set(imported(ast.parse(text), sources)) - {name} for name, text in sources.items()}
    return {name: targets for name, targets in found.items() if name != "vaeaug"}


GRAPH = graph({name: path.read_text() for name, path in MODULES.items()})


def rank(name, order):
    return next(i for i, group in enumerate(order) if name in group)


def misplaced(module, target, order, depth):
    """Returns whether an import points the wrong way, by the parts of both names at `depth`."""
    own, other = module.split(".")[depth], target.split(".")[depth]
    return own != other and rank(other, order) >= rank(own, order)


def test_every_folder_has_a_place():
    assert {name.split(".")[1] for name in MODULES if name != "vaeaug"} == {n for group in ORDER for n in group}
    bench = {name.split(".")[2] for name in MODULES if name.startswith("vaeaug.bench.")}
    assert bench == {name for group in BENCH_ORDER for name in group}


def test_every_folder_is_a_package():
    # Without __init__.py, plugins/torch could be imported as torch itself.
    folders = {path.parent for path in FILES}
    assert all((folder / "__init__.py").exists() for folder in folders)


@pytest.mark.parametrize("module", sorted(GRAPH))
def test_imports_point_down_the_list(module):
    for target in GRAPH[module]:
        assert target != "vaeaug", f"{module} imports the package itself; import the module that holds the name"
        assert not misplaced(module, target, ORDER, 1), f"{module} imports {target}, whose folder comes later"
        if module.startswith("vaeaug.bench.") and target.startswith("vaeaug.bench."):
            assert not misplaced(module, target, BENCH_ORDER, 2), f"{module} imports {target}, which comes later"


def test_only_the_command_line_imports_the_benchmark():
    users = {
        name.split(".")[1] for name, targets in GRAPH.items() if any(t.startswith("vaeaug.bench") for t in targets)
    }
    assert users <= {"bench", "cli"}


def test_there_is_no_cycle():
    graphlib.TopologicalSorter(GRAPH).prepare()


def test_a_cycle_through_a_string_is_found():
    sources = {
        "vaeaug.a": "def f():\n    return import_module('vaeaug.b')",
        "vaeaug.b": "def f():\n    from vaeaug.a import f",
    }
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(graph(sources)).prepare()


@pytest.mark.parametrize("path", FILES, ids=str)
def test_nothing_unpickles(path):
    text = path.read_text()
    assert "torch.load(" not in text
    assert "allow_pickle=True" not in text
    # Between processes of one run, bytes that never touch a disk.
    assert "import pickle" not in text or path.name == "parallel.py"


def loaded(code):
    """Returns the modules that a fresh interpreter has loaded after this code."""
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def test_importing_the_package_loads_nothing_heavy():
    modules = loaded("import vaeaug, vaeaug.cli")
    heavy = {"torch", "torchvision", "numpy", "sklearn", "scipy", "pandas", "PIL", "vaeaug.bench", "vaeaug.augmenter"}
    assert not heavy & modules


def test_an_augmenter_loads_neither_the_benchmark_nor_torchvision_nor_an_extra():
    names = ("Augmenter", "AugmentedCollator", "AugmentedLoader", "VAE", "fit_vae")
    modules = loaded(f"import vaeaug\n{', '.join(f'vaeaug.{name}' for name in names)}")
    assert "vaeaug.bench" not in modules
    assert not {"torchvision", "sklearn", "matplotlib", "imblearn", "pythae", "diffusers", "lightning"} & modules
    assert not {"datasets", "transformers", "accelerate", "timm", "kornia", "albumentations"} & modules


def test_every_public_name_is_there():
    for name in vaeaug.__all__:
        if name == "VAEOverSampler" and importlib.util.find_spec("imblearn") is None:
            continue  # it needs the extra `imblearn`
        assert getattr(vaeaug, name) is not None
    assert set(vaeaug.__all__) <= set(dir(vaeaug))
    with pytest.raises(AttributeError, match="module 'vaeaug' has no attribute 'Augmentor'"):
        vaeaug.Augmentor  # noqa: B018
