"""Stages from flags onto depot.stages.v1: resolved again and again, written where they change.

    provider ──▶ read, charger by charger ──▶ what differs ──▶ depot.audit.v1, depot.stages.v1

One process does this for an installation. Gateways and workers read the rows like the rest of their
configuration, so they act by the same stage; while nobody can read the flag the rows stand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import structlog

from connectors.flags.flags_file import FlagSource
from connectors.flags.reading import Asked, StageFlag
from connectors.kafka.bulk import Bulk, bulk_producer
from connectors.kafka.permission_watch import PermissionWatch
from connectors.kafka.permissions import refuse_lacking
from connectors.kafka.replica import Replica, read_replica
from connectors.kafka.security import Kafka
from connectors.kafka.topics import check_topics
from connectors.telemetry.failing import Failing
from connectors.telemetry.metrics import Metrics
from models.errors import BrokerUnavailableError, KafkaRefusedError, NotPermittedError
from models.ids import timed_id
from models.metrics import FLAGS_UNREADABLE
from models.roles import Role, permit_of
from models.site import AuditRecord, Stage
from models.stages import (
    EVERY_CHARGER,
    StageChange,
    StageRecord,
    as_found_before,
    stage_change,
    staged,
)
from models.topics import AUDIT, CHARGERS, SITES, STAGES, STATE

log = structlog.get_logger()

REPLICA_TOPICS = (SITES, CHARGERS, STAGES, STATE)

WRITES = (AUDIT, STAGES)

EVERY_S = 1.0
"""Between two rounds. Providers keep the flags in memory, so a round asks nobody else."""

SHARE_OF_TIME = 10
"""A round is followed by this many times what it took: reading for 10,000 chargers takes a second
of one core, and a core is not there for that."""

READABLE_WITHIN_S = 20.0
"""For a provider that gets ready: before, chargers that flags never spoke of are let alone, where
they would go to `shadow` and come back."""

LOOK_AGAIN_S = 0.2


class Resolver:
    """Keeps the rows of depot.stages.v1 in step with a flag."""

    def __init__(
        self, bootstrap: Kafka, flag: StageFlag, replica: Replica, metrics: Metrics
    ) -> None:
        self._bootstrap = bootstrap
        self._flag = flag
        self._replica = replica
        # As they are written here; the replica has them a moment later.
        self._rows: dict[str, StageRecord] = {}
        # What a round found and Kafka did not take, and what of it is audited already.
        self._unwritten: dict[str, StageRecord] = {}
        self._audited: set[str] = set()
        self._began = datetime.now(UTC)
        self._metrics = metrics
        self._unreadable_count = 0

    async def _begin(self) -> None:
        """Take over the rows that stand; where there are none, wait until the flag can be read."""
        self._rows = dict(self._replica.stages)
        if EVERY_CHARGER not in self._rows:
            await self._until_readable()

    async def _until_readable(self) -> None:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + READABLE_WITHIN_S
        while loop.time() < until_s:
            chargers = self._chargers()
            readings = await asyncio.to_thread(self._flag.read, chargers)
            if not chargers or any(reading.stage for reading in readings.values()):
                return
            await asyncio.sleep(LOOK_AGAIN_S)
        log.warning("flags.not_readable", provider=self._flag.name, waited_s=READABLE_WITHIN_S)

    async def keep(self, ready: Callable[[], None]) -> None:
        """Resolve until cancelled; `ready` is called when flags rule and every charger has a row.

        What Kafka does not take, or permit, is written in the next round.
        """
        loop = asyncio.get_running_loop()
        await self._begin()
        said = False
        writing = Failing("flags.write")
        while True:
            began_s = loop.time()
            try:
                await self.round()
            except (BrokerUnavailableError, KafkaRefusedError, NotPermittedError) as fault:
                # A Kafka over TLS that just starts again hangs up as one does that refuses, and a
                # permission that was taken away may be given back.
                writing.failed(fault)
            else:
                writing.worked()
                if not said:
                    ready()
                said = True
            took_s = loop.time() - began_s
            await asyncio.sleep(max(EVERY_S, SHARE_OF_TIME * took_s))

    async def round(self) -> None:
        """Read the flag for every charger, and write what differs.

        Raises:
            BrokerUnavailableError, KafkaRefusedError: Kafka has not taken all of it.
            NotPermittedError: this user may not write it.
        """
        chargers = self._chargers()
        # Providers may block, and the replica has to be followed meanwhile.
        readings = await asyncio.to_thread(self._flag.read, chargers)
        self._say_unreadable(sum(reading.stage is None for reading in readings.values()))
        now = datetime.now(UTC)
        found = (
            stage_change(
                charger,
                site,
                readings[charger.charger_id],
                self._rows,
                provider=self._flag.name,
                now=now,
            )
            for charger, site, _boot in chargers
        )
        changes = [as_found_before(each, self._unwritten) for each in found if each is not None]
        self._unwritten = {str(change.row.charger_id): change.row for change in changes}
        named = {asked.charger.charger_id for asked in chargers}
        gone = [key for key in self._rows if key not in named and key != EVERY_CHARGER]
        rule = self._rows.get(EVERY_CHARGER)
        if changes or gone or rule is None or rule.returning_at is not None:
            await self._write(_Written(changes, gone, now))

    def _chargers(self) -> list[Asked]:
        sites, boots = self._replica.sites, self._replica.boots
        return [
            Asked(charger, sites[charger.site_id], boots.get(charger.charger_id))
            for charger in self._replica.chargers.values()
            if charger.site_id in sites
        ]

    async def _write(self, written: _Written) -> None:
        actor = f"flags/{self._flag.name}"
        batch_id = timed_id(written.at, actor, "stage")
        async with bulk_producer(
            self._bootstrap, actor, batch_id, written.at, writes=WRITES
        ) as bulk:
            # First: no charger changes its stage without a record of it, and each has one.
            await self._record(bulk, written.changes, actor)
            for change in written.changes:
                key = str(change.row.charger_id)
                await bulk.add(STAGES, key, change.row.encode())
            for key in written.gone:
                await bulk.add(STAGES, key, None)
            await bulk.settle()
            # Last: from it on a charger without a row is in shadow.
            flags = self._rows.get(EVERY_CHARGER) or self._flags_rule(written.at)
            flags = flags.model_copy(update={"returning_at": None})
            await bulk.add(STAGES, EVERY_CHARGER, flags.encode())
        self._take(written, flags)

    async def _record(self, bulk: Bulk, changes: Iterable[StageChange], actor: str) -> None:
        audits = [_audit(change, actor) for change in changes if change.changes]
        audits += self._return_given_up(actor)
        for audit in audits:
            if audit.audit_id not in self._audited:
                await bulk.add(AUDIT, actor, audit.encode())
        await bulk.settle()
        self._audited = {audit.audit_id for audit in audits}

    def _return_given_up(self, actor: str) -> Iterator[AuditRecord]:
        """What has to be recorded where a return to site.yaml was recorded and not finished."""
        rule = self._rows.get(EVERY_CHARGER)
        if rule is not None and rule.returning_at is not None:
            yield AuditRecord(
                audit_id=timed_id(self._began, actor, "stage", EVERY_CHARGER),
                actor=actor,
                action="stage",
                subject=EVERY_CHARGER,
                at=self._began,
                before=f"site.yaml, begun at {rule.returning_at:%Y-%m-%d %H:%M:%S}Z, not finished",
                after="flags",
            )

    def _take(self, written: _Written, flags: StageRecord) -> None:
        self._unwritten.clear()
        self._audited.clear()
        self._rows[EVERY_CHARGER] = flags
        for key in written.gone:
            del self._rows[key]
        for row, before in written.changes:
            self._rows[str(row.charger_id)] = row
            if row.stage != before:
                log.info(
                    "stage.changed",
                    charger_id=row.charger_id,
                    before=before,
                    after=row.stage,
                    cause=row.cause,
                )

    def _flags_rule(self, now: datetime) -> StageRecord:
        return StageRecord(stage=Stage.SHADOW, since=now, provider=self._flag.name)

    def _say_unreadable(self, count: int) -> None:
        self._metrics.set(FLAGS_UNREADABLE, count)
        if count != self._unreadable_count:
            log.warning("flags.unreadable", provider=self._flag.name, chargers_count=count)
        self._unreadable_count = count


class _Written(NamedTuple):
    """What one round writes."""

    changes: list[StageChange]
    gone: list[str]
    at: datetime


def _audit(change: StageChange, actor: str) -> AuditRecord:
    row = change.row
    before, after = change.before.value, f"{row.stage} ({row.cause})" if row.cause else row.stage
    return AuditRecord(
        audit_id=timed_id(row.since, actor, "stage", str(row.charger_id), str(row.stage)),
        actor=actor,
        action="stage",
        subject=str(row.charger_id),
        at=row.since,
        before=before,
        after=str(after),
    )


async def resolve_stages(
    bootstrap: Kafka,
    source: FlagSource,
    metrics: Metrics,
    ready: Callable[[], None],
    stop: asyncio.Event,
) -> None:
    """Have every charger's stage say what the flag says, until `stop` is set.

    Raises:
        BrokerUnavailableError: nothing answers at the bootstrap address.
        TopicMismatchError: the topics are not those of the topic table.
        NotPermittedError: Kafka does not permit this user all that the role has.
    """
    permit = permit_of(Role.FLAGS)
    await check_topics(bootstrap)
    await refuse_lacking(bootstrap, permit)
    watch = PermissionWatch(bootstrap, permit, metrics, patience_s=None)
    replica = Replica(bootstrap, REPLICA_TOPICS, metrics)
    flag = StageFlag(source)
    try:
        await replica.load()
        flag.start()
        resolver = Resolver(bootstrap, flag, replica, metrics)
        async with asyncio.TaskGroup() as tasks:
            work = [
                tasks.create_task(replica.follow()),
                tasks.create_task(resolver.keep(ready)),
                tasks.create_task(watch.run()),
            ]
            await stop.wait()
            for task in work:
                task.cancel()
    finally:
        flag.stop()
        await replica.close()


async def return_to_sites(bootstrap: Kafka, metrics: Metrics, actor: str) -> int:
    """Have site.yaml say the stages again; how many chargers change by that.

    A return that Kafka did not take to its end is done again: what it records is then the same.

    Raises:
        BrokerUnavailableError: nothing answers at the bootstrap address.
    """
    replica = await read_replica(bootstrap, (SITES, CHARGERS, STAGES), metrics)
    if not replica.stages:
        return 0
    now = datetime.now(UTC)
    flags = replica.stages.get(EVERY_CHARGER)
    at = flags.returning_at if flags is not None and flags.returning_at else now
    changed = [*_changed_by_return(replica, actor, at)]
    batch_id = timed_id(now, actor, "stage", "site.yaml")
    async with bulk_producer(bootstrap, f"flags/{actor}", batch_id, now, writes=WRITES) as bulk:
        if flags is not None:
            returning = flags.model_copy(update={"returning_at": at})
            await bulk.add(STAGES, EVERY_CHARGER, returning.encode())
            await bulk.settle()
        await _take_away(bulk, replica.stages, changed, actor)
    return len(changed)


def _changed_by_return(replica: Replica, actor: str, at: datetime) -> Iterator[AuditRecord]:
    for charger_id, charger in replica.chargers.items():
        site = replica.sites.get(charger.site_id)
        if site is None:
            continue
        before, after = staged(charger_id, site, replica.stages).stage, site.stage_known()
        if before is not after:
            yield AuditRecord(
                audit_id=timed_id(at, actor, "return", charger_id, str(after)),
                actor=actor,
                action="stage",
                subject=charger_id,
                at=at,
                before=str(before),
                after=f"{after} (site.yaml)",
            )


async def _take_away(
    bulk: Bulk, rows: Iterable[str], changed: Iterable[AuditRecord], actor: str
) -> None:
    for record in changed:
        await bulk.add(AUDIT, actor, record.encode())
    # Before any row goes: without it nobody could tell any more what changed.
    await bulk.settle()
    # First: else a charger whose row is gone would be in shadow for a moment.
    await bulk.add(STAGES, EVERY_CHARGER, None)
    await bulk.settle()
    for key in rows:
        if key != EVERY_CHARGER:
            await bulk.add(STAGES, key, None)
