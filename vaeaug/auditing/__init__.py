"""Is synthetic data good, and does it leak the samples that it was made from? For any data, not only that of this library."""

from vaeaug.auditing.result import Audit
from vaeaug.auditing.run import audit

__all__ = ["Audit", "audit"]
