"""Tries vaeaug with several versions of Python and its dependencies, each in an environment of its own.

    nox                       newest and lowest dependencies, for every Python that is installed
    nox -s newest-3.13        one of them
    nox -s wheel-3.13         the wheel with its core dependencies alone

`python noxfile.py` prints the versions that the environments got, for docs/versions.md. torch is large: the first run
downloads some gigabytes, which uv then shares between the environments.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
# The tests of what depends most on versions. `make test` runs all, with the versions of one environment.
TESTS = ("layout", "packaging", "vae", "augmenter", "saving", "torch_plugin", "sklearn_plugin", "images", "cli")
SHOWN = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "scikit-learn",
    "pillow",
    "safetensors",
    "tqdm",
    "threadpoolctl",
    "typer",
)
TESTS_OF = [f"tests/test_{name}.py" for name in TESTS]
RESULTS = Path(".nox") / "results"


def report(name, passed, python):
    """Keeps the versions of an environment and whether its tests passed."""
    listed = subprocess.run(
        ["uv", "pip", "list", "-p", python, "--format", "json"], capture_output=True, check=True, text=True
    )
    found = {package["name"].lower(): package["version"] for package in json.loads(listed.stdout)}
    version = subprocess.run([python, "-V"], capture_output=True, check=True, text=True).stdout.split()[1]
    RESULTS.mkdir(parents=True, exist_ok=True)
    content = {"python": version, "tests": passed, **{package: found.get(package, "") for package in SHOWN}}
    (RESULTS / f"{name}.json").write_text(json.dumps(content))


def table():
    """Returns the versions that were tried as a Markdown table."""
    rows = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    columns = ("python", *SHOWN, "tests")
    lines = [["environment", *columns]] + [[name, *(str(row[c]) for c in columns)] for name, row in rows.items()]
    text = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([text[0], "|" + "---|" * len(lines[0]), *text[1:]])


def run_tests(session, name, resolution, extra):
    """Installs this project with the lowest or the newest versions that it allows, and runs its tests."""
    session.install(f".[{extra}]", "--resolution", resolution)
    python = str(Path(session.virtualenv.location, "Scripts" if sys.platform == "win32" else "bin", "python"))
    out = session.run(
        "python", "-m", "pytest", "-q", *TESTS_OF, env={"OMP_NUM_THREADS": "1"}, success_codes=[0, 1], silent=True
    )
    summary = str(out).strip().splitlines()[-1]
    session.log(summary)
    report(name, re.sub(r" in .*", "", summary.strip("= ")), python)
    if "failed" in summary or "error" in summary:
        session.error(str(out))


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
else:
    import nox

    nox.options.default_venv_backend = "uv"
    nox.options.error_on_missing_interpreters = False

    @nox.session(python=PYTHONS)
    def newest(session):
        """The tests with the newest dependencies."""
        run_tests(session, f"newest-{session.python}", "highest", "test,tables,report")

    @nox.session(python=PYTHONS[0])
    def lowest(session):
        """The tests with the lowest dependencies that setup.cfg allows."""
        run_tests(session, f"lowest-{session.python}", "lowest-direct", "test,tables,report")

    @nox.session(python=PYTHONS)
    def wheel(session):
        """The wheel and nothing but its core dependencies: a fit, synthetic samples and a benchmark."""
        folder = Path(session.create_tmp())
        shutil.rmtree(folder / "dist", ignore_errors=True)
        session.run("uv", "build", "--wheel", "-o", str(folder / "dist"), external=True)
        (built,) = (folder / "dist").glob("*.whl")
        session.install(str(built))
        session.chdir(folder)
        session.run("vaeaug", "fit", "digits", "--steps", "50", "-o", "model")
        session.run("vaeaug", "generate", "model", "-n", "20", "-o", "more")
        session.run("vaeaug", "bench", "wine", "--per-class", "5", "--seeds", "1", "--jobs", "1", "--vae-steps", "5")
