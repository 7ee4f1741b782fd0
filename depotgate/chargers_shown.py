"""`depotgate chargers`: what each charger can do and does, from its row and its configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from aiokafka.errors import KafkaError
from rich.table import Table
from rich.text import Text

from connectors.feeds.overrides import read_overrides
from connectors.feeds.places import near
from connectors.kafka.security import Kafka
from connectors.telemetry.metrics import Metrics
from depotgate.charger_words import (
    NOBODY_KNOWS,
    clock_words,
    last_seen,
    running_sessions,
    session_lines,
    written,
)
from depotgate.printing import print_json, table_console
from depotgate.reaching import reachable_kafka
from depotgate.settings import Settings
from models.announcements import DisplayStatus
from models.capability import Classified, Proofs, classify
from models.charger import ChargerState
from models.errors import BrokerUnavailableError, ConfigurationError
from models.ids import ChargerId
from models.offline_words import offline_lines
from models.profile_choice import (
    EffectiveProfile,
    ProfileSource,
    boot_of,
    effective_profile,
    matching_profiles,
    profiles_of_make,
)
from models.profiles import profile_named, switchable
from models.schedule import Mode
from models.site import ChargerRecord
from models.switchability import believed, may_be_set
from models.topics import STATE
from streams.states import ChargerStates

READ_WITHIN_S = 30.0
"""The rows of 10,000 chargers are read in a second or two; a Kafka that takes longer is ill."""

PIPE_COLUMNS = 400
"""A charger with its evidence a line."""


class Shown(NamedTuple):
    """A charger: as it is configured, and its row, which it has once it was connected.

    Attributes:
        clock_limit_s: how far its clock may be off, by its site; None while that is not loaded.
    """

    charger: ChargerRecord
    row: ChargerState | None
    clock_limit_s: int | None = None

    @property
    def profile(self) -> EffectiveProfile:
        """The row that goes for it, as its worker finds it."""
        return effective_profile(self.charger, boot_of(self.row) if self.row else None)

    @property
    def classified(self) -> Classified:
        """Its class. A charger that was never seen may speak any version."""
        row = self.row
        spoken = (row.connection.ocpp if row.connection else row.booted_over) if row else None
        ocpp = spoken or self.charger.ocpp or "2.0.1"
        return classify(
            believed(row.claims, self.profile) if row else None,
            row.proofs if row else Proofs(),
            has_key=switchable(ocpp, profile_named(self.profile.name)),
            desired=row.desired if row else None,
        )


async def show_chargers(settings: Settings, charger_id: str | None, *, as_json: bool) -> None:
    """Print all chargers, or one in full.

    Raises:
        ConfigurationError: no such charger is loaded.
        BrokerUnavailableError: Kafka does not answer.
    """
    shown = await read_chargers(reachable_kafka(settings))
    one = one_of(shown, charger_id) if charger_id is not None else None
    if as_json:
        print_json(_fields(one) if one else [_fields(each) for each in shown])
        return
    table_console(PIPE_COLUMNS).print(in_full(one) if one else table_of(shown))


async def read_chargers(kafka: Kafka) -> list[Shown]:
    """Every charger that is loaded, by its id."""
    standing = await read_overrides(kafka)
    states = ChargerStates(kafka, Metrics("worker"))
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            await states.load(set(range(STATE.partitions)))
    except (KafkaError, TimeoutError) as fault:
        raise BrokerUnavailableError(
            f"Kafka at {kafka} does not answer any more ({type(fault).__name__}); "
            "try again when it is back"
        ) from fault
    found = sorted(standing.chargers.items())
    limits_s = {site_id: site.clock_limit_s for site_id, site in standing.sites.items()}
    return [
        Shown(charger, states.get(charger_id), limits_s.get(charger.site_id))
        for charger_id, charger in found
    ]


def one_of(shown: Iterable[Shown], charger_id: str) -> Shown:
    """The charger of that id.

    Raises:
        ConfigurationError: no such charger is loaded.
    """
    known = {each.charger.charger_id: each for each in shown}
    if charger_id not in known:
        hint = near(charger_id, sorted(known)) or f"; {len(known):,} are loaded"
        raise ConfigurationError(f"expected a charger that is loaded, got {charger_id!r}{hint}")
    return known[ChargerId(charger_id)]


def table_of(shown: Iterable[Shown]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("charger", no_wrap=True)
    for name in ("site", "class", "profile", "desired", "commanded", "observed", "firmware"):
        table.add_column(name, overflow="fold")
    for name in ("clock", "sessions", "last seen"):
        table.add_column(name, overflow="fold")
    for each in shown:
        row = each.row
        profile = f"{each.profile.name} ({each.profile.source})"
        charger = each.charger
        cells = (charger.charger_id, charger.site_id, _class(each), profile, *_modes(row))
        firmware = row.firmware if row else None
        seen = (clock_words(row, each.clock_limit_s), str(running_sessions(row)), last_seen(row))
        # What chargers and people wrote is no markup.
        table.add_row(*map(Text, (*cells, firmware or NOBODY_KNOWS, *seen)))
    return table


def in_full(each: Shown) -> Table:
    """One charger, a line for each thing that is known."""
    row, charger = each.row, each.charger
    desired, commanded, observed = _modes(row)
    told = [row.vendor, row.model, row.firmware] if row else []
    lines = [
        ("charger", charger.charger_id),
        ("site", charger.site_id),
        ("class", _class(each)),
        *(
            (" proven" if one.proven else " claimed", _said(one.what, one.at))
            for one in each.classified.evidence
        ),
        *_token_types(row),
        ("desired", _said(desired, row.desired_since if row else None)),
        ("commanded", commanded),
        ("observed", observed),
        *offline_lines(row.offline if row else None),
        ("display", _display(row)),
        ("profile", _profile(each)),
        ("make", " ".join(filter(None, told)) or NOBODY_KNOWS),
        ("clock", clock_words(row, each.clock_limit_s, in_full=True)),
        *session_lines(row),
        ("last seen", last_seen(row)),
        ("last change", written(row.updated_at) if row else NOBODY_KNOWS),
    ]
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    for name, what in lines:
        table.add_row(Text(name, style="bold"), Text(what))
    return table


def _token_types(row: ChargerState | None) -> list[tuple[str, str]]:
    """The types of tokens that it says it can present, which says nothing of its class."""
    claims = row.claims if row else None
    if claims is None or claims.token_types is None:
        return []
    return [(" claimed", _said(f"it presents {', '.join(claims.token_types)}", claims.probed_at))]


def _display(row: ChargerState | None) -> str:
    """What its display was told last, and what came of that."""
    last = row.announced if row else None
    if last is None:
        return NOBODY_KNOWS
    what = "nothing" if last.window.mode is Mode.FREEVEND else "reserved"
    until = f" until {written(last.window.end)}" if last.window.end else ""
    how = last.status or "under way"
    why = f" ({last.detail})" if last.detail else ""
    stands = what == "nothing" and last.status == DisplayStatus.FAILED
    return f"{what}{until}: {how}{why}{'; an earlier text may stand' if stands else ''}"


def _profile(each: Shown) -> str:
    """The profile that goes for it, and where it is from."""
    row = each.row
    match each.profile.source:
        case ProfileSource.NAMED:
            why = "named in chargers.csv"
        case ProfileSource.FOUND:
            why = "found by its BootNotification"
            if row is not None and not may_be_set(row, each.profile):
                why += "; nothing is set by it before its key was read"
        case ProfileSource.ASSUMED:
            why = f"assumed: {_why_assumed(row)}"
    return f"{each.profile.name} ({why})"


def _why_assumed(row: ChargerState | None) -> str:
    """Why nothing was found, and what its make hints at."""
    boot = boot_of(row) if row else None
    if boot is None:
        return "none is named, and it has not booted yet"
    if boot.ocpp not in {None, "1.6"}:
        return "it goes for every make over OCPP 2.x"
    if fitting := matching_profiles(boot):
        return f"its BootNotification fits {' and '.join(fitting)}: name one (docs/profiles.md)"
    hinted = profiles_of_make(boot.vendor or "")
    hint = f"; its make hints at {', '.join(hinted)}: name it (docs/profiles.md)" if hinted else ""
    return f"none is found by its BootNotification{hint}"


def _class(each: Shown) -> str:
    found = each.classified
    if found.capability is None:
        return "not known yet"
    return f"{found.capability} ({'proven' if found.proven else 'claimed'})"


def _modes(row: ChargerState | None) -> tuple[str, str, str]:
    """Desired, commanded and observed mode (rule 16)."""
    if row is None:
        return (NOBODY_KNOWS, NOBODY_KNOWS, NOBODY_KNOWS)
    desired = str(row.desired) if row.desired else NOBODY_KNOWS
    last, seen = row.commanded, row.observed
    commanded = f"{last.mode}: {last.status or 'under way'}" if last else NOBODY_KNOWS
    observed = f"{seen.mode} by {seen.evidence}" if seen else NOBODY_KNOWS
    return (desired, commanded, observed)


def _said(what: str, at: datetime | None) -> str:
    return f"{what} ({written(at)})" if at else what


def _fields(each: Shown) -> dict[str, object]:
    found, row = each.classified, each.row
    return {
        "charger_id": each.charger.charger_id,
        "site_id": each.charger.site_id,
        "profile": each.profile.name,
        "profile_source": each.profile.source,
        "capability": found.capability,
        "proven": found.proven,
        "evidence": [
            {"what": str(one.what), "at": one.at, "proven": one.proven} for one in found.evidence
        ],
        "state": row.model_dump(mode="json") if row else None,
    }
