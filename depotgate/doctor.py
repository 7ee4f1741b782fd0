"""`depotgate doctor`: one question after another, each with what to do about the answer."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from connectors.feeds.feeds_file import read_feeds
from connectors.kafka.broker import broker_ways
from connectors.kafka.broker_files import DISK_NEEDED_BYTES
from connectors.kafka.consumer import partitions_of, start_consumer, stop_consumer
from connectors.kafka.lacking import permission_lacking
from connectors.kafka.readiness import kafka_answers
from connectors.kafka.refusals import refusal_of
from connectors.kafka.replica import Replica, read_replica
from connectors.kafka.security import Kafka
from connectors.kafka.topics import check_topics
from connectors.keys import read_keys
from connectors.telemetry.metrics import Metrics
from depotgate.feeding import feeds_path
from depotgate.findings import Finding, Health
from depotgate.process_health import process_health
from depotgate.reaching import reachable_kafka
from depotgate.role_findings import role_findings
from depotgate.run_file import Run, read_run, runs
from depotgate.settings import Settings, unknown_variables
from models.errors import ConfigurationError, DepotgateError, NotPermittedError
from models.feed_age import FeedState
from models.feed_states import FeedStanding, standings
from models.ids import SiteId
from models.overrides import Phase
from models.site import FOLDER_SOURCE, FeedReceipt, SiteRecord, feed_key
from models.stages import EVERY_CHARGER, staged
from models.texts import age_in_words
from models.topics import (
    CHARGERS,
    FEEDS,
    OVERRIDES,
    REQUESTS,
    REQUESTS_GROUP,
    SITES,
    STAGES,
    TOPICS,
)
from models.zones import tzdata_version

LAG_MUCH = 1_000
"""Requests waiting for a worker: a third of a second of work; more is a worker that is behind."""


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
            findings += await process_health(settings, role, url)
    return tuple(findings)


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
        refused = await refusal_of(bootstrap)
        if refused is not None:
            return [Finding("Kafka", Health.BAD, str(refused))]
        advice = "start it, or name another with DEPOTGATE_KAFKA"
        return [Finding("Kafka", Health.BAD, f"no answer at {bootstrap}", advice)]
    findings = [Finding("Kafka", Health.GOOD, f"answers at {bootstrap}")]
    try:
        findings += await role_findings(bootstrap)
        await check_topics(bootstrap)
        findings.append(Finding("topics", Health.GOOD, f"all {len(TOPICS)} as the table has them"))
        findings += await _seen_by_people(bootstrap, settings)
    except DepotgateError as fault:
        findings.append(Finding("topics", Health.BAD, str(fault)))
    except KafkaError as fault:
        lacking = permission_lacking(fault, bootstrap)
        said = str(lacking) if lacking else f"{type(fault).__name__} on the way"
        findings.append(Finding("Kafka", Health.BAD, said))
    return findings


async def _seen_by_people(bootstrap: Kafka, settings: Settings) -> list[Finding]:
    """What is loaded and how far workers are; a process has no need to see it."""
    try:
        return [*await _loaded(bootstrap, settings), *await _offsets(bootstrap)]
    except NotPermittedError as fault:
        return [Finding("depots", Health.NOTE, f"not shown: {fault}")]


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


async def _loaded(bootstrap: Kafka, settings: Settings) -> list[Finding]:
    topics = (SITES, CHARGERS, OVERRIDES, STAGES, FEEDS)
    replica = await read_replica(bootstrap, topics, Metrics("worker"))
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
        of_folder = replica.feeds.get(feed_key(FOLDER_SOURCE, site.site_id))
        if of_folder is not None:
            about = f"identities of {site.site_id}"
            findings += _left_out(of_folder, about, "depotgate load FOLDER --check names them")
    now = datetime.now(UTC)
    for standing in standings(replica.sites.values(), replica.feeds.values(), now):
        findings += feed_findings(standing, now)
    return [*findings, *never_loaded(feeds_path(settings), replica.feeds)]


def never_loaded(path: Path, receipts: Collection[str]) -> Iterator[Finding]:
    """Sources of feeds.yaml of which nothing stands: no age tells that they do not come.

    Args:
        receipts: keys of those that stand.
    """
    try:
        feeds = read_feeds(path) if path.exists() else ()
    except DepotgateError as fault:
        yield Finding("feeds", Health.BAD, f"{path} cannot be used: {fault}")
        return
    for feed in feeds:
        if feed.key not in receipts:
            advice = f"see why it does not come: depotgate feed run {feed.key}"
            yield Finding(f"feed {feed.key}", Health.BAD, "never loaded", advice)


def feed_findings(standing: FeedStanding, now: datetime) -> list[Finding]:
    """How old a source is, and what that does to answers, said before it does (rule 22)."""
    receipt, site_id = standing.receipt, standing.site_id
    about = f"feed {receipt.source}" + (f", {site_id}" if site_id else "")
    seen = f"{standing.state}, {age_in_words(standing.age)} old, {receipt.rows_count:,} records"
    fetch = (
        f"see why it does not come: depotgate feed run {receipt.key}; "
        f"if it is no more: depotgate feed remove {receipt.key}"
    )
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
        advice = f"see to its source, or take it: depotgate feed accept {receipt.key}"
        findings.append(Finding(about, Health.BAD, said, advice))
    return [*findings, *_left_out(receipt, about, "feed run names them")]


def _left_out(receipt: FeedReceipt, about: str, advice: str) -> Iterator[Finding]:
    """Bad rows that a site, or a source, has left out."""
    if receipt.skipped_count:
        rows = "bad row was" if receipt.skipped_count == 1 else "bad rows were"
        said = f"{receipt.skipped_count:,} {rows} left out"
        yield Finding(about, Health.NOTE, said, advice)


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


async def _offsets(bootstrap: Kafka) -> list[Finding]:
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
