"""Runs the command line as `python -m vaeaug`, for example under torchrun."""

from vaeaug.cli import main

if __name__ == "__main__":
    main()
