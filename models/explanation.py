"""An explanation of one attempt: everything that a support person needs, in words.

Times are said in the site's zone, and kept in UTC beside it. No identifier can be in it, because
none is in a decision (rule 26).
"""

from __future__ import annotations

from models.record import Frozen, UtcDatetime

UNDECIDED = "none"
"""The answer of an attempt of which no decision is recorded."""


class Moment(Frozen):
    """An instant, and how people at the site say it.

    Attributes:
        local: date and time in the site's zone.
        clock: shortest form that cannot be misread beside the attempt.
    """

    at: UtcDatetime
    local: str
    clock: str


class Stretch(Frozen):
    """One interval of the timeline around the attempt; None = no edge on that side is known.

    Attributes:
        because: what makes it so, where the decision says it.
        now: whether the attempt fell into it.
    """

    starts: Moment | None
    ends: Moment | None
    mode: str
    because: str
    now: bool


class MatchSeen(Frozen):
    """A record that matched, without pseudonym.

    Attributes:
        standing: in words: whether it could admit anybody at the time.
    """

    source: str
    reference: str
    identity_class: str
    identifier_type: str
    state: str
    state_since: Moment | None
    valid_from: Moment
    valid_to: Moment | None
    standing: str


class Held(Frozen):
    """A reason or a flag that held, and its meaning."""

    code: str
    meaning: str


class ToldSeen(Frozen):
    """What the driver was told, or would be.

    Attributes:
        accepted, status, text: None when the charger was gone before the answer.
        because: what the answer rests on, in words.
        answered, took_ms, tries_count: when, how long after its arrival, and with how many
            requests; None for an attempt that is only imagined.
        late: a decision exists, and it came after the deadline.
    """

    accepted: bool | None
    status: str | None
    text: str | None
    because: str
    answered: Moment | None = None
    took_ms: int | None = None
    tries_count: int | None = None
    late: bool = False


class Different(Frozen):
    """When the answer would be another one, why, and which."""

    at: Moment
    cause: str
    then: str


class DataSeen(Frozen):
    """One thing that the decision was made from, and how old it was."""

    what: str
    said: str


class Explanation(Frozen):
    """Everything a support person needs of one attempt.

    Attributes:
        recorded: False for an attempt that was only imagined.
        answer: allow, deny, error, or none where nothing was decided.
        headline: the answer in a few words; `sentence` says why.
        zone: IANA name in which local times are.
        notes: circumstances that are easily overlooked.
    """

    decision_id: str
    recorded: bool
    answer: str
    headline: str
    sentence: str
    site_id: str
    charger_id: str
    connector: int | None
    ocpp: str
    kind: str
    token: str
    stage: str
    zone: str
    happened: Moment
    received: Moment
    timeline: tuple[Stretch, ...]
    matches: tuple[MatchSeen, ...]
    data: tuple[DataSeen, ...]
    reasons: tuple[Held, ...]
    flags: tuple[Held, ...]
    told: ToldSeen | None
    different: Different | None
    advice: tuple[str, ...]
    notes: tuple[str, ...]
