"""The command line, as a shell runs it, in this process."""

import sys

from vaeaug import cli


def command(*words):
    """Runs the command line with these words; returns its exit code."""
    argv, sys.argv = sys.argv, ["vaeaug", *map(str, words)]
    try:
        cli.main()
    except SystemExit as end:
        return end.code or 0
    finally:
        sys.argv = argv
    return 0
