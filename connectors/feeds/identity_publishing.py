"""Identities that differ onto their topic, a thousand at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TypeVar

from connectors.feeds.differences import IdentityDifference
from connectors.feeds.identities_file import PROGRESS_EVERY_ROWS, Progress
from connectors.kafka.bulk import Bulk, Keyed
from models.topics import IDENTITIES

ROWS_WITHOUT_PAUSE = 1_000
"""Published in one go: 10 ms in which the loop does nothing else."""

T = TypeVar("T")


async def publish_identities(
    bulk: Bulk, differing: IdentityDifference, at: datetime, on_progress: Progress | None = None
) -> None:
    """Append what is new and different, then a tombstone for each row that is gone.

    Args:
        at: content time, since when a state holds that the source does not date.
        on_progress: told of rows that are appended.

    Raises:
        BrokerUnavailableError: Kafka does not take them any more.
    """
    done, rows_count = 0, len(differing.publish)
    for rows in _chunks(differing.publish.items()):
        if on_progress is not None and done % PROGRESS_EVERY_ROWS == 0:
            on_progress(done, rows_count)
        await asyncio.sleep(0)
        records = [
            Keyed(key, differing.encoded(key, row, at), differing.partition(key))
            for key, row in rows
        ]
        await bulk.add_many(IDENTITIES, records)
        done += len(rows)
    for gone in _chunks(differing.gone.items()):
        await asyncio.sleep(0)
        await bulk.add_many(IDENTITIES, [Keyed(key, None, partition) for key, partition in gone])


def _chunks(rows: Iterable[T]) -> Iterator[list[T]]:
    left = iter(rows)
    while chunk := [*islice(left, ROWS_WITHOUT_PAUSE)]:
        yield chunk
