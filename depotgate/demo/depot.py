"""The demo's depot: who charges where and when, and the folder that says so."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from depotgate.demo.cards import DemoCard, demo_cards
from depotgate.demo.depot_folder import write_folder
from depotgate.demo.session import NO_CARD
from depotgate.demo.timetable import turns
from models.attempt import Token, TokenKind
from models.governing import Governing, governing_schedule
from models.ids import ChargerId, SiteId
from models.makes import Boot
from models.overridden import AnyTimeline
from models.profile_choice import effective_profile
from models.profiles import STANDARD, Profile, profile_named, switchable
from models.reasons import OcppVersion
from models.schedule import Mode, Schedule
from models.site import ChargerRecord, Group, Posture, SiteRecord, Stage
from models.timeline import ModeEdge, Timeline
from models.zones import zone

SITE = SiteId("demo-depot")
ZONE = "Australia/Brisbane"
"""Without clock changes, which the timetable needs, and far from UTC: local times are seen to be
local."""

FREEVEND_TAG = "DEMODEPOTFREE"
REVISION = "demo"

STRANGER = "?"
"""Label of a token that no driver of the demo holds."""

EDGES_LISTED = 4
"""Ahead of a moment: the next one, and those after it when it is too near for a run."""


ODD_GROUP = "odd-bays"


class _GroupPlan(NamedTuple):
    """A group, its schedule, and how many chargers of each version it has."""

    group: str
    schedule: str
    count_16: int
    count_201: int
    count_21: int


# fmt: off
_PLAN = (
    _GroupPlan("bus-lane",     "always-reserved",    3, 3, 0),
    _GroupPlan("street-side",  "always-open",        2, 2, 0),
    _GroupPlan("visitor-bays", "managed-by-turns",   2, 3, 0),
    _GroupPlan("van-bays",     "freevend-by-turns",  3, 2, 1),
    _GroupPlan(ODD_GROUP,      "always-reserved",    0, 0, 0),
)
# fmt: on

_PROFILES: dict[OcppVersion, str] = {"1.6": "microocpp", "2.0.1": "standard", "2.1": "standard"}

_ODD: tuple[tuple[str, OcppVersion], ...] = (
    ("charges when denied", "2.0.1"),
    ("accepts without effect", "2.0.1"),
    ("wrong clock", "1.6"),
    ("replays", "2.0.1"),
    ("forgets on boot", "1.6"),
    ("freevend tag", "2.1"),
)
"""Chargers of the family (demo/odd/) among the good ones, all of them reserved."""

_FOUND = ("visitor-bays", Boot("1.6", "Stegen Electronics", "SmartEVSE", "v3.7.1"))
"""One charger of every depot has no profile in chargers.csv: depotgate finds it by this boot."""

_CANNOT_BE_SWITCHED = ("van-bays", "schneider")
"""One charger of every depot is of a make without a setting: depotgate says so, and still decides
what it asks."""


@dataclass(frozen=True)
class DemoDepot:
    """All that the demo knows of its depot, on both sides of the gateway.

    Attributes:
        site, chargers: as they stand on the topics once the folder is loaded, without verifiers.
        passwords: of the chargers, security profile 1.
        cards: what drivers hold.
        odd: chargers that do what they should not, by the name of it.
        boots: of chargers that call themselves by a maker's name.
    """

    folder: Path
    site: SiteRecord
    chargers: tuple[ChargerRecord, ...]
    passwords: dict[ChargerId, str]
    cards: tuple[DemoCard, ...]
    odd: Mapping[ChargerId, str] = field(default_factory=dict)
    boots: Mapping[ChargerId, Boot] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        """The site's."""
        return zone(self.site.timezone)

    def governing(self, charger_id: ChargerId) -> Governing:
        """What governs a charger, found as the product finds it (rule 7)."""
        return self._governing[charger_id]

    def timeline(self, charger_id: ChargerId) -> AnyTimeline:
        """The schedule that governs a charger."""
        return self.governing(charger_id).timeline

    def profile(self, charger: ChargerRecord) -> Profile:
        """The profile that its make has: named in the folder, or left to be found."""
        found = effective_profile(charger, self.boots.get(charger.charger_id))
        return profile_named(found.name)

    def switchable(self, charger: ChargerRecord) -> bool:
        """Whether its make has a setting for the mode."""
        assert charger.ocpp is not None, "each charger of the demo speaks one version"
        return switchable(charger.ocpp, self.profile(charger))

    def card_of(self, token: Token) -> DemoCard | None:
        """The card that a token of the records is, by its display form, never by its number."""
        return self._by_display.get(token.display)

    def label_of(self, token: Token) -> str:
        """What drivers call the card that a token of the records is."""
        if token.kind == TokenKind.FREEVEND_TAG:
            return NO_CARD
        card = self.card_of(token)
        return STRANGER if card is None else card.card.label

    def edges_after(self, at: datetime) -> tuple[datetime, ...]:
        """The next instants at which any charger's mode changes."""
        edges = (edge.at for line in self._timelines for edge in _next_edges(line, at))
        return tuple(sorted(set(edges)))[:EDGES_LISTED]

    def turns_at(self, edge_at: datetime) -> dict[str, Mode]:
        """The groups whose mode changes at an edge, and what to."""
        first_of = {charger.group: charger.charger_id for charger in reversed(self.chargers)}
        timelines = {str(group): self.timeline(first) for group, first in first_of.items()}
        return {
            group: line.mode_at(edge_at)
            for group, line in timelines.items()
            if line.at(edge_at).start == edge_at
        }

    @cached_property
    def _governing(self) -> dict[ChargerId, Governing]:
        timelines = {s.id: Timeline(s, self.zone) for s in self.site.schedules}
        return {
            charger.charger_id: Governing(
                charger, self.site, schedule.id, scope, timelines[schedule.id]
            )
            for charger in self.chargers
            for scope, schedule in (_found(charger, self.site),)
        }

    @cached_property
    def _timelines(self) -> tuple[AnyTimeline, ...]:
        lines = {each.schedule_id: each.timeline for each in self._governing.values()}
        return tuple(lines.values())

    @cached_property
    def _by_display(self) -> dict[str, DemoCard]:
        return {card.display: card for card in self.cards}


def _found(charger: ChargerRecord, site: SiteRecord) -> tuple[str, Schedule]:
    found = governing_schedule(charger, site)
    assert found is not None, "each group of the demo has a schedule"
    return found


def _next_edges(line: AnyTimeline, at: datetime) -> tuple[ModeEdge, ...]:
    return line.edges_after(at, limit=EDGES_LISTED)


def write_demo_depot(folder: Path, now: datetime, *, rng: random.Random) -> DemoDepot:
    """Write a depot folder with edges around the present moment.

    Args:
        now: UTC; the first edge is at the next whole minute.
        rng: chance in the numbers of the cards.
    """
    chargers = tuple(_chargers())
    depot = DemoDepot(
        folder=folder,
        site=_site(now),
        chargers=chargers,
        # 32 characters of 4 bits: what OCPP 1.6 and 2.0.1 both take (security whitepaper, A00).
        passwords={charger.charger_id: secrets.token_hex(16) for charger in chargers},
        cards=demo_cards(now, rng),
        odd={_named(len(chargers) - len(_ODD) + n): name for n, (name, _) in enumerate(_ODD)},
        boots={each.charger_id: _FOUND[1] for each in chargers if _to_be_found(each)},
    )
    write_folder(folder, depot.site, depot.chargers, depot.passwords, depot.cards)
    return depot


def _site(now: datetime) -> SiteRecord:
    return SiteRecord(
        site_id=SITE,
        name="Demo depot",
        timezone=ZONE,
        stage=Stage.ENFORCE,
        fail=Posture.CLOSED,
        freevend_tag=FREEVEND_TAG,
        schedules=(
            Schedule(id="always-reserved", default=Mode.MANAGED),
            Schedule(id="always-open", default=Mode.FREEVEND),
            turns(now, zone(ZONE), Mode.MANAGED),
            turns(now, zone(ZONE), Mode.FREEVEND),
        ),
        groups=tuple(Group(id=plan.group, schedule=plan.schedule) for plan in _PLAN),
        schedule="always-reserved",
        revision=REVISION,
        loaded_at=now,
    )


def _to_be_found(charger: ChargerRecord) -> bool:
    return charger.ocpp == "1.6" and not charger.profile_named


def _chargers() -> Iterator[ChargerRecord]:
    versions: list[tuple[str, OcppVersion]] = []
    for plan in _PLAN:
        versions += [(plan.group, "1.6")] * plan.count_16
        versions += [(plan.group, "2.0.1")] * plan.count_201
        versions += [(plan.group, "2.1")] * plan.count_21
    versions += [(ODD_GROUP, ocpp) for _, ocpp in _ODD]
    awkward_group, awkward_profile = _CANNOT_BE_SWITCHED
    awkward = versions.index((awkward_group, "1.6"))
    unnamed = versions.index((_FOUND[0], "1.6"))
    for place, (group, ocpp) in enumerate(versions):
        profile = awkward_profile if place == awkward else _PROFILES[ocpp]
        yield ChargerRecord(
            charger_id=_named(place),
            site_id=SITE,
            group=group,
            ocpp=ocpp,
            security_profile=1,
            profile=STANDARD.name if place == unnamed else profile,
            profile_named=place != unnamed,
            revision=REVISION,
        )


def _named(place: int) -> ChargerId:
    return ChargerId(f"DD-{place + 1:02d}")
