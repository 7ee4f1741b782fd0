"""A million identities from a source onto the topics: rows a second, where time goes, memory.

Alone: `python -m benchmarks.feed_load`. As a child it loads once:
`python -m benchmarks.feed_load BOOTSTRAP FILE RESULT`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from benchmarks import depot
from benchmarks.processes import Children, memory_mb
from connectors.feeds.feed_load import Asked, load_feed
from connectors.feeds.feeds_file import delivering
from connectors.kafka.broker import Broker, start_broker
from connectors.kafka.topics import apply_topics

SOURCE = "own-fleet"
LOAD_MAX_S = 300.0
"""Ten times the aim for a million rows: a load that takes longer is a finding, not a figure."""

COLUMNS = ("type", "identifier", "class", "reference", "valid_from", "valid_to", "state")


@dataclass(frozen=True, slots=True)
class FeedLoad:
    """One full load of one source, the first or the same again.

    Attributes:
        read_s: document read, checked, pseudonymised.
        compare_s: what stands read and compared.
        publish_s: what differs written and acknowledged by Kafka, then the receipt.
        cpu_s: of the loading process, which the broker and others share the machine with.
        memory_highest_mb: resident, of the loading process.
    """

    what: str
    rows: int
    took_s: float
    read_s: float
    compare_s: float
    publish_s: float
    cpu_s: float
    memory_highest_mb: float

    @property
    def rows_per_s(self) -> float:
        return self.rows / self.took_s


async def measure_feed_loads(children: Children, broker: Broker, rows: int) -> tuple[FeedLoad, ...]:
    """A first load as JSON, the same as CSV in which nothing is new."""
    await apply_topics(broker.bootstrap)
    loads = []
    for name, write in (("fleet.json", _write_json), ("fleet.csv", _write_csv)):
        path, result = children.folder / name, children.folder / f"{name}.result"
        write(path, rows)
        child = children.start(
            "feed", ["benchmarks.feed_load", broker.bootstrap, *map(str, (path, result))]
        )
        await child.wait_until(result.exists, LOAD_MAX_S, "loaded")
        loads.append(FeedLoad(**orjson.loads(result.read_bytes())))
        path.unlink()
    return tuple(loads)


def _rows(count: int) -> Iterator[tuple[str, ...]]:
    for number in range(count):
        serial = depot.card(number, count).serial
        reference = f"REF-{number:07d}"
        yield (
            depot.CARD_TYPE,
            serial,
            "own_fleet",
            reference,
            "2026-01-01T00:00:00Z",
            "",
            "active",
        )


def _write_csv(path: Path, count: int) -> None:
    with path.open("w") as file:
        file.write(",".join(COLUMNS) + "\n")
        file.writelines(",".join(row) + "\n" for row in _rows(count))


def _write_json(path: Path, count: int) -> None:
    with path.open("wb") as file:
        file.write(b'{"as_of": "%s", "identities": [' % datetime.now(UTC).isoformat().encode())
        for number, row in enumerate(_rows(count)):
            file.write(b",\n" if number else b"\n")
            file.write(orjson.dumps(dict(zip(COLUMNS, row, strict=True))))
        file.write(b"]}")


class _Marks:
    """When rows began to be read, had been read, and began to be published."""

    def __init__(self) -> None:
        self.read_s = self.publishing_s = 0.0
        self._done = 0

    def __call__(self, done: int, total: int) -> None:
        now_s = time.perf_counter()
        if self.read_s and not self.publishing_s:
            self.publishing_s = now_s
        if done == total and done and not self.read_s:
            self.read_s = now_s


async def load_once(bootstrap: str, path: Path) -> FeedLoad:
    """Load a file as the source's newest delivery."""
    feed = delivering(None, SOURCE, None, path).model_copy(update={"size_max_mb": 1024})
    marks = _Marks()
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    pseudonymiser = depot.pseudonymiser_of(b"k" * 32)
    loaded = await load_feed(bootstrap, feed, pseudonymiser, Asked("benchmark"), marks)
    ended_s = time.perf_counter()
    publishing_s = marks.publishing_s or ended_s
    _now, highest_mb = memory_mb("self")
    return FeedLoad(
        what=f"{path.suffix[1:]}, {loaded.change.added:,} new",
        rows=loaded.receipt.rows_count,
        took_s=ended_s - started_s,
        read_s=marks.read_s - started_s,
        compare_s=publishing_s - marks.read_s,
        publish_s=ended_s - publishing_s,
        cpu_s=time.process_time() - started_cpu_s,
        memory_highest_mb=highest_mb,
    )


async def _alone(rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="depotgate-bench-") as folder:
        broker = await start_broker(Path(folder) / "broker", named=None, on_progress=print)
        try:
            async with Children(Path(folder)) as children:
                for load in await measure_feed_loads(children, broker, rows):
                    print(said(load))
        finally:
            await broker.stop()


def said(load: FeedLoad) -> str:
    """One load in a line."""
    return (
        f"feed load, {load.what}: {load.rows:,} rows in {load.took_s:.1f} s, "
        f"{load.rows_per_s:,.0f} rows/s: read {load.read_s:.1f}, compare {load.compare_s:.1f}, "
        f"publish {load.publish_s:.1f} s; {load.cpu_s:.1f} CPU s, "
        f"at most {load.memory_highest_mb:,.0f} MB"
    )


def main(arguments: list[str]) -> None:
    if len(arguments) < 3:
        asyncio.run(_alone(int(arguments[0]) if arguments else 1_000_000))
        return
    bootstrap, path, result = arguments
    load = asyncio.run(load_once(bootstrap, Path(path)))
    part = Path(result).with_suffix(".part")
    part.write_bytes(orjson.dumps(asdict(load)))
    part.replace(result)


if __name__ == "__main__":
    main(sys.argv[1:])
