"""The topic table: what travels where, keyed by what, kept how long.

Topic creation, the records' schemas and the docs are read from this one table.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from models.attempt import SLOTS, AccessRequest, Decision, Denial, Outcome
from models.charger import ChargerCommand, ChargerEvent, ChargerState, ModeFact
from models.overrides import OverrideRecord
from models.record import Record
from models.site import AuditRecord, ChargerRecord, FeedReceipt, IdentityRecord, SiteRecord
from models.stages import StageRecord

CHARGER_PARTITIONS = SLOTS
"""Of every charger-keyed and slot topic, fixed for life: keys and slots would move otherwise."""

DEPOT_PARTITIONS = 8
"""Of the depot.* topics: a million identities load in parallel, and few brokers have more disks."""

RECORD_MAX_BYTES = 1_048_576
"""A whole site.yaml compiled fits, and a consumer's default fetch of one partition takes it."""

HEADERS_MAX_BYTES = 65_536
"""CloudEvents and trace headers take about 300 bytes, the cause of a dead letter 500 more."""

FOREVER = None

WORKER_GROUP = "depotgate-worker"
"""Faust's consumer group of all workers of an installation: they share the partitions of what its
agents read."""

REQUESTS_GROUP = "depotgate-decisions"
"""Consumer group in which all workers of an installation share the requests."""


class Kind(StrEnum):
    """What a topic's records are to their readers."""

    INTEGRATION = "integration"
    AUDIT = "audit"
    PRODUCT_FACT = "product fact"
    CONFIGURATION = "configuration"


class Topic(NamedTuple):
    """One topic.

    Attributes:
        record: what its values decode to; None for dead letters, which keep their origin's bytes.
        keyed_by: words for a person.
        retention_days: None for compacted topics, which keep the newest row of each key.
        dead_letters: whether a reader that cannot decode a record moves it to `<name>.dlq`.
    """

    name: str
    record: type[Record] | None
    keyed_by: str
    kind: Kind
    retention_days: int | None
    partitions: int
    dead_letters: bool
    written_by: str
    read_by: str

    @property
    def compacted(self) -> bool:
        return self.retention_days is FOREVER

    @property
    def dead_letter_name(self) -> str:
        return f"{self.name}.dlq"


# fmt: off
REQUESTS = Topic("access.requests.v1", AccessRequest, "charger", Kind.INTEGRATION, 7,
                 CHARGER_PARTITIONS, True, "gateway", "worker")
DECISIONS = Topic("access.decisions.v1", Decision, "charger; partition = slot", Kind.AUDIT, 400,
                  CHARGER_PARTITIONS, True, "worker", "gateway, replay")
OUTCOMES = Topic("access.outcomes.v1", Outcome, "charger", Kind.AUDIT, 400,
                 CHARGER_PARTITIONS, True, "gateway", "worker, console")
DENIALS = Topic("access.denials.v1", Denial, "charger", Kind.AUDIT, 400,
                CHARGER_PARTITIONS, False, "worker", "analysts, console")
EVENTS = Topic("charger.events.v1", ChargerEvent, "charger", Kind.PRODUCT_FACT, 30,
               CHARGER_PARTITIONS, True, "gateway", "worker, console")
COMMANDS = Topic("charger.commands.v1", ChargerCommand, "charger; partition = slot",
                 Kind.INTEGRATION, 1, CHARGER_PARTITIONS, True, "worker, charger probe", "gateway")
MODE = Topic("charger.mode.v1", ModeFact, "charger", Kind.PRODUCT_FACT, 400,
             CHARGER_PARTITIONS, False, "worker", "console")
STATE = Topic("charger.state.v1", ChargerState, "charger", Kind.PRODUCT_FACT, FOREVER,
              CHARGER_PARTITIONS, False, "worker", "worker, console")
SITES = Topic("depot.sites.v1", SiteRecord, "site", Kind.CONFIGURATION, FOREVER,
              DEPOT_PARTITIONS, False, "load", "worker, gateway")
CHARGERS = Topic("depot.chargers.v1", ChargerRecord, "charger", Kind.CONFIGURATION, FOREVER,
                 DEPOT_PARTITIONS, False, "load", "worker, gateway")
IDENTITIES = Topic("depot.identities.v1", IdentityRecord,
                   "source, pseudonym, reference, start of validity", Kind.CONFIGURATION, FOREVER,
                   DEPOT_PARTITIONS, False, "load", "worker")
FEEDS = Topic("depot.feeds.v1", FeedReceipt, "source", Kind.CONFIGURATION, FOREVER,
              DEPOT_PARTITIONS, False, "load", "worker")
OVERRIDES = Topic("depot.overrides.v1", OverrideRecord, "override", Kind.CONFIGURATION, FOREVER,
                  DEPOT_PARTITIONS, False, "override add, override end", "worker, gateway")
STAGES = Topic("depot.stages.v1", StageRecord, "charger, or /every", Kind.CONFIGURATION, FOREVER,
               DEPOT_PARTITIONS, False, "flags", "worker, gateway")
AUDIT = Topic("depot.audit.v1", AuditRecord, "actor", Kind.AUDIT, 400,
              DEPOT_PARTITIONS, False, "whoever changed something", "console")
# fmt: on

PRIMARY_TOPICS: tuple[Topic, ...] = (
    REQUESTS,
    DECISIONS,
    OUTCOMES,
    DENIALS,
    EVENTS,
    COMMANDS,
    MODE,
    STATE,
    SITES,
    CHARGERS,
    IDENTITIES,
    FEEDS,
    OVERRIDES,
    STAGES,
    AUDIT,
)


def _dead_letter_topic(origin: Topic) -> Topic:
    return Topic(
        name=origin.dead_letter_name,
        record=None,
        keyed_by="as read",
        kind=Kind.INTEGRATION,
        retention_days=30,
        partitions=CHARGER_PARTITIONS,
        dead_letters=False,
        written_by=origin.read_by,
        read_by="operations",
    )


TOPICS: tuple[Topic, ...] = PRIMARY_TOPICS + tuple(
    _dead_letter_topic(topic) for topic in PRIMARY_TOPICS if topic.dead_letters
)
"""Every topic there is."""


def topic_config(topic: Topic) -> dict[str, str]:
    """The broker-side settings of a topic, as Kafka spells them.

    Compacted topics roll and clean soon, so that a restart never reads much more than one row a
    key: segments of an hour or 16 MB, cleaned when a tenth is dirty. Every topic takes a full
    record with its headers, and a dead-letter topic that record with headers of its own: a message
    too large to be kept would be read again for ever.
    """
    headers_count = 2 if topic.record is None else 1
    size = {"max.message.bytes": str(RECORD_MAX_BYTES + headers_count * HEADERS_MAX_BYTES)}
    if topic.compacted:
        return size | {
            "cleanup.policy": "compact",
            "segment.ms": str(3600 * 1000),
            "segment.bytes": str(16 * 1024 * 1024),
            "min.cleanable.dirty.ratio": "0.1",
        }
    assert topic.retention_days is not None
    return size | {
        "cleanup.policy": "delete",
        "retention.ms": str(topic.retention_days * 86400 * 1000),
    }
