"""`depotgate doctor`: one question after another, each with what to do about the answer."""

from __future__ import annotations

import asyncio
import shutil
import sys
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from connectors.kafka.broker import broker_ways
from connectors.kafka.broker_files import DISK_NEEDED_BYTES
from connectors.kafka.consumer import partitions_of, start_consumer, stop_consumer
from connectors.kafka.readiness import kafka_answers
from connectors.kafka.replica import Replica
from connectors.kafka.topics import check_topics
from connectors.keys import read_keys
from connectors.telemetry.metrics import Metrics
from depotgate.reaching import reachable_kafka
from depotgate.run_file import Run, read_run, runs
from depotgate.settings import Settings, unknown_variables
from models.errors import ConfigurationError, DepotgateError
from models.feed_age import FeedState
from models.feed_states import FeedStanding, standings
from models.ids import SiteId
from models.metrics import (
    CHARGERS_GIVEN_UP,
    CLOCKS_OFF,
    CONNECTED,
    KAFKA_AWAY,
    KEY_EPOCHS,
    KEYS_BAD,
    REPLICA_AGE,
    REPLICA_BAD,
    SPOOL_FULL,
    SPOOLED,
)
from models.overrides import Phase
from models.site import SiteRecord
from models.stages import EVERY_CHARGER, staged
from models.texts import age_in_words
from models.topics import CHARGERS, FEEDS, OVERRIDES, REQUESTS, SITES, STAGES, TOPICS
from models.zones import tzdata_version
from streams.requests import REQUESTS_GROUP

SCRAPE_S = 3.0
"""For one `/metrics` on this machine or the next: milliseconds usually."""

REPLICA_OLD_S = 30.0
"""A replica knows every second whether it is at the end of its topics."""

LAG_MUCH = 1_000
"""Requests waiting for a worker: a third of a second of work; more is a worker that is behind."""


class Health(StrEnum):
    """What an answer means."""

    GOOD = "ok"
    NOTE = "note"
    BAD = "bad"


class Finding(NamedTuple):
    """One answer.

    Attributes:
        advice: what to do; empty where nothing is to be done.
    """

    about: str
    health: Health
    seen: str
    advice: str = ""


async def examine(settings: Settings) -> tuple[Finding, ...]:
    """Ask every question; a broker that does not answer ends the ones about it."""
    run = read_run(settings.data)
    ways = await asyncio.to_thread(broker_ways, settings.kafka)
    findings = [
        Finding("python", Health.GOOD, f"{sys.version.split()[0]}, tz database {tzdata_version()}"),
        *_variables(),
        *(
            Finding(f"Kafka, {way.name}", Health.GOOD if way.available else Health.NOTE, way.detail)
            for way in ways
        ),
        _keys(settings),
        _disk(settings.data),
        *_processes(settings.data, run),
        *await _kafka(settings),
    ]
    for role, urls in (run.metrics if run else {}).items():
        for url in urls:
            findings += await _process_health(settings, role, url)
    return tuple(findings)


def print_findings(findings: Sequence[Finding], console: Console, *, as_json: bool) -> bool:
    """Print what was found; whether all of it is good."""
    if as_json:
        sys.stdout.write(orjson.dumps([finding._asdict() for finding in findings]).decode() + "\n")
    else:
        for finding in findings:
            _print(finding, console)
    return all(finding.health is not Health.BAD for finding in findings)


_COLOURS = {Health.GOOD: "green", Health.NOTE: "yellow", Health.BAD: "red"}


def _print(finding: Finding, console: Console) -> None:
    console.print(
        f"[{_COLOURS[finding.health]}]{finding.health:>4}[/]  [bold]{finding.about}[/]  ",
        end="",
        highlight=False,
    )
    advice = f"\n      → {finding.advice}" if finding.advice else ""
    console.print(finding.seen + advice, markup=False, highlight=False, soft_wrap=True)


def _variables() -> list[Finding]:
    return [
        Finding("environment", Health.NOTE, f"{name} is no setting", "correct or remove it")
        for name in unknown_variables()
    ]


def _keys(settings: Settings) -> Finding:
    try:
        epochs = read_keys(settings.pseudonym_keys_file)
    except DepotgateError as fault:
        return Finding("pseudonym keys", Health.BAD, str(fault))
    in_use = ", ".join(epoch.kid for epoch in epochs if epoch.retired_at is None)
    retired = ", ".join(epoch.kid for epoch in epochs if epoch.retired_at is not None)
    seen = f"{settings.pseudonym_keys_file}, epochs {in_use}"
    seen += f"; retired: {retired}" if retired else ""
    return Finding("pseudonym keys", Health.GOOD, seen)


def key_health(settings: Settings, values: Mapping[str, float]) -> list[Finding]:
    """Whether the gateway looks tokens up under the epochs that the key file has."""
    if values.get(KEYS_BAD.name):
        seen = "it cannot use the key file any more, and goes on with what it read before"
        return [Finding("gateway, keys", Health.BAD, seen, "see its log, and mend the file")]
    try:
        epochs = read_keys(settings.pseudonym_keys_file)
    except DepotgateError:
        return []
    expected = sum(epoch.retired_at is None for epoch in epochs)
    known = values.get(KEY_EPOCHS.name)
    if known is None or known == expected:
        return []
    seen = f"it looks tokens up under {known:.0f} epochs, and the key file has {expected} in use"
    advice = "it has to see the same file: restart it before the next load"
    return [Finding("gateway, keys", Health.BAD, seen, advice)]


def _disk(data: Path) -> Finding:
    there = next(folder for folder in (data, *data.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    seen = f"{free >> 20:,} MB free at {there}"
    if free < DISK_NEEDED_BYTES:
        return Finding("disk", Health.BAD, seen, "make room, or choose another folder with --data")
    return Finding("disk", Health.GOOD, seen)


def _processes(data: Path, run: Run | None) -> list[Finding]:
    if run is None:
        advice = "depotgate up FOLDER, unless its processes run elsewhere"
        return [Finding("processes", Health.NOTE, f"nothing runs on {data}", advice)]
    findings = []
    for role, pids in run.processes.items():
        for pid in pids:
            alive = runs(pid)
            seen = f"process {pid} " + ("runs" if alive else "is gone")
            advice = "" if alive else f"see logs/{role}.log in {data}"
            findings.append(Finding(role, Health.GOOD if alive else Health.BAD, seen, advice))
    return findings


async def _kafka(settings: Settings) -> list[Finding]:
    try:
        bootstrap = reachable_kafka(settings)
    except ConfigurationError as fault:
        return [Finding("Kafka", Health.BAD, str(fault))]
    if not await kafka_answers(bootstrap):
        advice = "start it, or name another with DEPOTGATE_KAFKA"
        return [Finding("Kafka", Health.BAD, f"no answer at {bootstrap}", advice)]
    findings = [Finding("Kafka", Health.GOOD, f"answers at {bootstrap}")]
    try:
        await check_topics(bootstrap)
        findings.append(Finding("topics", Health.GOOD, f"all {len(TOPICS)} as the table has them"))
        findings += await _loaded(bootstrap)
        findings += await _offsets(bootstrap)
    except DepotgateError as fault:
        findings.append(Finding("topics", Health.BAD, str(fault)))
    except KafkaError as fault:
        findings.append(Finding("Kafka", Health.BAD, f"{type(fault).__name__} on the way"))
    return findings


def _stages(replica: Replica, site: SiteRecord) -> str:
    """The site's stage; where flags rule, how many chargers are in which."""
    flags = replica.stages.get(EVERY_CHARGER)
    if flags is None:
        return str(site.stage)
    counts = Counter(
        staged(charger_id, site, replica.stages).stage
        for charger_id, charger in replica.chargers.items()
        if charger.site_id == site.site_id
    )
    said = ", ".join(f"{count} {stage}" for stage, count in sorted(counts.items()))
    return f"{said or 'of no charger'} by flags ({flags.provider})"


async def _loaded(bootstrap: str) -> list[Finding]:
    replica = Replica(bootstrap, (SITES, CHARGERS, OVERRIDES, STAGES, FEEDS), Metrics("worker"))
    await replica.load()
    await replica.close()
    if not replica.sites:
        return [Finding("depots", Health.NOTE, "none is loaded", "depotgate load FOLDER")]
    findings = []
    for site in replica.sites.values():
        chargers = sum(row.site_id == site.site_id for row in replica.chargers.values())
        cards = sum(
            receipt.rows_count
            for receipt in replica.feeds.values()
            if receipt.site_id in {None, site.site_id}
        )
        seen = (
            f"stage {_stages(replica, site)}, {chargers} chargers, {cards:,} identities, "
            f"revision {site.revision} loaded {site.loaded_at:%Y-%m-%d %H:%M:%S}Z"
        )
        findings.append(Finding(f"depot {site.site_id}", Health.GOOD, seen))
        findings += _overridden(replica, site.site_id)
    now = datetime.now(UTC)
    for standing in standings(replica.sites.values(), replica.feeds.values(), now):
        findings += feed_findings(standing, now)
    return findings


def feed_findings(standing: FeedStanding, now: datetime) -> list[Finding]:
    """How old a source is, and what that does to answers, said before it does (rule 22)."""
    receipt, site_id = standing.receipt, standing.site_id
    about = f"feed {receipt.source}" + (f", {site_id}" if site_id else "")
    seen = f"{standing.state}, {age_in_words(standing.age)} old, {receipt.rows_count:,} records"
    fetch = f"see why it does not come: depotgate feed run {receipt.source}"
    match standing.state:
        case FeedState.FRESH if standing.near:
            left = age_in_words(standing.stale_at - now)
            seen += f"; stale in {left}: strange cards are then refused as uncertain"
            findings = [Finding(about, Health.NOTE, seen, fetch)]
        case FeedState.FRESH:
            findings = [Finding(about, Health.GOOD, seen)]
        case FeedState.STALE:
            left = age_in_words(standing.expires_at - now)
            seen += f"; strange cards are refused as uncertain, known ones in {left}"
            findings = [Finding(about, Health.BAD, seen, fetch)]
        case FeedState.EXPIRED:
            seen += "; cards are judged as `feed: expired` of the site says"
            findings = [Finding(about, Health.BAD, seen, fetch)]
    if receipt.quarantined is not None:
        said = (
            f"a load that would remove {receipt.quarantined.vanishing_count:,} of "
            f"{receipt.quarantined.standing_count:,} records is not taken"
        )
        advice = f"see to its source, or take it: depotgate feed accept {receipt.source}"
        findings.append(Finding(about, Health.BAD, said, advice))
    if receipt.skipped_count:
        said = f"{receipt.skipped_count:,} bad rows were left out"
        findings.append(Finding(about, Health.NOTE, said, "feed run names them"))
    return findings


def _overridden(replica: Replica, site_id: SiteId) -> list[Finding]:
    """Overrides in force, which somebody may have forgotten: a lock has no end of its own."""
    now = datetime.now(UTC)
    in_force = [
        each
        for each in replica.overrides.values()
        if each.site_id == site_id and each.phase(now) is Phase.IN_FORCE
    ]
    if not in_force:
        return []
    locks = sum(each.lock for each in in_force)
    seen = f"{len(in_force)} in force, {locks} of them safety locks"
    return [Finding(f"overrides of {site_id}", Health.NOTE, seen, "depotgate override list")]


async def _offsets(bootstrap: str) -> list[Finding]:
    """How far the workers are behind, and what lies among the dead letters."""
    consumer = await start_consumer(bootstrap, group=REQUESTS_GROUP)
    try:
        lag = await _lag(consumer)
        dead = await _dead_letters(consumer)
    finally:
        await stop_consumer(consumer)
    much = lag > LAG_MUCH
    advice = "start another worker, and see the worker's log" if much else ""
    findings = [
        Finding("workers", Health.BAD if much else Health.GOOD, f"{lag:,} requests behind", advice)
    ]
    for topic, count in dead.items():
        seen = f"{count:,} records could not be read"
        findings.append(Finding(topic, Health.NOTE, seen, "each has its cause in its headers"))
    return findings


async def _lag(consumer: AIOKafkaConsumer) -> int:
    partitions = partitions_of(REQUESTS)
    begins = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    committed = {each: await consumer.committed(each) for each in partitions}
    return sum(ends[each] - max(committed[each] or 0, begins[each]) for each in partitions)


async def _dead_letters(consumer: AIOKafkaConsumer) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for topic in TOPICS:
        if topic.record is not None:
            continue
        partitions = partitions_of(topic)
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        count = sum(ends[each] - begins[each] for each in partitions)
        if count:
            found[topic.name] = count
    return found


async def _process_health(settings: Settings, role: str, url: str) -> list[Finding]:
    try:
        values = await asyncio.to_thread(scrape, url)
    except (OSError, ValueError) as fault:
        return [Finding(role, Health.BAD, f"no metrics at {url} ({fault})", "see its log")]
    age_s = values.get(REPLICA_AGE.name, 0.0)
    old = age_s > REPLICA_OLD_S
    findings = [
        Finding(
            f"{role}, configuration",
            Health.BAD if old else Health.GOOD,
            f"known to be complete {age_s:.0f} s ago",
            "Kafka is away, or the process hangs: see its log" if old else "",
        ),
        *_bad_rows(role, values),
    ]
    if role == "worker":
        findings += clock_health(values)
    if role == "gateway":
        findings += _gateway_health(values)
        findings += key_health(settings, values)
    if role == "worker":
        findings += given_up_findings(values)
    return findings


def given_up_findings(values: Mapping[str, float]) -> list[Finding]:
    """Chargers that are open or reserved against their timetable, and stay so."""
    count = values.get(CHARGERS_GIVEN_UP.name, 0.0)
    if not count:
        return []
    seen = f"{count:.0f} chargers are not in their mode, and are not asked any more"
    advice = "depotgate tail mode shows which (MODE_SWITCH_FAILED); see to them, then reboot them"
    return [Finding("modes", Health.BAD, seen, advice)]


def _bad_rows(role: str, values: Mapping[str, float]) -> list[Finding]:
    bad = values.get(REPLICA_BAD.name, 0.0)
    if not bad:
        return []
    seen = f"{bad:.0f} configuration records could not be read; the last good ones hold"
    return [Finding(f"{role}, configuration", Health.BAD, seen, "see its log, and load again")]


def clock_health(values: Mapping[str, float]) -> list[Finding]:
    """Clocks of chargers, as a worker sees those of its share."""
    count = values.get(CLOCKS_OFF.name, 0.0)
    if not count:
        return []
    seen = f"the clocks of {count:.0f} are off by more than the site's clock_limit_s"
    advice = "what they tell later is corrected by it; see docs/offline.md for setting clocks"
    return [Finding("chargers", Health.NOTE, seen, advice)]


def _gateway_health(values: Mapping[str, float]) -> list[Finding]:
    findings = [
        Finding("chargers", Health.GOOD, f"{values.get(CONNECTED.name, 0.0):.0f} connected")
    ]
    if values.get(KAFKA_AWAY.name):
        seen = f"Kafka is away, {values.get(SPOOLED.name, 0.0):,.0f} bytes of outcomes on disk"
        findings.append(Finding("gateway", Health.BAD, seen, "bring the broker back"))
    if values.get(SPOOL_FULL.name):
        seen = "the spool or its disk is full: Authorize stays unanswered"
        findings.append(Finding("gateway", Health.BAD, seen, "bring the broker back, make room"))
    return findings


def scrape(url: str) -> Mapping[str, float]:
    """Every metric of a `/metrics` page, summed over its labels.

    Raises:
        OSError: nothing answers there.
        ValueError: what answers is no metrics page.
    """
    with urllib.request.urlopen(url, timeout=SCRAPE_S) as page:  # noqa: S310 - from run.json
        text = page.read().decode()
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
    return totals
