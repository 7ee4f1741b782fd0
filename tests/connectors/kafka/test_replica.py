"""The replica's rows: what is kept, what replaces it, and what a bad record changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from aiokafka.structs import ConsumerRecord

from connectors.kafka.identity_table import IdentityTable
from connectors.kafka.replica import Replica
from connectors.telemetry.metrics import Metrics
from models.errors import UndecodableRecordError
from models.ids import ChargerId, OverrideId, Pseudonym, SiteId
from models.metrics import REPLICA_BAD
from models.overrides import OverrideRecord, Scope
from models.schedule import Mode, Schedule
from models.site import (
    ChargerRecord,
    FeedReceipt,
    IdentityClass,
    IdentityRecord,
    SiteRecord,
)
from models.topics import CHARGERS, FEEDS, IDENTITIES, OVERRIDES, SITES, Topic

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NORTH, SOUTH = SiteId("north"), SiteId("south")
CHARGER = ChargerId("CP-1")
CARD, OTHER_CARD = (Pseudonym(f"k1:{digit * 32}") for digit in "ab")


def identity(
    pseudonym: Pseudonym = CARD,
    *,
    source: str = "folder",
    site_id: SiteId | None = NORTH,
    reference: str = "REF-1",
    valid_from: datetime = NOON,
) -> IdentityRecord:
    return IdentityRecord(
        source=source,
        site_id=site_id,
        pseudonym=pseudonym,
        identifier_type="ISO14443",
        display="ISO14443 …5F6",
        identity_class=IdentityClass.OWN_FLEET,
        reference=reference,
        valid_from=valid_from,
    )


def site(site_id: SiteId = NORTH, *, zone: str = "UTC", mode: Mode = Mode.MANAGED) -> SiteRecord:
    return SiteRecord(
        site_id=site_id,
        name="North",
        timezone=zone,
        schedules=(Schedule(id="depot", default=mode),),
        schedule="depot",
        revision="r1",
        loaded_at=NOON,
    )


def charger(charger_id: ChargerId = CHARGER, site_id: SiteId = NORTH) -> ChargerRecord:
    return ChargerRecord(charger_id=charger_id, site_id=site_id, security_profile=0, revision="r1")


def receipt(source: str, site_id: SiteId | None, revision: str) -> FeedReceipt:
    return FeedReceipt(
        source=source,
        site_id=site_id,
        revision=revision,
        content_at=NOON,
        loaded_at=NOON,
        rows_count=1,
        added_count=1,
        removed_count=0,
        actor="tests",
    )


# Identities.


def table_of(*records: IdentityRecord) -> IdentityTable:
    table = IdentityTable()
    for record in records:
        table.put(record.key, record.encode())
    return table


def test_an_identity_is_found_by_its_pseudonym() -> None:
    table = table_of(identity(CARD), identity(OTHER_CARD))
    assert table.of(CARD) == (identity(CARD),)
    assert table.of(Pseudonym("k1:" + "c" * 32)) == ()
    assert len(table) == 2


def test_several_records_of_one_pseudonym_stand_side_by_side() -> None:
    """Rule 20: each source, reference and renewal is a record of its own."""
    records = (
        identity(),
        identity(source="crm"),
        identity(reference="REF-2"),
        identity(valid_from=NOON.replace(year=2027)),
    )
    table = table_of(*records)
    assert table.of(CARD) == records
    assert len(table) == 4


def test_a_record_replaces_the_one_of_its_key_and_no_other() -> None:
    renamed = identity().model_copy(update={"display": "ISO14443 …000"})
    table = table_of(identity(), identity(reference="REF-2"), renamed)
    assert set(table.of(CARD)) == {renamed, identity(reference="REF-2")}
    assert len(table) == 2


def test_a_tombstone_takes_away_the_record_of_its_key_and_no_other() -> None:
    table = table_of(identity(), identity(reference="REF-2"))
    table.put(identity().key, None)
    assert table.of(CARD) == (identity(reference="REF-2"),)
    table.put(identity(reference="REF-2").key, None)
    table.put(identity(reference="REF-2").key, None)
    assert table.of(CARD) == ()
    assert len(table) == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (identity().key, b"\xff"),
        (identity().key, b"{}"),
        ("folder", identity().encode()),
        ("folder|k1:aa", identity().encode()),
        (identity(OTHER_CARD).key, identity(CARD).encode()),
    ],
)
def test_a_bad_identity_changes_nothing(key: str, value: bytes) -> None:
    table = table_of(identity())
    with pytest.raises(UndecodableRecordError):
        table.put(key, value)
    assert table.of(CARD) == (identity(),)
    assert table.of(OTHER_CARD) == ()
    assert len(table) == 1


def test_a_pseudonym_of_another_form_is_found_too() -> None:
    odd = Pseudonym("k1:not hexadecimal")
    assert table_of(identity(odd)).of(odd) == (identity(odd),)


# The replica.


class Fed(Replica):
    """A replica that is given messages instead of reading them."""

    def __init__(self) -> None:
        self.metrics = Metrics("worker")
        super().__init__(
            "127.0.0.1:1", (SITES, CHARGERS, OVERRIDES, FEEDS, IDENTITIES), self.metrics
        )

    def take(self, topic: Topic, key: str | bytes, value: bytes | None) -> bool:
        raw = key if isinstance(key, bytes) else key.encode()
        message = ConsumerRecord(
            topic.name, 0, 0, 0, 0, raw, value, None, len(raw), len(value or b""), ()
        )
        taken = self._apply(topic, message)
        self._forget_derived({topic})
        return taken

    def bad(self, topic: Topic) -> float:
        return self.metrics.registry.get_sample_value(REPLICA_BAD.name, {"table": topic.name}) or 0


@pytest.fixture
def replica() -> Fed:
    fed = Fed()
    assert fed.take(SITES, NORTH, site().encode())
    assert fed.take(CHARGERS, CHARGER, charger().encode())
    assert fed.take(IDENTITIES, identity().key, identity().encode())
    return fed


def test_a_charger_is_governed_by_its_site(replica: Fed) -> None:
    governing = replica.governing(CHARGER)
    assert governing is not None
    assert (governing.site.site_id, governing.schedule_id, governing.scope) == (
        NORTH,
        "depot",
        "site",
    )
    assert governing.timeline.mode_at(NOON) is Mode.MANAGED


def test_a_changed_site_governs_from_then_on(replica: Fed) -> None:
    assert replica.governing(CHARGER) is not None
    replica.take(SITES, NORTH, site(mode=Mode.FREEVEND).encode())
    governing = replica.governing(CHARGER)
    assert governing is not None
    assert governing.timeline.mode_at(NOON) is Mode.FREEVEND


@pytest.mark.parametrize(("topic", "key"), [(SITES, NORTH), (CHARGERS, CHARGER)])
def test_a_tombstone_takes_the_row_away(replica: Fed, topic: Topic, key: str) -> None:
    assert replica.take(topic, key, None)
    assert replica.governing(CHARGER) is None


@pytest.mark.parametrize(
    ("topic", "key", "value"),
    [
        (SITES, NORTH, b"\xff no record"),
        (SITES, NORTH, b'{"site_id": "north"}'),
        (SITES, NORTH, site(zone="Europe/Nowhere").encode()),
        (SITES, NORTH, site(SOUTH).encode()),
        (SITES, b"\xff", site().encode()),
        (CHARGERS, CHARGER, b"[]"),
        (CHARGERS, CHARGER, charger(ChargerId("CP-2")).encode()),
        (IDENTITIES, identity().key, b""),
        (FEEDS, "folder", b"null"),
    ],
)
def test_a_bad_row_keeps_the_last_good_one_and_is_counted(
    replica: Fed, topic: Topic, key: str | bytes, value: bytes
) -> None:
    assert not replica.take(topic, key, value)
    assert replica.bad(topic) == 1
    assert replica.governing(CHARGER) is not None
    assert replica.identities(CARD, NORTH) == (identity(),)


def test_an_identity_of_another_site_is_not_known_here(replica: Fed) -> None:
    everywhere = identity(site_id=None, reference="REF-9")
    replica.take(IDENTITIES, everywhere.key, everywhere.encode())
    assert set(replica.identities(CARD, NORTH)) == {identity(), everywhere}
    assert replica.identities(CARD, SOUTH) == (everywhere,)


def test_rule_10_the_identity_revision_names_the_sources_that_speak_of_a_site(
    replica: Fed,
) -> None:
    for key, fed in (
        ("folder/north", receipt("folder", NORTH, "r7")),
        ("folder/south", receipt("folder", SOUTH, "r8")),
        ("crm", receipt("crm", None, "r3")),
    ):
        replica.take(FEEDS, key, fed.encode())
    assert replica.identity_revision(NORTH) == "crm@r3,folder@r7"
    assert replica.identity_revision(SOUTH) == "crm@r3,folder@r8"


def test_rule_22_only_sources_that_age_are_facts_and_each_load_is_seen(replica: Fed) -> None:
    def ageing(source: str, site_id: SiteId | None, minute: int) -> FeedReceipt:
        at = datetime(2026, 7, 14, 12, minute, tzinfo=UTC)
        fed = receipt(source, site_id, "r1")
        return fed.model_copy(update={"ages": True, "content_at": at})

    def seen(site_id: SiteId) -> list[tuple[str, int]]:
        return [(each.source, each.content_at.minute) for each in replica.feed_facts(site_id)]

    replica.take(FEEDS, "folder/north", receipt("folder", NORTH, "r7").encode())
    replica.take(FEEDS, "own-fleet", ageing("own-fleet", None, 5).encode())
    replica.take(FEEDS, "agreements/north", ageing("agreements", NORTH, 7).encode())
    assert seen(NORTH) == [("agreements", 7), ("own-fleet", 5)]
    assert seen(SOUTH) == [("own-fleet", 5)]
    replica.take(FEEDS, "own-fleet", ageing("own-fleet", None, 9).encode())
    assert seen(SOUTH) == [("own-fleet", 9)]
    replica.take(FEEDS, "own-fleet", None)
    assert seen(SOUTH) == []


def test_an_override_governs_its_charger_and_a_tombstone_takes_it_away(replica: Fed) -> None:
    """Rule 7; and the timelines under overrides, which others share, are not compiled again."""
    governing = replica.governing(CHARGER)
    assert governing is not None
    record = OverrideRecord(
        override_id=OverrideId("o1"),
        site_id=NORTH,
        scope=Scope.SITE,
        target=NORTH,
        mode=Mode.FREEVEND,
        starts_at=NOON,
        ends_at=NOON + timedelta(hours=1),
        actor="operator",
        reason="open day",
        created_at=NOON,
    )
    assert replica.take(OVERRIDES, "o1", record.encode())
    overridden = replica.governing(CHARGER)
    assert overridden is not None
    assert overridden.timeline.mode_at(NOON) is Mode.FREEVEND
    assert overridden.timeline.mode_at(NOON + timedelta(hours=1)) is Mode.MANAGED
    assert replica.take(OVERRIDES, "o1", None)
    after = replica.governing(CHARGER)
    assert after is not None
    assert after.timeline is governing.timeline


def test_an_override_under_anothers_key_governs_nothing(replica: Fed) -> None:
    assert not replica.take(OVERRIDES, "o1", b'{"override_id": "o2"}')
    assert replica.bad(OVERRIDES) == 1
