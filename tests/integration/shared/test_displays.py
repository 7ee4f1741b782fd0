"""Managed time on displays, from an edge to what a driver reads, over sockets in 2.0.1 and 2.1."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
import pytest_asyncio

from connectors.ocpp.displays import FIRST_MESSAGE_ID
from depotgate.demo.charger201 import Charger201
from models.announcements import Announced, DisplayStatus
from models.charger import ChargerState
from models.overrides import OverrideRecord
from models.schedule import Mode
from tests.integration.depots import Depot, Row
from tests.integration.installations import Fleet, Up, holds_within
from tests.integration.marks import OWN_KAFKA_IN_ONE_LOOP
from tests.integration.overrides import end_override, override_site
from tests.integration.shared.told_of import until_row
from tests.integration.told import load

pytestmark = [*OWN_KAFKA_IN_ONE_LOOP]

WITHIN_S = 60.0

LANGUAGES = 2

CHARGERS = (
    Row("SHOWS-201", "open", "2.0.1", "standard"),
    Row("SHOWS-21", "open", "2.1", "standard"),
    Row("DARK-201", "open", "2.0.1", "standard"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def depot(up: Up, tmp_path_factory: pytest.TempPathFactory) -> Depot:
    written = Depot(tmp_path_factory.mktemp("depot"), "displays", CHARGERS)
    written.choices = ["languages: [de, en]"]
    written.write_site()
    await load(up, written.folder)
    return written


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(up: Up, depot: Depot) -> AsyncIterator[Fleet]:
    chargers = Fleet(depot, up.ocpp)
    for name in ("SHOWS-201", "SHOWS-21"):
        cast("Charger201", chargers[name]).add_display()
    async with chargers.connected():
        yield chargers


def read(fleet: Fleet, name: str) -> list[str]:
    """What a driver reads there, in every language."""
    shown = cast("Charger201", fleet[name]).display or {}
    return [
        content["content"]
        for _, message in sorted(shown.items())
        for content in (message["message"], *message.get("message_extra", ()))
    ]


async def reserve(up: Up, until: datetime) -> OverrideRecord:
    return await override_site(up.kafka, "displays", Mode.MANAGED, until)


async def until_announced(up: Up, charger_id: str, status: DisplayStatus) -> Announced:
    """What its newest row says of its display, once it says that."""

    def told(row: ChargerState) -> bool:
        return row.announced is not None and row.announced.status == status

    row = await until_row(up.kafka, charger_id, told, WITHIN_S)
    assert row.announced is not None
    return row.announced


async def until_read(fleet: Fleet, name: str, end: datetime) -> None:
    """Wait until a driver reads in every language that it is reserved to that time."""

    def there() -> bool:
        texts = read(fleet, name)
        return len(texts) == LANGUAGES and any(f"to {end:%H:%M}" in text for text in texts)

    await holds_within(there, WITHIN_S, f"reserved to {end:%H:%M} at {name}")


async def test_a_window_is_announced_moved_set_again_and_cleared(up: Up, fleet: Fleet) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    first, second = now + timedelta(hours=2), now + timedelta(hours=3)
    # Chargers that connect in freevend are cleared: something may be there from another time.
    for name in ("SHOWS-201", "SHOWS-21"):
        await until_announced(up, name, DisplayStatus.CLEARED)

    reserved = [await reserve(up, first)]
    for name in ("SHOWS-201", "SHOWS-21"):
        await until_read(fleet, name, first)
        german, english = read(fleet, name)
        assert german.startswith("Reserviert von ")
        assert english.startswith("Reserved from ")
        last = await until_announced(up, name, DisplayStatus.SHOWN)
        assert last.window.end == first
    # 2.1 has one message for all languages, 2.0.1 one for each.
    assert set(cast("Charger201", fleet["SHOWS-21"]).display or {}) == {FIRST_MESSAGE_ID}
    assert len(cast("Charger201", fleet["SHOWS-201"]).display or {}) == 2

    # An override that moves the end moves the text, without any edge.
    reserved.append(await reserve(up, second))
    for name in ("SHOWS-201", "SHOWS-21"):
        await until_read(fleet, name, second)

    # Many keep messages in memory only.
    reboots = cast("Charger201", fleet["SHOWS-201"])
    before = dict(reboots.display or {})
    await reboots.reboot()
    await holds_within(
        lambda: all(shown is not before.get(n) for n, shown in (reboots.display or {}).items()),
        WITHIN_S,
        "forgotten in a boot",
    )
    await until_read(fleet, "SHOWS-201", second)

    for record in reserved:
        await end_override(up.kafka, record)
    for name in ("SHOWS-201", "SHOWS-21"):
        await holds_within(lambda name=name: not read(fleet, name), WITHIN_S, "cleared")  # type: ignore[misc]
        await until_announced(up, name, DisplayStatus.CLEARED)


async def test_a_charger_without_a_display_is_asked_once_and_shown_so(up: Up, fleet: Fleet) -> None:
    last = await until_announced(up, "DARK-201", DisplayStatus.NOT_SUPPORTED)
    assert last.tries_count == 1
    said = await up.ask("chargers", "DARK-201")
    assert "not_supported (no display for text)" in said


async def test_rule_27_what_was_announced_is_cleared_once_when_a_site_leaves_enforce(
    up: Up, depot: Depot, fleet: Fleet
) -> None:
    await reserve(up, datetime.now(UTC) + timedelta(hours=2))
    shows = ("SHOWS-201", "SHOWS-21")
    for name in shows:
        await until_announced(up, name, DisplayStatus.SHOWN)
    depot.stage = "shadow"
    depot.write_site()
    await load(up, depot.folder)
    for name in shows:
        await holds_within(lambda name=name: not read(fleet, name), WITHIN_S, f"cleared at {name}")  # type: ignore[misc]
        await until_announced(up, name, DisplayStatus.CLEARED)
    # It is managed time, and nothing is said of it here.
    await reserve(up, datetime.now(UTC) + timedelta(hours=3))
    depot.stage = "enforce"
    depot.write_site()
    await load(up, depot.folder)
    for name in shows:
        last = await until_announced(up, name, DisplayStatus.SHOWN)
        assert last.window.end is not None
