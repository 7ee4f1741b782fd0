"""Depots and attempts of every kind, drawn at random from one seed.

Drawn wide rather than likely: overlapping windows, several records of one card, wrong clocks,
expired feeds, overrides, access rules, missing configuration. Each draw is cheap, so that ten
thousand of them fit into a test.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from models.attempt import Attempt, AttemptKind, FeedFacts, PseudonymousCandidate, Token, TokenKind
from models.governing import Governing, governing_schedule
from models.identifiers import KeyEpoch, Pseudonymiser, candidates, display_form
from models.ids import (
    AttemptId,
    ChargerId,
    OverrideId,
    Pseudonym,
    RequestId,
    SiteId,
    session_id,
    timed_id,
)
from models.overridden import OverriddenTimeline
from models.overrides import OverrideRecord, OverrideTable, Scope
from models.schedule import WEEKDAYS, DatedException, Mode, Schedule, Weekday, WeeklyWindow, Window
from models.site import (
    AccessRule,
    ChargerRecord,
    ExpiredFeed,
    FeedPolicy,
    Group,
    IdentityClass,
    IdentityRecord,
    IdentityState,
    SiteRecord,
    Stage,
)
from models.timeline import Timeline
from models.zones import zone

NOW = datetime(2026, 7, 14, 12, tzinfo=UTC)
SITE = SiteId("generated")
ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Asia/Gaza", "UTC")
TIMES = ("00:00", "02:30", "06:00", "09:15", "18:00", "22:00")
SOURCES = ("folder", "own-fleet", "agreements")
GROUPS = ("buses", "visitors")
NEWER = "a_word_of_a_newer_writer"
CARDS = tuple(f"04{number:06X}" for number in range(40))
PSEUDONYMS = Pseudonymiser((KeyEpoch("k2", b"y" * 32), KeyEpoch("k1", b"x" * 32)), "default")


class GeneratedDepot:
    """One site with everything that a decision can be made from."""

    def __init__(self, seed: int) -> None:
        self.drawn = random.Random(seed)
        self.site = self._site()
        self.chargers = {charger.charger_id: charger for charger in self._chargers()}
        self.cards: dict[Pseudonym, tuple[IdentityRecord, ...]] = {}
        for card in CARDS[:30]:
            records = tuple(self._records(card))
            if records:
                self.cards[records[0].pseudonym] = records
        self._feeds = tuple(self._ageing())
        self._overrides = OverrideTable(self._overriding())
        self._timelines: dict[str, Timeline] = {}

    def governing(self, charger_id: ChargerId) -> Governing | None:
        """None for a charger without row or schedule."""
        charger = self.chargers.get(charger_id)
        found = governing_schedule(charger, self.site) if charger else None
        if charger is None or found is None:
            return None
        scope, schedule = found
        if schedule.id not in self._timelines:
            self._timelines[schedule.id] = Timeline(schedule, zone(self.site.timezone))
        timeline = self._timelines[schedule.id]
        overrides = self._overrides.of(charger)
        over = OverriddenTimeline(timeline, overrides) if overrides else timeline
        return Governing(charger, self.site, schedule.id, scope, over)

    def identities(self, pseudonym: Pseudonym, _site_id: SiteId) -> tuple[IdentityRecord, ...]:
        """Of a card."""
        return self.cards.get(pseudonym, ())

    def identity_revision(self, _site_id: SiteId) -> str:
        """Of all sources."""
        return ",".join(f"{source}@r1" for source in SOURCES)

    def feed_facts(self, _site_id: SiteId) -> tuple[FeedFacts, ...]:
        """Of sources that age."""
        return self._feeds

    def _instant(self, days: float) -> datetime:
        return NOW + timedelta(seconds=round(self.drawn.uniform(-days, days) * 86_400))

    def _site(self) -> SiteRecord:
        schedules = tuple(self._schedule(name) for name in ("a", "b", "c"))
        return SiteRecord(
            site_id=SITE,
            name="Generated",
            timezone=self.drawn.choice(ZONES),
            stage=self.drawn.choice([*Stage, NEWER]),
            freevend_tag="YARDISOPEN",
            schedules=schedules,
            groups=(Group(id="buses", schedule="b"), Group(id="visitors")),
            schedule=self.drawn.choice(["a", "a", None]),
            feed=FeedPolicy(expired=self.drawn.choice([*ExpiredFeed, NEWER])),
            access=tuple(self._rule() for _ in range(self.drawn.choice([0, 1, 2]))),
            revision="r1",
            loaded_at=NOW,
        )

    def _schedule(self, name: str) -> Schedule:
        drawn = self.drawn
        windows = tuple(
            Window(
                name=drawn.choice(["", "night", "day"]),
                days=self._days(),
                start=drawn.choice(TIMES),
                end=drawn.choice(TIMES),
                mode=drawn.choice([*Mode]),
            )
            for _ in range(drawn.randrange(4))
        )
        exceptions = tuple(
            DatedException(on=date(2026, 7, day), mode=drawn.choice([*Mode]))
            for day in drawn.sample(range(1, 28), 2)
        )
        return Schedule(
            id=name, default=drawn.choice([*Mode]), windows=windows, exceptions=exceptions
        )

    def _days(self) -> tuple[Weekday, ...]:
        return tuple(self.drawn.sample(WEEKDAYS, self.drawn.randint(1, 7)))

    def _rule(self) -> AccessRule:
        drawn = self.drawn
        windows = (WeeklyWindow(days=self._days(), start="06:00", end="18:00"),)
        return AccessRule(
            who=drawn.choice([*IdentityClass]),
            reference=drawn.choice([None, "REF-1"]),
            where=drawn.choice([(), ("buses",)]),
            windows=drawn.choice([(), windows]),
        )

    def _chargers(self) -> Iterator[ChargerRecord]:
        for number in range(6):
            yield ChargerRecord(
                charger_id=ChargerId(f"C-{number}"),
                site_id=SITE,
                group=self.drawn.choice([None, *GROUPS]),
                security_profile=0,
                schedule=self.drawn.choice([None, None, "c"]),
                revision="r1",
            )

    def _records(self, card: str) -> Iterator[IdentityRecord]:
        reading = candidates(card, "ISO14443")[0]
        for number in range(self.drawn.choice([0, 1, 1, 1, 2, 3, 17])):
            valid_from = (
                self._instant(30) if self.drawn.random() < 0.3 else self._instant(0) - _YEAR
            )
            length = self.drawn.choice([None, None, timedelta(days=20), _YEAR])
            yield IdentityRecord(
                source=self.drawn.choice(SOURCES),
                pseudonym=PSEUDONYMS.current(reading),
                identifier_type="ISO14443",
                display=display_form(reading),
                identity_class=self.drawn.choice([*IdentityClass, *IdentityClass, NEWER]),
                reference=f"REF-{self.drawn.randrange(20)}-{number}",
                valid_from=valid_from,
                valid_to=valid_from + length if length else None,
                state=self.drawn.choice([*4 * [IdentityState.ACTIVE], *IdentityState, NEWER]),
                state_since=self.drawn.choice([None, valid_from]),
            )

    def _ageing(self) -> Iterator[FeedFacts]:
        for source in SOURCES[1:]:
            age = self.drawn.choice([None, 60, 3_600, 200_000])
            if age is not None:
                yield FeedFacts(source=source, content_at=NOW - timedelta(seconds=age))

    def _overriding(self) -> Iterator[OverrideRecord]:
        for number in range(self.drawn.choice([0, 0, 1, 3])):
            starts_at = self._instant(3)
            lock = self.drawn.random() < 0.2
            scope, target = self.drawn.choice(
                [(Scope.SITE, str(SITE)), (Scope.GROUP, "buses"), (Scope.CHARGER, "C-1")]
            )
            yield OverrideRecord(
                override_id=OverrideId(timed_id(starts_at, number)),
                site_id=SITE,
                scope=scope,
                target=target,
                mode=Mode.MANAGED if lock else self.drawn.choice([*Mode]),
                lock=lock,
                starts_at=starts_at,
                ends_at=None if lock else starts_at + timedelta(hours=self.drawn.randint(1, 72)),
                actor="yard",
                reason="power cut",
                created_at=starts_at,
            )

    def attempt(self, number: int) -> Attempt:
        """An attempt at any charger, also at one that nobody knows."""
        drawn = self.drawn
        charger_id = ChargerId(f"C-{drawn.randrange(7)}")
        event_at = self._instant(3) + timedelta(microseconds=drawn.choice([0, 1, 500_000]))
        replayed = drawn.random() < 0.2
        request_id = RequestId(timed_id(event_at, charger_id, number))
        return Attempt(
            request_id=request_id,
            attempt_id=AttemptId(request_id),
            charger_id=charger_id,
            site_id=SITE,
            ocpp=drawn.choice(["1.6", "2.0.1", "9.9"]),
            kind=drawn.choice([*AttemptKind, NEWER]),
            token=self._token(),
            event_at=event_at,
            received_at=event_at + timedelta(hours=drawn.choice([0, 5]) if replayed else 0),
            charger_at=drawn.choice([None, event_at]),
            replayed=replayed,
            uncertainty_s=drawn.choice([0.0, 1.0, 60.0, 7_200.0]),
            session_id=drawn.choice([None, session_id(charger_id, number)]),
            connector=drawn.choice([None, 1, 2]),
        )

    def _token(self) -> Token:
        kind = self.drawn.choice([*12 * [TokenKind.IDENTIFIED], *TokenKind, NEWER])
        if kind in {TokenKind.FREEVEND_TAG, TokenKind.UNREADABLE}:
            return Token(kind=kind, display=str(kind))
        stated = self.drawn.choice([None, "ISO14443", "KeyCode"])
        found = _candidates(self.drawn.choice(CARDS), stated)
        return Token(kind=kind, display=found[0].identifier_type, candidates=found)


@lru_cache(maxsize=len(CARDS) * 3)
def _candidates(card: str, stated: str | None) -> tuple[PseudonymousCandidate, ...]:
    return tuple(
        PseudonymousCandidate(
            identifier_type=reading.identifier_type, pseudonyms=PSEUDONYMS.all(reading)
        )
        for reading in candidates(card, stated)
    )


_YEAR = timedelta(days=365)


def generated_attempts(depots: int, attempts_each: int) -> Iterator[tuple[GeneratedDepot, Attempt]]:
    """Every one of them the same in each run: a failure names its depot and number."""
    for seed in range(depots):
        depot = GeneratedDepot(seed)
        for number in range(attempts_each):
            yield depot, depot.attempt(number)
