"""What fails again and again is said once: the line that matters is not pushed out of the log."""

from __future__ import annotations

import structlog

from models.errors import DepotgateError

log = structlog.get_logger()


class Failing:
    """One thing that is tried until it works.

    Args:
        what: names it in the log, as `sink.fetch`.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._cause = ""

    def failed(self, fault: Exception) -> None:
        """Say why, unless it was the same the last time."""
        # An error of a library may carry anything in its text.
        cause = str(fault) if isinstance(fault, DepotgateError) else type(fault).__name__
        if cause != self._cause:
            log.warning(f"{self._what}_failed", cause=cause)
        self._cause = cause

    def worked(self) -> None:
        """Say that it works again, where it did not the last time."""
        if self._cause:
            log.warning(f"{self._what}_works")
        self._cause = ""
