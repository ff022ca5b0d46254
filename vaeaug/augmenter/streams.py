"""The random streams of generation."""

from enum import IntEnum


class Stream(IntEnum):
    """The random streams drawn from the seed of `generate`. A number never changes its meaning: sample i of a seed stays the
    same."""

    CODES = 0  # the perturbation's noise, for each chunk and attempt
    PARENTS = 1  # the order of the bank's samples
    STARTS = 2  # whether a sample starts from its parent or a pseudo-labelled sample, for each chunk
    CATEGORIES = 3  # the draws of categories, for each chunk and attempt
