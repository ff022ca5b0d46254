"""The explorer: one HTML file in which a fitted augmenter runs, to look at and to play with."""

from vaeaug.explorer.page import explore

__all__ = ["explore"]
