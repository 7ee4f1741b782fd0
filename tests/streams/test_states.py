"""Which of a charger's rows counts when two workers wrote some (docs/decisions/0009)."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from connectors.kafka.partition import partition_of
from connectors.kafka.security import SecuredKafka
from connectors.telemetry.metrics import Metrics
from models.charger import ChargerState, EventName
from models.topics import STATE
from streams.states import ChargerStates, Log
from tests.models.samples import NOON
from tests.streams.test_chargers import CHARGER, OTHER, SITE, Desk

PARTITION = partition_of(CHARGER)

WITHIN_S = 60.0
CONNECTIONS_A_TRY = 2
"""aiokafka's own, and one to see why it failed (connectors/kafka/refusals.py)."""


def row(offset: int, owner_epoch: int | None, firmware: str = "") -> ChargerState:
    return ChargerState(
        charger_id=CHARGER,
        site_id=SITE,
        offset=offset,
        owner_epoch=owner_epoch,
        firmware=firmware,
        updated_at=NOON,
    )


# fmt: off
LOGS = [
    # what                                      the log                              counts  buried
    ("one owner, in order",                     (row(1, 5), row(2, 5)),              1,      False),
    ("one owner, without an event between",     (row(2, 5), row(2, 5)),              1,      False),
    ("the next owner",                          (row(9, 5), row(9, 6)),              1,      False),
    ("thought dead, and as far",                (row(7, 5), row(9, 6), row(9, 5)),   1,      True),
    ("thought dead, and further",               (row(7, 5), row(8, 6), row(9, 5)),   1,      True),
    ("thought dead, and after it the owner",    (row(8, 6), row(9, 5), row(10, 6)),  2,      False),
    ("owner from further back than its events", (row(9, 5), row(8, 6)),              1,      False),
    # Of a version without ownerships nothing but the events is known.
    ("older version before",                    (row(9, None), row(8, 6)),           0,      True),
    ("older version after",                     (row(8, 6), row(9, None)),           1,      False),
]
# fmt: on


@pytest.mark.parametrize(
    ("rows", "counts", "buried"), [each[1:] for each in LOGS], ids=[each[0] for each in LOGS]
)
def test_the_row_of_the_newest_ownership_counts(
    rows: tuple[ChargerState, ...], counts: int, buried: bool
) -> None:
    found = Log({PARTITION})
    for each in rows:
        found.take(PARTITION, each)
    assert found.rows[PARTITION][CHARGER] is rows[counts]
    assert found.buried == ({CHARGER} if buried else set())


@pytest.mark.parametrize(
    ("generation", "written", "epoch"),
    [
        (7, None, 7),
        (7, 5, 7),
        # A worker that came back in place: its group has the same generation.
        (7, 7, 8),
        # A group that Kafka had forgotten begins again.
        (1, 57, 58),
    ],
)
async def test_each_ownership_is_numbered_above_every_row_before_it(
    generation: int, written: int | None, epoch: int
) -> None:
    desk = Desk()
    if written is not None:
        desk.states.logged.append(row(1, written))
    assert await desk.states.load(set(range(STATE.partitions)), generation)
    assert desk.states.owned(row(2, None)).owner_epoch == epoch


async def test_rows_are_written_under_the_ownership_of_their_partition() -> None:
    desk = Desk()
    assert await desk.states.load(set(range(STATE.partitions)), 7)
    desk.configure()
    await desk.event(EventName.CONNECTED)
    await desk.event(EventName.CONNECTED, OTHER)
    await desk.desk.settle()
    rows = [each for each in desk.sent.of(STATE) if isinstance(each, ChargerState)]
    assert {each.charger_id: each.owner_epoch for each in rows} == {CHARGER: 7, OTHER: 7}


async def test_a_row_that_an_older_one_lies_behind_is_written_once_more_by_who_takes_over() -> None:
    """Compaction keeps the last one of a key: without that the older one would count one day."""
    desk = Desk()
    desk.configure()
    desk.states.logged = [row(8, 6, "ours"), row(9, 5, "of the one that was thought dead")]
    assert await desk.states.load(set(range(STATE.partitions)), 9)
    desk.desk.take_over()
    await desk.desk.settle()
    (written,) = [each for each in desk.sent.of(STATE) if isinstance(each, ChargerState)]
    assert (written.firmware, written.owner_epoch) == ("ours", 9)


async def test_a_row_is_written_again_as_it_is_known_and_of_a_charger_without_one_nothing() -> None:
    desk = Desk()
    desk.configure()
    desk.states.logged = [row(8, 6, "ours")]
    assert await desk.states.load(set(range(STATE.partitions)), 9)
    desk.desk.write_again({CHARGER, OTHER})
    await desk.desk.settle()
    (written,) = [each for each in desk.sent.of(STATE) if isinstance(each, ChargerState)]
    assert (written.firmware, written.owner_epoch) == ("ours", 9)


async def test_a_worker_that_came_back_and_wrote_nothing_else_is_numbered_too() -> None:
    """A static worker keeps its generation: the next one must count above it all the same."""
    desk = Desk()
    desk.configure()
    desk.states.logged = [row(8, 7), row(8, 7).model_copy(update={"charger_id": OTHER})]
    assert partition_of(OTHER) != PARTITION
    for epoch in (8, 9):
        assert await desk.states.load(set(range(STATE.partitions)), 7)
        desk.desk.take_over()
        await desk.desk.settle()
        written = [each for each in desk.sent.of(STATE) if isinstance(each, ChargerState)][-2:]
        assert {(each.charger_id, each.owner_epoch) for each in written} == {
            (CHARGER, epoch),
            (OTHER, epoch),
        }
        # Nothing about the chargers has changed.
        assert {each.updated_at for each in written} == {NOON}
        desk.states.logged += written


async def test_rows_are_asked_for_again_of_a_kafka_that_hangs_up() -> None:
    """As one over TLS does while it starts again, and one that refuses a client."""
    came_count = 0

    def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came_count
        came_count += 1
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    address = "{}:{}".format(*server.sockets[0].getsockname())
    kafka = SecuredKafka(address, tls=ssl.create_default_context(), login=None)
    loading = asyncio.create_task(ChargerStates(kafka, Metrics("worker")).load({PARTITION}, 1))
    async with server, asyncio.timeout(WITHIN_S):
        while came_count <= 2 * CONNECTIONS_A_TRY:
            assert not loading.done()
            await asyncio.sleep(0.01)
        loading.cancel()
        await asyncio.wait({loading})
