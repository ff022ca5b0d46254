"""What setup.cfg cannot say: where the project lives, and its README with absolute links, for PyPI has no files beside it."""

import re
from pathlib import Path

# The one place of the address; tests/test_packaging.py compares the other files with it.
REPOSITORY = "https://github.com/OWNER/vaeaug"


def with_absolute_links(text, version):
    """Returns Markdown whose relative links and pictures lead to the tag of a version."""
    raw = REPOSITORY.replace("github.com", "raw.githubusercontent.com")
    text = re.sub(r"(!\[[^\]]*\]\()(?!https?:|#)", rf"\g<1>{raw}/v{version}/", text)
    return re.sub(r"(?<!!)(\[[^\]]*\]\()(?!https?:|#)", rf"\g<1>{REPOSITORY}/blob/v{version}/", text)


def metadata():
    """Returns the arguments of `setup` that are not in setup.cfg."""
    root = Path(__file__).parent
    version = re.search(r'"(.+)"', (root / "vaeaug" / "_version.py").read_text(encoding="utf-8"))[1]
    return {
        "url": REPOSITORY,
        "long_description": with_absolute_links((root / "README.md").read_text(encoding="utf-8"), version),
        "project_urls": {
            "Documentation": f"{REPOSITORY}/tree/main/docs",
            "Changelog": f"{REPOSITORY}/blob/main/CHANGELOG.md",
            "Issues": f"{REPOSITORY}/issues",
        },
    }


if __name__ == "__main__":
    from setuptools import setup  # which tests of the functions above do without

    setup(**metadata())
