"""A depot to measure with: one site in a managed window, its chargers and its cards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from models.identifiers import Candidate, KeyEpoch, Pseudonymiser
from models.ids import ChargerId, SiteId
from models.schedule import WEEKDAYS, DatedException, Mode, Schedule, Window
from models.site import (
    ChargerRecord,
    FeedReceipt,
    IdentityClass,
    IdentityRecord,
    IdentityState,
    Posture,
    SiteRecord,
    Stage,
)

SITE = SiteId("bench")
SOURCE = "folder"
CARD_TYPE = "ISO14443"
KNOWN_PER_UNKNOWN = 20
"""One card in 21 belongs to nobody: guests try their luck at every depot."""

_SPREAD = 2_654_435_761
"""Odd, so that multiplying by it modulo 2**32 gives every card a serial number of its own."""

MANAGED_FOR_H = 6
"""The window around the present holds longer than any run."""


class Share(NamedTuple):
    """How many cards of a hundred are like this, and what OCPP 2.0.1 says to them."""

    of_hundred: int
    identity_class: IdentityClass
    state: IdentityState
    ended: bool
    status: str


# fmt: off
MIX = (
    Share(60, IdentityClass.OWN_FLEET, IdentityState.ACTIVE,    False, "Accepted"),
    Share(30, IdentityClass.AGREEMENT, IdentityState.ACTIVE,    False, "Accepted"),
    Share(5,  IdentityClass.AGREEMENT, IdentityState.ACTIVE,    True,  "Expired"),
    Share(3,  IdentityClass.OWN_FLEET, IdentityState.SUSPENDED, False, "Blocked"),
    Share(2,  IdentityClass.OWN_FLEET, IdentityState.REVOKED,   False, "Blocked"),
)
# fmt: on
_SHARE_OF = tuple(share for share in MIX for _ in range(share.of_hundred))


class Card(NamedTuple):
    """A card and the status that the rules give it in the managed window."""

    serial: str
    status: str


def card(number: int, known_count: int) -> Card:
    """A card by number; those from `known_count` on are in no record."""
    status = _SHARE_OF[number % 100].status if number < known_count else "Unknown"
    return Card(f"{number * _SPREAD % 2**32:08X}", status)


def drawn_from(known_count: int) -> int:
    """Cards that drivers present: the known ones and some of nobody."""
    return known_count + known_count // KNOWN_PER_UNKNOWN


def charger_ids(count: int) -> tuple[ChargerId, ...]:
    """The depot's chargers."""
    return tuple(ChargerId(f"CP-{number:04d}") for number in range(count))


def site_record(now: datetime) -> SiteRecord:
    """A site in stage enforce whose chargers are managed now, and open at night and on one day."""
    begins = (now - timedelta(hours=MANAGED_FOR_H)).strftime("%H:00")
    ends = (now + timedelta(hours=MANAGED_FOR_H)).strftime("%H:00")
    schedule = Schedule(
        id="depot",
        default=Mode.FREEVEND,
        windows=(Window(name="day", days=WEEKDAYS, start=begins, end=ends, mode=Mode.MANAGED),),
        exceptions=(
            DatedException(
                name="open day", on=(now + timedelta(days=20)).date(), mode=Mode.FREEVEND
            ),
        ),
    )
    return SiteRecord(
        site_id=SITE,
        name="Benchmark depot",
        timezone="UTC",
        stage=Stage.ENFORCE,
        fail=Posture.CLOSED,
        schedules=(schedule,),
        schedule=schedule.id,
        revision="bench",
        loaded_at=now,
    )


def charger_records(
    count: int, pseudonymiser: Pseudonymiser, password: str
) -> Iterator[ChargerRecord]:
    """The rows of the chargers: HTTP Basic, one password for all of them."""
    for charger_id in charger_ids(count):
        yield ChargerRecord(
            charger_id=charger_id,
            site_id=SITE,
            ocpp="2.0.1",
            security_profile=1,
            verifier=pseudonymiser.credential_verifier(charger_id, password),
            revision="bench",
        )


def identity_records(
    count: int, pseudonymiser: Pseudonymiser, now: datetime
) -> Iterator[IdentityRecord]:
    """The rows of the known cards, in the proportions of MIX."""
    began, ended = now - timedelta(days=400), now - timedelta(days=30)
    for number in range(count):
        share = _SHARE_OF[number % 100]
        serial = card(number, count).serial
        yield IdentityRecord(
            source=SOURCE,
            site_id=SITE,
            pseudonym=pseudonymiser.current(Candidate(CARD_TYPE, serial)),
            identifier_type=CARD_TYPE,
            display=f"{CARD_TYPE} …{serial[-3:]}",
            identity_class=share.identity_class,
            reference=f"REF-{number:07d}",
            valid_from=began,
            valid_to=ended if share.ended else None,
            state=share.state,
            state_since=began,
        )


def receipt(count: int, now: datetime) -> FeedReceipt:
    """What the load of the cards brought."""
    return FeedReceipt(
        source=SOURCE,
        site_id=SITE,
        revision="bench",
        content_at=now,
        loaded_at=now,
        rows_count=count,
        added_count=count,
        removed_count=0,
        actor="benchmark",
    )


def pseudonymiser_of(key: bytes) -> Pseudonymiser:
    """Pseudonyms under one epoch and the default tenant, as the gateway makes them."""
    return Pseudonymiser((KeyEpoch("bench", key),), "default")


def whole_second() -> datetime:
    """Now, UTC, to the second: keys and records carry no more."""
    return datetime.now(UTC).replace(microsecond=0)
