"""The ground that everything stands on: cheap imports, and warnings that name the user's line."""

import subprocess
import sys

import pytest

from vaeaug.runtime.errors import warn

HEAVY = {"torchvision", "sklearn", "scipy", "PIL", "pandas"}


def loaded(module):
    """Returns the modules that a fresh interpreter has loaded after importing this one."""
    script = f"import sys, {module}; print('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


@pytest.mark.parametrize("module", ["vaeaug.runtime", "vaeaug.runtime.errors"])
def test_errors_need_neither_torch_nor_numpy(module):
    assert not (HEAVY | {"torch", "numpy"}) & loaded(module)


@pytest.mark.parametrize("module", ["vaeaug.data", "vaeaug.data.streaming", "vaeaug.runtime.distributed"])
def test_data_and_runtime_load_nothing_heavy(module):
    assert not HEAVY & loaded(module)


def test_a_warning_from_outside_the_package_names_its_line():
    with pytest.warns(UserWarning, match="the sky is falling") as warnings:
        warn("the sky is falling")
    assert warnings[0].filename == __file__
