"""Managed time on displays, from an edge to what a driver reads, over sockets in 2.0.1 and 2.1."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
import pytest_asyncio

from connectors.kafka.broker_jars import jars_obstacle
from connectors.ocpp.displays import FIRST_MESSAGE_ID
from depotgate.demo.charger201 import Charger201
from models.announcements import Announced, DisplayStatus
from models.charger import ChargerState
from models.topics import STATE
from tests.integration.depots import Depot, Row
from tests.integration.installations import Fleet, Up, holds_within, read_all

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(bool(jars_obstacle()), reason=f"Kafka from its jars: {jars_obstacle()}"),
]

WITHIN_S = 20.0

CHARGERS = (
    Row("SHOWS-201", "open", "2.0.1", "standard"),
    Row("SHOWS-21", "open", "2.1", "standard"),
    Row("DARK-201", "open", "2.0.1", "standard"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    depot = Depot(tmp_path_factory.mktemp("depot"), "displays", CHARGERS)
    depot.choices = ["languages: [de, en]"]
    depot.write_site()
    installation = Up(tmp_path_factory.mktemp("up"), depot)
    await installation.start()
    installation.depot = depot  # type: ignore[attr-defined]
    yield installation
    installation.end()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(up: Up) -> AsyncIterator[Fleet]:
    chargers = Fleet(up.depot, up.ocpp)  # type: ignore[attr-defined]
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


async def reserve(up: Up, until: datetime) -> None:
    await up.ask(
        *("override", "add", "--site=displays", "--mode=managed", "--reason=a test"),
        *("--actor=test", f"--until={until.isoformat()}"),
    )


async def announced(up: Up, charger_id: str) -> Announced | None:
    rows = [row for row in await read_all(up.kafka, STATE) if isinstance(row, ChargerState)]
    return [row for row in rows if row.charger_id == charger_id][-1].announced


async def until_announced(up: Up, charger_id: str, status: DisplayStatus) -> Announced:
    deadline = datetime.now(UTC).timestamp() + WITHIN_S
    while (last := await announced(up, charger_id)) is None or last.status != status:
        assert datetime.now(UTC).timestamp() < deadline, f"{charger_id}: {last}"
    return last


async def test_a_window_is_announced_moved_set_again_and_cleared(up: Up, fleet: Fleet) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    first, second = now + timedelta(hours=2), now + timedelta(hours=3)
    # Chargers that connect in freevend are cleared: something may be there from another time.
    for name in ("SHOWS-201", "SHOWS-21"):
        await until_announced(up, name, DisplayStatus.CLEARED)

    await reserve(up, first)
    for name in ("SHOWS-201", "SHOWS-21"):
        await holds_within(
            lambda name=name: any(f"to {first:%H:%M}" in text for text in read(fleet, name)),  # type: ignore[misc]
            WITHIN_S,
            f"announced at {name}",
        )
        german, english = read(fleet, name)
        assert german.startswith("Reserviert von ")
        assert english.startswith("Reserved from ")
        last = await until_announced(up, name, DisplayStatus.SHOWN)
        assert last.window.end == first
    # 2.1 has one message for all languages, 2.0.1 one for each.
    assert set(cast("Charger201", fleet["SHOWS-21"]).display or {}) == {FIRST_MESSAGE_ID}
    assert len(cast("Charger201", fleet["SHOWS-201"]).display or {}) == 2

    # An override that moves the end moves the text, without any edge.
    await reserve(up, second)
    for name in ("SHOWS-201", "SHOWS-21"):
        await holds_within(
            lambda name=name: any(f"to {second:%H:%M}" in text for text in read(fleet, name)),  # type: ignore[misc]
            WITHIN_S,
            f"moved at {name}",
        )

    # Many keep messages in memory only.
    await fleet["SHOWS-201"].reboot()
    await holds_within(lambda: not read(fleet, "SHOWS-201"), WITHIN_S, "forgotten in a boot")
    await holds_within(lambda: len(read(fleet, "SHOWS-201")) == 2, WITHIN_S, "set again after it")

    ids = [line.split()[0] for line in (await up.ask("override", "list")).splitlines()]
    for override_id in (each for each in ids if each.startswith("20")):
        await up.ask("override", "end", override_id, "--actor=test", "--reason=over")
    for name in ("SHOWS-201", "SHOWS-21"):
        await holds_within(lambda name=name: not read(fleet, name), WITHIN_S, "cleared")  # type: ignore[misc]
        await until_announced(up, name, DisplayStatus.CLEARED)


async def test_a_charger_without_a_display_is_asked_once_and_shown_so(up: Up, fleet: Fleet) -> None:
    last = await until_announced(up, "DARK-201", DisplayStatus.NOT_SUPPORTED)
    assert last.tries_count == 1
    said = await up.ask("chargers", "DARK-201")
    assert "not_supported (no display for text)" in said


async def test_rule_27_what_was_announced_is_cleared_once_when_a_site_leaves_enforce(
    up: Up, fleet: Fleet
) -> None:
    depot = up.depot  # type: ignore[attr-defined]
    await reserve(up, datetime.now(UTC) + timedelta(hours=2))
    shows = ("SHOWS-201", "SHOWS-21")
    for name in shows:
        await until_announced(up, name, DisplayStatus.SHOWN)
    depot.stage = "shadow"
    depot.write_site()
    for name in shows:
        await holds_within(lambda name=name: not read(fleet, name), WITHIN_S, f"cleared at {name}")  # type: ignore[misc]
        await until_announced(up, name, DisplayStatus.CLEARED)
    # It is managed time, and nothing is said of it here.
    await reserve(up, datetime.now(UTC) + timedelta(hours=3))
    depot.stage = "enforce"
    depot.write_site()
    for name in shows:
        last = await until_announced(up, name, DisplayStatus.SHOWN)
        assert last.window.end is not None
