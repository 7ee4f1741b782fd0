"""The reason table: every reason a driver can be told, in order of precedence (rule 25).

Code, OCPP status per version, driver text and support text are data here; decisions, the sink,
denials, docs and tests read this one table.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NamedTuple


class Reason(StrEnum):
    """Why an attempt got its answer. Declared in order of precedence: the first that holds wins."""

    FREEVEND_OPEN = "FREEVEND_OPEN"
    DECISION_ERROR = "DECISION_ERROR"
    DECISION_TIMED_OUT = "DECISION_TIMED_OUT"
    FREEVEND_TAG_IN_MANAGED = "FREEVEND_TAG_IN_MANAGED"
    UNREADABLE_ID = "UNREADABLE_ID"
    REVOKED = "REVOKED"
    SUSPENDED = "SUSPENDED"
    IDENTITY_CONFLICT = "IDENTITY_CONFLICT"
    AGREEMENT_EXPIRED = "AGREEMENT_EXPIRED"
    AGREEMENT_NOT_YET = "AGREEMENT_NOT_YET"
    IDENTITY_UNCERTAIN = "IDENTITY_UNCERTAIN"
    NOT_ENTITLED_NOW = "NOT_ENTITLED_NOW"
    NOT_ENTITLED_HERE = "NOT_ENTITLED_HERE"
    UNKNOWN_ID = "UNKNOWN_ID"
    NO_IDENTIFICATION = "NO_IDENTIFICATION"
    OWN_FLEET = "OWN_FLEET"
    AGREEMENT_ACTIVE = "AGREEMENT_ACTIVE"


class Flag(StrEnum):
    """A circumstance that does not change the answer but that a reader must see."""

    SCHEDULE_CONFLICT = "SCHEDULE_CONFLICT"
    NEAR_BOUNDARY = "NEAR_BOUNDARY"
    MODE_DRIFT = "MODE_DRIFT"
    STALE_FEED = "STALE_FEED"
    IDENTITY_AMBIGUOUS = "IDENTITY_AMBIGUOUS"
    RETROSPECTIVE = "RETROSPECTIVE"
    STARTED_BY_MODE_CHANGE = "STARTED_BY_MODE_CHANGE"
    OVERSTAY = "OVERSTAY"


class Answer(StrEnum):
    """What the rules say of an attempt. `error` is a failure to evaluate, never a denial."""

    ALLOW = "allow"
    DENY = "deny"
    ERROR = "error"


OcppVersion = Literal["1.6", "2.0.1", "2.1"]
"""As an operator writes it in chargers.csv; the subprotocol is `ocpp` and this."""


class ReasonRow(NamedTuple):
    """One row of the reason table.

    Attributes:
        answer: what the reason does as primary reason.
        status_2x: idTokenInfo.status in OCPP 2.x; None where there is nothing to answer.
        status_16: idTagInfo.status in OCPP 1.6.
        driver_text: sentences shown on the charger; `{t}` is the time that the reason is about,
            `{holder}` is `Agreement` or `Card`. A sentence whose `{t}` does not exist is dropped.
        support_text: for the person who answers the phone.
    """

    reason: Reason
    answer: Answer
    status_2x: str | None
    status_16: str | None
    driver_text: str
    support_text: str


# fmt: off
REASON_TABLE: tuple[ReasonRow, ...] = (
    ReasonRow(Reason.FREEVEND_OPEN, Answer.ALLOW, "Accepted", "Accepted",
              "Open charging.", "Freevend until {t}."),
    # Both error rows show the status of a closed posture; an open one answers Accepted.
    ReasonRow(Reason.DECISION_ERROR, Answer.ERROR, "Unknown", "Invalid",
              "Please contact the depot.", "Evaluation failed: {id}."),
    ReasonRow(Reason.DECISION_TIMED_OUT, Answer.ERROR, "Unknown", "Invalid",
              "Please contact the depot.", "Evaluation failed: {id}."),
    # Accepted because C02.FR.02 demands it of a CSMS; the session is stopped instead.
    ReasonRow(Reason.FREEVEND_TAG_IN_MANAGED, Answer.DENY, "Accepted", "Invalid",
              "Please identify.", "Mode drift; mode pushed again."),
    ReasonRow(Reason.UNREADABLE_ID, Answer.DENY, "Invalid", "Invalid",
              "Try your card again.", "Empty or malformed identifier."),
    ReasonRow(Reason.REVOKED, Answer.DENY, "Blocked", "Blocked",
              "Card no longer valid.", "Revoked {t}."),
    ReasonRow(Reason.SUSPENDED, Answer.DENY, "Blocked", "Blocked",
              "Card paused; contact your manager.", "Suspended {t}."),
    ReasonRow(Reason.IDENTITY_CONFLICT, Answer.DENY, "Blocked", "Blocked",
              "Card needs checking.", "{n} records disagree."),
    ReasonRow(Reason.AGREEMENT_EXPIRED, Answer.DENY, "Expired", "Expired",
              "{holder} has ended.", "Ended {t}."),
    ReasonRow(Reason.AGREEMENT_NOT_YET, Answer.DENY, "Blocked", "Blocked",
              "{holder} not started.", "Starts {t}."),
    ReasonRow(Reason.IDENTITY_UNCERTAIN, Answer.DENY, "Unknown", "Invalid",
              "Could not check your card.", "Feed {age} old."),
    ReasonRow(Reason.NOT_ENTITLED_NOW, Answer.DENY, "NotAtThisTime", "Blocked",
              "Reserved until {t}.", "Known id; window {w}."),
    ReasonRow(Reason.NOT_ENTITLED_HERE, Answer.DENY, "NotAtThisLocation", "Blocked",
              "Not for this charger.", "No entitlement here."),
    ReasonRow(Reason.UNKNOWN_ID, Answer.DENY, "Unknown", "Invalid",
              "Card not recognised. Open at {t}.", "No match, fresh feed."),
    ReasonRow(Reason.NO_IDENTIFICATION, Answer.DENY, None, None,
              "Present your card.", "Occupied {n} s, no identifier."),
    ReasonRow(Reason.OWN_FLEET, Answer.ALLOW, "Accepted", "Accepted",
              "Charging allowed.", "Matched {pseudonym}."),
    ReasonRow(Reason.AGREEMENT_ACTIVE, Answer.ALLOW, "Accepted", "Accepted",
              "Charging allowed.", "Matched {pseudonym}."),
)
# fmt: on

ROW_OF: dict[str, ReasonRow] = {row.reason: row for row in REASON_TABLE}
PRECEDENCE: dict[str, int] = {row.reason: place for place, row in enumerate(REASON_TABLE)}


def wire_status(reason: Reason | str, ocpp: OcppVersion | str) -> str | None:
    """The idTagInfo / idTokenInfo status that tells `reason` to a charger of version `ocpp`.

    None where there is nothing to answer, and for a reason that a newer version invented.
    """
    row = ROW_OF.get(reason)
    if row is None:
        return None
    return row.status_16 if ocpp == "1.6" else row.status_2x
