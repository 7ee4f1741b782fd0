"""Offline policy and local lists through the whole pipeline, over real sockets in 1.6 and 2.0.1."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio

from depotgate.demo.charger16 import Charger16
from depotgate.demo.charger201 import Charger201, Variable
from depotgate.demo.local_list import LocalList
from models.topics import TOPICS
from tests.integration.depots import CARDS, Depot, Row
from tests.integration.installations import Fleet, Up, holds_within
from tests.integration.marks import OWN_KAFKA_IN_ONE_LOOP
from tests.integration.written import read_values

pytestmark = [*OWN_KAFKA_IN_ONE_LOOP]

WITHIN_S = 60.0
"""A charger is asked five seconds after it connected; the machine has other things to do."""

ENDS_AFTER_S = 45.0
"""Long enough to get the installation up, and short enough to wait for."""

LIST_SENT_S = 25.0
"""Before that end a first list has to be sent, to chargers that connect now."""

LOADED = "loaded revision"
"""What `up` says of a folder that changed."""

BRIEF = "04D1E2F3A4B5C6"
OWN = CARDS["own fleet"].token

CHARGERS = (
    Row("LIST-16", "reserved", "1.6", "microocpp"),
    Row("LIST-201", "reserved", "2.0.1", "standard"),
)

Scene = tuple[Up, Charger16, Charger201]


class Lists(Depot):
    """A depot whose own fleet starts offline; one of its cards ends soon."""

    def write_identities(self, labels: set[str]) -> None:
        super().write_identities(labels)
        path = self.folder / "identities.csv"
        now = datetime.now(UTC).replace(microsecond=0)
        self.ends_at = now + timedelta(seconds=ENDS_AFTER_S)
        begins, ends = (now - timedelta(days=9)).isoformat(), self.ends_at.isoformat()
        row = f"ISO14443,{BRIEF},own_fleet,bus-9,{begins},{ends},active\n"
        path.write_text(path.read_text() + row)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("depot")
    depot = Lists(folder, "lists", CHARGERS)
    depot.choices = ["offline: own_fleet"]
    depot.write_site()
    up = Up(tmp_path_factory.mktemp("up"), depot, f"--identities={folder / 'identities.csv'}")
    depot.write_identities(CARDS.keys() - {"unknown"})
    await up.start_sooner()
    try:
        await in_time(depot, up)
        fleet = Fleet(depot, up.ocpp)
        old, new = cast("Charger16", fleet["LIST-16"]), cast("Charger201", fleet["LIST-201"])
        del old.fixed["LocalAuthorizeOffline"]
        old.configuration |= {
            "LocalAuthorizeOffline": "false",
            "LocalAuthListEnabled": "false",
            "TransactionMessageAttempts": "3",
            "TransactionMessageRetryInterval": "60",
        }
        new.variables |= {
            ("authctrlr", "localauthorizeoffline"): Variable("false", read_only=False),
            ("localauthlistctrlr", "enabled"): Variable("false", read_only=False),
            ("localauthlistctrlr", "supportsexpirydatetime"): Variable("true"),
            ("ocppcommctrlr", "messageattempts"): Variable("3", read_only=False),
            ("ocppcommctrlr", "messageattemptinterval"): Variable("60", read_only=False),
        }
        async with fleet.connected():
            yield up, old, new
    finally:
        up.end()


async def in_time(depot: Lists, up: Up) -> None:
    """Put the end of the card off where the installation took long to come up."""
    if depot.ends_at - datetime.now(UTC) > timedelta(seconds=LIST_SENT_S):
        return
    loads = up.said.count(LOADED)
    depot.write_identities(CARDS.keys() - {"unknown"})
    await holds_within(lambda: up.said.count(LOADED) > loads, WITHIN_S, "loaded again")


async def has_then_loses_the_brief_one(held: LocalList) -> None:
    await holds_within(lambda: held.version, WITHIN_S, "a list was sent")
    # The second charger may be looked at when the edge has passed already.
    if held.version == 1:
        assert held.ends.keys() == {OWN, BRIEF}
        assert held.ends[OWN] is None
        assert held.ends[BRIEF] is not None
    await holds_within(
        lambda: held.ends.keys() == {OWN}, ENDS_AFTER_S + WITHIN_S, "the list of after the edge"
    )
    assert held.version == 2


async def test_rule_23_lists_hold_the_own_fleet_and_are_replaced_at_the_next_validity_edge(
    scene: Scene,
) -> None:
    _, old, new = scene
    await has_then_loses_the_brief_one(old.local_list)
    await has_then_loses_the_brief_one(new.local_list)


async def test_settings_are_as_the_site_wants_them_and_shown(scene: Scene) -> None:
    up, old, new = scene
    keys = ("LocalAuthorizeOffline", "LocalAuthListEnabled", "TransactionMessageAttempts")
    await holds_within(
        lambda: [old.configuration[key] for key in keys] == ["true", "true", "1440"],
        WITHIN_S,
        "the settings of 1.6",
    )
    variables = (("authctrlr", "localauthorizeoffline"), ("ocppcommctrlr", "messageattempts"))
    await holds_within(
        lambda: [new.variables[each].value for each in variables] == ["true", "1440"],
        WITHIN_S,
        "the settings of 2.0.1",
    )
    shown = ("own_fleet", "version 2, 1 entries", "for 24.0 h")
    await up.until_says(*shown, command=("chargers", "LIST-16", f"--kafka={up.kafka}"))


async def test_rule_26_no_topic_and_no_log_holds_an_identifier_of_a_list(scene: Scene) -> None:
    up, _, _ = scene
    written = [value for topic in TOPICS for value in await read_values(up.kafka, topic)]
    written += [path.read_bytes() for path in (up.data / "logs").rglob("*") if path.is_file()]
    written.append(up.said.encode())
    assert len(written) > 10
    for token in (OWN, BRIEF):
        needle = token.casefold().encode()
        assert not any(needle in text.lower() for text in written)
