"""An attempt: a token presented to start (rule 30), and what travels around it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from models.clocks import UNCERTAINTY_MAX_S, TimeDoubt
from models.ids import (
    AttemptId,
    ChargerId,
    ConnectionId,
    GatewayInstance,
    Pseudonym,
    RequestId,
    SiteId,
    Slot,
)
from models.languages import ENGLISH
from models.reasons import Answer, Flag, OcppVersion, Reason
from models.record import Frozen, Open, Record, UtcDatetime
from models.schedule import Mode
from models.site import FeedPolicy, IdentityClass, IdentityState, Posture, Stage

SLOTS = 16
"""Reply partitions of access.decisions and charger.commands, fixed for life."""


class TokenKind(StrEnum):
    """What kind of thing was presented (rule 17)."""

    IDENTIFIED = "identified"
    FREEVEND_TAG = "freevend_tag"
    ASSISTED_TAG = "assisted_tag"
    """The token of sessions that are started from here (models/assisted.py). It has no record, so
    freevend accepts it as any other, and managed time refuses it as unknown."""
    UNREADABLE = "unreadable"


class AttemptKind(StrEnum):
    """The OCPP action that presented it."""

    AUTHORIZE = "Authorize"
    START_TRANSACTION = "StartTransaction"
    TRANSACTION_EVENT = "TransactionEvent"


class PseudonymousCandidate(Frozen):
    """One reading of the token: its type, and its pseudonym under every key epoch."""

    identifier_type: str
    pseudonyms: tuple[Pseudonym, ...]


class Token(Frozen):
    """A presented token as it may leave the gateway: pseudonyms and a display form (rule 26)."""

    kind: Open[TokenKind]
    display: str
    candidates: tuple[PseudonymousCandidate, ...] = ()

    @property
    def pseudonym(self) -> Pseudonym | None:
        """The first reading under the newest epoch: what people see, and reports group by."""
        return self.candidates[0].pseudonyms[0] if self.candidates else None

    @property
    def lasting_pseudonym(self) -> Pseudonym | None:
        """The first reading under the oldest epoch in use: the same before and after a rotation,
        so a token that is presented twice stays one attempt, and a repeated start has one id."""
        return self.candidates[0].pseudonyms[-1] if self.candidates else None


class ModeKnown(Frozen):
    """A charger's mode as its gateway knows it (rule 16).

    Attributes:
        commanded: of the last switch on this connection that was carried out; None = none was, or
            it was forgotten with a boot.
        observed: last read back, or shown by behaviour, since then.
        switching: a switch is under way.
    """

    commanded: Mode | None = None
    observed: Mode | None = None
    switching: bool = False


class Attempt(Frozen):
    """What the rules judge, without how it was carried.

    Attributes:
        event_at: the attempt is judged at this time (rule 11).
        received_at: arrival at the gateway.
        charger_at: the charger's own timestamp, as it came.
        replayed: 2.x `offline=true`, or an old 1.6 timestamp (rule 11).
        uncertainty_s: of `event_at`; an edge within it attaches NEAR_BOUNDARY (rule 11).
        clock_offset_s: of the charger's clock, by which `charger_at` was corrected; None where it
            was not: a live message, or a clock that was not measured.
        time_doubt: why a timestamp was not believed, and the arrival judged by.
        mode: of the charger when the attempt arrived; None where nothing is known of it, and in a
            replay, which tells of another time.
    """

    request_id: RequestId
    attempt_id: AttemptId
    charger_id: ChargerId
    site_id: SiteId
    ocpp: Open[OcppVersion]
    kind: Open[AttemptKind]
    token: Token
    event_at: UtcDatetime
    received_at: UtcDatetime
    charger_at: UtcDatetime | None = None
    replayed: bool = False
    uncertainty_s: Annotated[float, Field(ge=0, le=UNCERTAINTY_MAX_S)]
    session_id: UUID | None = None
    connector: int | None = None
    clock_offset_s: float | None = None
    time_doubt: Open[TimeDoubt] | None = None
    mode: ModeKnown | None = None


class AccessRequest(Record):
    """An attempt on its way to a worker; the answer goes to partition `slot` of the decisions."""

    attempt: Attempt
    connection_id: ConnectionId
    gateway_instance: GatewayInstance
    slot: Annotated[Slot, Field(ge=0, lt=SLOTS)]
    deadline_at: UtcDatetime
    try_number: int = 1


class Admission(Frozen):
    """A stretch of managed time in which access rules admit an identity at a charger (rule 28).

    Attributes:
        starts_at, ends_at: half-open, and cut to what is known (see Entitlement).
        rule, window: which of the site's access rules begins it, and which of its windows.
    """

    starts_at: UtcDatetime
    ends_at: UtcDatetime
    rule: str
    window: str


class Entitlement(Frozen):
    """When a match is admitted at the charger, around and after event time (rule 28).

    Attributes:
        admissions: nearest first; none where nothing admits it before `known_until`.
        known_until: what comes from here on is not in these facts.
    """

    admissions: tuple[Admission, ...]
    known_until: UtcDatetime


class Match(Frozen):
    """An identity record that one of the token's pseudonyms met.

    Attributes:
        entitlement: None where no access rule limits it at this charger (rule 28).
    """

    source: str
    reference: str
    identity_class: Open[IdentityClass]
    identifier_type: str
    pseudonym: Pseudonym
    valid_from: UtcDatetime
    valid_to: UtcDatetime | None
    state: Open[IdentityState]
    state_since: UtcDatetime | None
    entitlement: Entitlement | None = None


class Edge(Frozen):
    """An instant at which the mode changes, and what it changes to."""

    at: UtcDatetime
    mode: Mode


class ScheduleFacts(Frozen):
    """Which schedule governed the charger, and the interval that held at event time.

    Attributes:
        scope: charger, group or site: whose schedule it is, or whose override (rule 7).
        layer, name, date: what won: a row of models.layers, its name (of an override its reason),
            and the date on which it starts (of an override None).
        starts_at, ends_at: the half-open interval of one mode (rule 3); None = no edge there.
        edges_ahead: the next mode edges after event time, nearest first.
        override_id: of the override or lock that won (rule 9).
    """

    schedule_id: str
    scope: str
    mode: Mode
    layer: str
    name: str
    date: str | None
    starts_at: UtcDatetime | None
    ends_at: UtcDatetime | None
    edges_ahead: tuple[Edge, ...]
    conflict: bool
    override_id: str | None = None


class FeedFacts(Frozen):
    """A source that ages and speaks about the site, and the time of what it said last (rule 22)."""

    source: str
    content_at: UtcDatetime


class Facts(Frozen):
    """Everything a decision was made from, so that it can be made again from itself (rule 10).

    Attributes:
        evaluated_at: when the worker gathered the facts.
        problem: why they could not be gathered; a rung of the ladder, not an exception (rule 24).
        feeds: sources that speak about the site and age; those of depot folders do not.
        feed_policy: how old they may be here; None = nothing ages, or the defaults of rule 22.
        languages: of the site, the first one first.
    """

    evaluated_at: UtcDatetime
    stage: Open[Stage]
    timezone: str
    schedule: ScheduleFacts | None
    matches: tuple[Match, ...]
    site_revision: str
    identity_revision: str
    tzdata_version: str
    problem: str | None = None
    feeds: tuple[FeedFacts, ...] = ()
    feed_policy: FeedPolicy | None = None
    languages: tuple[str, ...] = (ENGLISH,)


class DriverText(Frozen):
    """What a driver is told in one language.

    Attributes:
        language: code by BCP 47, as OCPP has it.
    """

    language: str
    text: str


class Verdict(Frozen):
    """What the rules say, and how to say it.

    Attributes:
        reason: primary reason (rule 25).
        reasons: every reason of the same direction that holds, primary first.
        attribution: reference of the one matched record; empty when several matched (rule 20).
        next_change_at: when the answer would next change, as far as the known edges tell.
        next_change_cause: what changes it then.
        valid_until: the next edge of mode, validity or feed age, whether or not the answer changes
            there: no copy of the answer may live up to it (rule 23). None = no edge is known.
        driver_text: in the site's first language, which is `language`.
        more_texts: the same in its other languages.
    """

    answer: Open[Answer]
    reason: Open[Reason]
    reasons: tuple[Open[Reason], ...]
    flags: tuple[Open[Flag], ...]
    attribution: str | None
    next_change_at: UtcDatetime | None
    next_change_cause: str | None
    driver_text: str
    support_text: str
    valid_until: UtcDatetime | None = None
    language: str = ENGLISH
    more_texts: tuple[DriverText, ...] = ()


class Decision(Record):
    """What enforce answers, with what it was made from; `decision_id` is the `request_id`."""

    decision_id: RequestId
    attempt: Attempt
    facts: Facts
    rules_version: str
    verdict: Verdict


class Basis(StrEnum):
    """What the driver's answer rests on."""

    DECISION = "decision"
    POSTURE = "posture"
    STAGE = "stage"


class Told(Frozen):
    """What the driver was told: OCPP status, text where the version carries one.

    Attributes:
        language: of the text.
        more_texts: the text in the site's other languages, for versions that carry several.
    """

    accepted: bool
    status: str
    text: str | None
    basis: Open[Basis]
    language: str = ENGLISH
    more_texts: tuple[DriverText, ...] = ()


class Outcome(Record):
    """The truth about one attempt: the decision applied, or the posture, and when (rule 24).

    Attributes:
        reason: the primary reason, DECISION_TIMED_OUT where none arrived, None in stage off.
        verdict: what was decided in time; None with the posture or in stage off.
        posture: the site's, where it was applied.
        told: None when the socket was gone before the answer.
        answered_at: handed to the socket, or given up.
    """

    request_id: RequestId
    attempt: Attempt
    connection_id: ConnectionId
    gateway_instance: GatewayInstance
    slot: Slot
    stage: Open[Stage]
    schedule: ScheduleFacts | None
    verdict: Verdict | None
    reason: Open[Reason] | None
    posture: Open[Posture] | None
    told: Told | None
    answered_at: UtcDatetime
    deadline_at: UtcDatetime
    tries_count: int


class Denial(Record):
    """A refusal as an access decision, flat for analysts: never a fault (rule 24).

    Attributes:
        denial_id: the attempt's `request_id`: doing it twice is harmless.
        would_deny: True in stage shadow, where the driver was told Accepted (rule 27).
        misuse: False where the identity could not be judged (rule 22).
    """

    denial_id: RequestId
    attempt_id: AttemptId
    at: UtcDatetime
    site_id: SiteId
    charger_id: ChargerId
    connector: int | None
    ocpp: str
    kind: str
    stage: str
    would_deny: bool
    misuse: bool
    reason: str
    reasons: tuple[str, ...]
    flags: tuple[str, ...]
    token: str
    pseudonym: Pseudonym | None
    attribution: str | None
    schedule_id: str | None
    window: str | None
    told_status: str | None
    told_text: str | None
    support_text: str
    next_change_at: UtcDatetime | None
