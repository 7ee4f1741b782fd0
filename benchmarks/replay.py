"""`python -m benchmarks.replay`: a month of attempts decided again, and tried against a draft."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import orjson
import typer
from aiokafka import AIOKafkaProducer

from benchmarks.publish import BATCH_BYTES, IN_FLIGHT_MAX
from connectors.kafka.broker import Broker, start_broker
from connectors.kafka.topics import apply_topics
from connectors.keys import read_keys, write_new_keys
from connectors.ocpp.table import PresentedToken
from connectors.ocpp.tokens import token_of
from depotgate.draft import Draft, read_draft
from models.attempt import Attempt, AttemptKind, Decision
from models.decision import decide
from models.facts import gather
from models.identifiers import Pseudonymiser
from models.ids import AttemptId, ChargerId, RequestId, timed_id
from models.topics import DECISIONS

ATTEMPTS = 100_000
"""A month of a busy depot: one attempt every 26 seconds, day and night."""

DAYS = 30
CHARGERS = 200
CARDS = 10_000
UNKNOWN_CARDS = 500
TENANT = "default"

SITE = """site: bench
timezone: Europe/Berlin
stage: enforce
schedules:
  - id: nights
    default: freevend
    windows:
      - name: night
        days: [mon, tue, wed, thu, fri]
        from: "{begins}"
        to: "06:00"
        mode: managed
schedule: nights
"""
IN_FORCE, DRAFT = SITE.format(begins="18:00"), SITE.format(begins="20:00")


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run of the command took.

    Attributes:
        took_s: from its start to its end, with reading the draft and printing.
        replayed_s: of that, reading and deciding.
        cpu_s: of all its processes.
        peak_mb: of the largest of its processes.
    """

    what: str
    attempts: int
    took_s: float
    replayed_s: float
    cpu_s: float
    peak_mb: float


def write_folder(folder: Path, site: str) -> Path:
    """A depot folder as an operator has it."""
    folder.mkdir()
    (folder / "site.yaml").write_text(site)
    chargers = (f"CP-{number:04d},,,0,,standard," for number in range(CHARGERS))
    header = "charger_id,group,ocpp,security_profile,credential,profile,schedule"
    (folder / "chargers.csv").write_text("\n".join([header, *chargers]) + "\n")
    rows = (
        f"ISO14443,{serial(number)},{'own_fleet' if number % 3 else 'agreement'},REF-{number:06d},"
        f"2026-01-01T00:00:00Z,,{'suspended' if number % 50 == 0 else 'active'}"
        for number in range(CARDS)
    )
    header = "type,identifier,class,reference,valid_from,valid_to,state"
    (folder / "identities.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def serial(number: int) -> str:
    """A card's number; from CARDS on it is nobody's."""
    return f"{number * 2_654_435_761 % 2**32:08X}"


def decisions(draft: Draft, pseudonymiser: Pseudonymiser, until: datetime) -> Iterator[Decision]:
    """A month of attempts, oldest first, as a worker decided them."""
    drawn = random.Random(7)
    step = timedelta(days=DAYS) / ATTEMPTS
    tokens = [
        token_of(PresentedToken(serial(number), "ISO14443"), frozenset(), pseudonymiser)
        for number in range(CARDS + UNKNOWN_CARDS)
    ]
    for number in range(ATTEMPTS):
        at = until - step * (ATTEMPTS - number)
        charger_id = ChargerId(f"CP-{drawn.randrange(CHARGERS):04d}")
        request_id = RequestId(timed_id(at, charger_id, number))
        attempt = Attempt(
            request_id=request_id,
            attempt_id=AttemptId(request_id),
            charger_id=charger_id,
            site_id=draft.site.site_id,
            ocpp="2.0.1",
            kind=AttemptKind.AUTHORIZE,
            token=drawn.choice(tokens),
            event_at=at,
            received_at=at,
            uncertainty_s=1.0,
        )
        yield decide(attempt, gather(attempt, draft, at))


async def publish(bootstrap: str, found: Iterator[Decision]) -> None:
    """All of them on one slot, as one gateway's are, each written when it was made."""
    await apply_topics(bootstrap)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=BATCH_BYTES)
    await producer.start()
    waiting: list[asyncio.Future[object]] = []
    batch = producer.create_batch()
    try:
        for decision in found:
            content = _content(decision)
            if batch.append(**content) is None:
                waiting.append(await producer.send_batch(batch, DECISIONS.name, partition=0))
                batch = producer.create_batch()
                batch.append(**content)
            if len(waiting) >= IN_FLIGHT_MAX:
                await asyncio.gather(*waiting)
                waiting.clear()
        waiting.append(await producer.send_batch(batch, DECISIONS.name, partition=0))
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()


def _content(decision: Decision) -> dict[str, object]:
    at = decision.attempt.event_at
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", decision.decision_id.encode()),
        ("ce_type", f"depotgate.{DECISIONS.name}".encode()),
        ("ce_source", b"worker/bench"),
        ("ce_time", at.isoformat().encode()),
        ("content-type", b"application/json"),
    ]
    return {
        "key": decision.attempt.charger_id.encode(),
        "value": decision.encode(),
        "timestamp": int(at.timestamp() * 1000),
        "headers": headers,
    }


@asynccontextmanager
async def a_broker(folder: Path) -> AsyncIterator[Broker]:
    """With nothing in it."""
    broker = await start_broker(folder, named=None, on_progress=print)
    try:
        yield broker
    finally:
        await broker.stop()


def measured(what: str, bootstrap: str, keys: Path, *options: str) -> Figures:
    """Run `depotgate replay` over the month, in a process of its own."""
    command = [sys.executable, "-m", "depotgate", "replay", "--since", f"{DAYS + 1}d", "--json"]
    settings = {"DEPOTGATE_KAFKA": bootstrap, "DEPOTGATE_PSEUDONYM_KEYS_FILE": str(keys)}
    began_s = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([*command, *options], stdout=out, env={**os.environ, **settings})
        _pid, status, usage = os.wait4(process.pid, 0)
        took_s = time.perf_counter() - began_s
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, f"{what} ended with {process.returncode}"
        out.seek(0)
        said = orjson.loads(out.read())
    assert said["attempts"] == ATTEMPTS, said["attempts"]
    figures = Figures(
        what=what,
        attempts=said["attempts"],
        took_s=round(took_s, 2),
        replayed_s=said["took_s"],
        # Its children are waited for, so their time is in it.
        cpu_s=round(usage.ru_utime + usage.ru_stime, 2),
        peak_mb=round(usage.ru_maxrss / 1024),
    )
    print(f"  {figures}")
    return figures


async def measure(folder: Path) -> tuple[Figures, ...]:
    """Publish the month, then replay it both ways."""
    keys = folder / "keys.json"
    write_new_keys(keys, "k1")
    epochs = read_keys(keys)
    in_force, draft = (
        write_folder(folder / name, site) for name, site in (("in", IN_FORCE), ("draft", DRAFT))
    )
    async with a_broker(folder / "broker") as broker:
        began_s = time.perf_counter()
        found = decisions(
            read_draft(in_force, epochs, TENANT), Pseudonymiser(epochs, TENANT), datetime.now(UTC)
        )
        await publish(broker.bootstrap, found)
        print(f"  published {ATTEMPTS:,} decisions in {time.perf_counter() - began_s:.1f} s")
        return (
            await asyncio.to_thread(measured, "from their own records", broker.bootstrap, keys),
            await asyncio.to_thread(
                measured, "against a draft", broker.bootstrap, keys, "--depot", str(draft)
            ),
        )


def main(
    out: Annotated[Path, typer.Option(help="Where the JSON goes.")] = Path(
        "benchmarks/results/replay.json"
    ),
) -> None:
    """Measure `depotgate replay` on a month of attempts."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="depotgate-replay-") as folder:
        figures = asyncio.run(measure(Path(folder)))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(orjson.dumps([asdict(each) for each in figures], option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    typer.run(main)
