"""Filters: does a synthetic sample still look like its label?"""

from vaeaug.filters.base import Filter, FilterResult, Teacher
from vaeaug.filters.confident import Confident
from vaeaug.filters.cross_fitted import CrossFitted

__all__ = ["Confident", "CrossFitted", "Filter", "FilterResult", "Teacher"]
