"""What a Kafka that is older, or says less, is taken to permit."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from aiokafka.protocol.api import Request

from connectors.kafka.shown import Shown, shown_topics
from models.roles import Operation

Row = tuple[object, ...]

READ_AND_DESCRIBE = 1 << 3 | 1 << 8
NOT_TOLD = -(2**31)
PARTITIONS: list[Row] = [(0, number, 1, [1], [1], []) for number in range(2)]
PARTITIONS_8: list[Row] = [(0, number, 1, 0, [1], [1], []) for number in range(2)]
UNKNOWN, HIDDEN = 3, 29


class Told:
    """A broker that has versions of the metadata request up to one, and answers with these rows."""

    def __init__(self, newest: int, *topics: Row) -> None:
        self._newest = newest
        self._topics = [*topics]
        self.asked: Any = None

    def get_random_node(self) -> int:
        return 1

    async def send(self, _node: int, request: Request[Any]) -> Any:
        self.asked = request.prepare({3: (0, self._newest)})
        answered_by = self.asked.RESPONSE_TYPE
        fields = [0, [(1, "kafka", 9092, None)], "cluster", 1, self._topics]
        of_cluster = [NOT_TOLD] if self._newest >= 8 else []
        return answered_by.decode(BytesIO(answered_by(*fields, *of_cluster).encode()))


# fmt: off
ROWS: tuple[tuple[int, Row, Shown], ...] = (
    # newest  row                                                  shown
    (13, (0, "t", False, PARTITIONS_8, READ_AND_DESCRIBE),
         Shown(2, hidden=False, permitted=frozenset({Operation.READ, Operation.DESCRIBE}))),
    (8,  (0, "t", False, PARTITIONS_8, NOT_TOLD),  Shown(2, hidden=False, permitted=None)),
    (7,  (0, "t", False, PARTITIONS),              Shown(2, hidden=False, permitted=None)),
    (7,  (UNKNOWN, "t", False, []),                Shown(None, hidden=False, permitted=None)),
    (7,  (HIDDEN, "t", False, []),                 Shown(None, hidden=True, permitted=frozenset())),
)
# fmt: on


@pytest.mark.parametrize(("newest", "row", "shown"), ROWS)
async def test_what_a_kafka_does_not_say_is_not_lacking(
    newest: int, row: Row, shown: Shown
) -> None:
    broker: Any = Told(newest, row)
    assert await shown_topics(broker, ["t"]) == {"t": shown}
    assert not broker.asked.allow_auto_topic_creation
