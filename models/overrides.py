"""What people decide of the day: overrides and safety locks, and the rules they keep (rule 9)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from models.errors import OverrideRefusedError
from models.ids import OverrideId, SiteId, timed_id
from models.layers import LayerName
from models.record import Open, Record, UtcDatetime
from models.schedule import Mode
from models.site import ChargerRecord

LASTS_MAX = timedelta(hours=72)
"""Rule 9: what holds for longer belongs into the schedule, where it can be seen."""

UNENDED_MAX = 200
"""Of one site, in force or planned: more than one for each charger of most depots. A mode for many
chargers is one override of their group or site."""

KEPT_FOR = timedelta(days=30)
"""After its end a record still answers for attempts that a charger replays late: as long as charger
events are kept."""

ENDED_KEPT_MAX = 500
"""Of one site: a program that adds and ends all day fills no worker's memory; the oldest go
first."""

TEXT_MAX_CHARS = 200
"""Of reason and actor: one line on a screen, and every decision under the override repeats it."""


class Scope(StrEnum):
    """For which chargers an override speaks."""

    CHARGER = "charger"
    GROUP = "group"
    SITE = "site"


SCOPES = tuple(Scope)
"""The narrower first: it wins (rule 7)."""


class Phase(StrEnum):
    """Where an override is in its life."""

    PLANNED = "planned"
    IN_FORCE = "in force"
    ENDED = "ended"


class Target(NamedTuple):
    """Whom an override is for.

    Attributes:
        site_id: of the charger or group; the site itself.
        name: the id of charger, group or site.
    """

    site_id: SiteId
    scope: Scope
    name: str


class OverrideRecord(Record):
    """One override, or safety lock, from its beginning to its end.

    Attributes:
        target: the id of charger, group or site, by `scope`.
        lock: a safety lock: managed, without an end of its own (rule 9).
        starts_at, ends_at: half-open [start, end); no end for a lock.
        created_at: when it was written; of two in one scope the newer one wins (rule 7).
        ended_at: when a person ended it, who, and why.
    """

    override_id: OverrideId
    site_id: SiteId
    scope: Open[Scope]
    target: str
    mode: Mode
    lock: bool = False
    starts_at: UtcDatetime
    ends_at: UtcDatetime | None
    actor: str
    reason: str
    created_at: UtcDatetime
    ended_at: UtcDatetime | None = None
    ended_by: str | None = None
    ended_reason: str | None = None

    @property
    def layer(self) -> LayerName:
        """Its row in models.layers."""
        return LayerName.LOCK if self.lock else LayerName.OVERRIDE

    @property
    def whom(self) -> str:
        """Whom it is for, in words."""
        place = "" if self.scope == Scope.SITE else f" of site {self.site_id}"
        return f"{self.scope} {self.target}{place}"

    @property
    def stops_at(self) -> datetime | None:
        """The first instant at which it no longer holds; None while nobody lifted a lock."""
        return self.ended_at or self.ends_at

    def phase(self, at: datetime) -> Phase:
        """Where it is in its life at an instant."""
        if self.stops_at is not None and self.stops_at <= at:
            return Phase.ENDED
        return Phase.PLANNED if at < self.starts_at else Phase.IN_FORCE


class OverrideRequest(NamedTuple):
    """What a person asks for.

    Attributes:
        starts_at: None = now.
        ends_at: None for a lock.
    """

    target: Target
    mode: Mode
    lock: bool
    starts_at: datetime | None
    ends_at: datetime | None
    actor: str
    reason: str


def begun(request: OverrideRequest, now: datetime) -> OverrideRecord:
    """The record of a request that keeps rule 9.

    Raises:
        OverrideRefusedError: naming what the rule asks for and what came.
    """
    starts_at = request.starts_at or now
    _check_said(request.actor, "actor", "--actor NAME")
    _check_said(request.reason, "reason", "--reason TEXT")
    if starts_at < now:
        raise OverrideRefusedError(
            f"expected a start at or after now ({now:%Y-%m-%dT%H:%M:%SZ}), got "
            f"{starts_at:%Y-%m-%dT%H:%M:%SZ}; what has happened is not changed afterwards (rule 9)"
        )
    if request.lock:
        _check_lock(request)
    else:
        _check_end(request.ends_at, starts_at)
    target = request.target
    natural_key = (request.actor, target.site_id, target.scope, target.name, request.mode)
    return OverrideRecord(
        override_id=OverrideId(timed_id(now, "override", *natural_key, now.isoformat())),
        site_id=target.site_id,
        scope=target.scope,
        target=target.name,
        mode=request.mode,
        lock=request.lock,
        starts_at=starts_at,
        ends_at=request.ends_at,
        actor=request.actor,
        reason=request.reason,
        created_at=now,
    )


def ended(record: OverrideRecord, now: datetime, actor: str, reason: str) -> OverrideRecord:
    """The record, ended by a person.

    Raises:
        OverrideRefusedError: it has ended already, or actor or reason is missing.
    """
    _check_said(actor, "actor", "--actor NAME")
    _check_said(reason, "reason", "--reason TEXT")
    stopped_at = record.stops_at
    if stopped_at is not None and stopped_at <= now:
        how = f"was ended by {record.ended_by}" if record.ended_at else "ended by itself"
        raise OverrideRefusedError(
            f"expected an override that holds or is planned, got {record.override_id}, which "
            f"{how} at {stopped_at:%Y-%m-%dT%H:%M:%SZ}"
        )
    return record.model_copy(update={"ended_at": now, "ended_by": actor, "ended_reason": reason})


def _check_said(text: str, what: str, option: str) -> None:
    if not text.strip():
        raise OverrideRefusedError(f"expected {what} of the override, got none; give {option}")
    if not text.isprintable():
        raise OverrideRefusedError(
            f"expected {what} on one line of printable characters, got line breaks, tabs or "
            f"control characters; write {option} without them"
        )
    if len(text) > TEXT_MAX_CHARS:
        raise OverrideRefusedError(
            f"expected {what} on one line of at most {TEXT_MAX_CHARS} characters, "
            f"got {len(text)}; shorten {option}"
        )


def _check_lock(request: OverrideRequest) -> None:
    if request.mode is not Mode.MANAGED:
        raise OverrideRefusedError(
            f"expected mode managed of a safety lock, got {request.mode} (rule 9); "
            "without --lock it is an override with an end"
        )
    if request.ends_at is not None:
        raise OverrideRefusedError(
            "expected no end of a safety lock, got --until; it holds until a person ends it "
            "(rule 9)"
        )


def _check_end(ends_at: datetime | None, starts_at: datetime) -> None:
    if ends_at is None:
        raise OverrideRefusedError(
            "expected an end of the override, got none; give --until, at most 72 h after the "
            "start (only a safety lock, --lock, has none; rule 9)"
        )
    if ends_at <= starts_at:
        raise OverrideRefusedError(
            f"expected an end after the start ({starts_at:%Y-%m-%dT%H:%M:%SZ}), got "
            f"{ends_at:%Y-%m-%dT%H:%M:%SZ}"
        )
    if ends_at - starts_at > LASTS_MAX:
        raise OverrideRefusedError(
            f"expected an end at most 72 h after the start ({starts_at:%Y-%m-%dT%H:%M:%SZ}), got "
            f"{ends_at:%Y-%m-%dT%H:%M:%SZ} (rule 9); what holds for longer belongs into the "
            "schedule, as an exception"
        )


def check_room(standing: Iterable[OverrideRecord], site_id: SiteId, now: datetime) -> None:
    """Hold a site to its bound before one more is added.

    Raises:
        OverrideRefusedError: it has UNENDED_MAX already.
    """
    unended = [each for each in _of_site(standing, site_id) if each.phase(now) is not Phase.ENDED]
    if len(unended) >= UNENDED_MAX:
        raise OverrideRefusedError(
            f"expected fewer than {UNENDED_MAX} overrides in force or planned at site {site_id}, "
            f"got {len(unended)}; end some, or use one for their group or site"
        )


def outlived(standing: Iterable[OverrideRecord], now: datetime) -> tuple[OverrideRecord, ...]:
    """Records that ended so long ago, or before so many others of their site, that they can go."""
    ended_of: dict[SiteId, list[tuple[datetime, OverrideRecord]]] = defaultdict(list)
    for record in standing:
        if record.phase(now) is Phase.ENDED and record.stops_at is not None:
            ended_of[record.site_id].append((record.stops_at, record))
    gone: list[OverrideRecord] = []
    for of_site in ended_of.values():
        of_site.sort(key=lambda each: (each[0], each[1].override_id), reverse=True)
        gone += [
            record
            for place, (stopped_at, record) in enumerate(of_site)
            if place >= ENDED_KEPT_MAX or now - stopped_at > KEPT_FOR
        ]
    return tuple(gone)


def _of_site(records: Iterable[OverrideRecord], site_id: SiteId) -> Iterable[OverrideRecord]:
    return (record for record in records if record.site_id == site_id)


class OverrideTable:
    """Overrides by whom they are for: what speaks for a charger is found in three look-ups."""

    def __init__(self, records: Iterable[OverrideRecord]) -> None:
        self._of: dict[tuple[str, ...], list[OverrideRecord]] = defaultdict(list)
        for record in sorted(records, key=lambda each: each.override_id):
            self._of[_key(record.scope, record.site_id, record.target)].append(record)

    def of(self, charger: ChargerRecord) -> tuple[OverrideRecord, ...]:
        """Every override that speaks for a charger at some time, also those that have ended."""
        if not self._of:
            return ()
        site_id = charger.site_id
        named = (
            (Scope.CHARGER, charger.charger_id),
            (Scope.GROUP, charger.group),
            (Scope.SITE, site_id),
        )
        return tuple(
            record
            for scope, name in named
            if name is not None
            for record in self._of.get(_key(scope, site_id, name), ())
        )


def _key(scope: str, site_id: SiteId, name: str) -> tuple[str, ...]:
    # Charger ids are unique over all sites: a lock goes with its charger to another site.
    return (scope, name) if scope == Scope.CHARGER else (scope, site_id, name)
