"""Where a fact about chargers comes from."""

from __future__ import annotations

from enum import StrEnum


class Confidence(StrEnum):
    """Where a row's keys, or the spelling of a make, come from.

    Only behaviour proves a charger (finding 4).
    """

    OBSERVED = "observed"
    DOCUMENTED = "documented"
    DUMP = "dump"
    FIELD_TEST = "field_test"
    PULL_REQUEST = "pull_request"
    ISSUE_THREAD = "issue_thread"
    ONE_CSMS = "one_csms"
    UNVERIFIED = "unverified"
    NONE = "none"
