"""What a load publishes: what differs from what stands, in whatever order that comes (rule 21)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.feeds.depot_folder import read_depot
from connectors.feeds.differences import Change, IdentityDifference, charger_difference
from connectors.feeds.identities_file import IdentityRow, IdentityRows
from models.identifiers import KeyEpoch, Pseudonymiser
from models.ids import Pseudonym, SiteId
from models.site import IdentityClass, IdentityState
from tests.connectors.feeds.folders import NOW, read, write

SITE_ID = SiteId("depot")
EARLIER = datetime(2026, 1, 1, tzinfo=UTC)


class Case:
    """A folder of two rows, and a topic in which nothing stands yet."""

    def __init__(self, folder: Path) -> None:
        self.depot = read(write(folder))
        self.rows = self.depot.identities
        self.bus, self.courier = self.rows
        self.difference = IdentityDifference(self.rows, SITE_ID)

    def stands(self, row: IdentityRow, *, since: datetime = EARLIER, partition: int = 3) -> None:
        """A row on the topic, as an earlier load wrote it."""
        record = row.record(SITE_ID, since)
        self.difference.take(record.key, record.encode(), partition)

    def gone(self, key: str) -> None:
        self.difference.take(key, None, 3)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_where_nothing_stands_every_row_is_new(case: Case) -> None:
    assert case.difference.change == Change(2, 0, 0)
    assert [*case.difference.publish] == [case.bus, case.courier]


def test_a_key_is_the_one_of_the_record_that_is_published(case: Case) -> None:
    for key, row in case.rows.items():
        assert row.record(SITE_ID, NOW).key == key


@pytest.mark.parametrize("since", [EARLIER, NOW.replace(year=9999), EARLIER.replace(second=7)])
def test_a_row_s_bytes_are_those_of_its_record(case: Case, since: datetime) -> None:
    odd = case.rows[case.bus]._replace(reference='Bus "17" – Süd\\Nord', valid_to=since)
    for row in (*case.rows.values(), odd):
        assert row.encode(SITE_ID, since) == row.record(SITE_ID, since).encode()


def test_what_stands_and_is_equal_is_not_published(case: Case) -> None:
    for row in case.rows.values():
        case.stands(row)
    assert case.difference.change == Change(0, 0, 0)
    assert not case.difference.change


def test_what_a_newer_version_wrote_is_compared_by_what_this_one_knows(case: Case) -> None:
    for row in case.rows.values():
        record = row.record(SITE_ID, NOW.replace(microsecond=6718))
        newer = record.encode().removesuffix(b"}") + b',"added":1}'
        case.difference.take(record.key, newer, 3)
    assert case.difference.change == Change(0, 0, 0)


def test_what_differs_is_published_where_it_stands(case: Case) -> None:
    bus = case.rows[case.bus]
    case.stands(bus._replace(identity_class=IdentityClass.AGREEMENT), partition=5)
    assert case.difference.change == Change(1, 1, 0)
    assert case.difference.partition(case.bus) == 5
    assert case.difference.partition(case.courier) is None


@pytest.mark.parametrize(
    "other",
    [
        {"identity_class": IdentityClass.AGREEMENT},
        {"state": IdentityState.REVOKED},
        {"valid_to": NOW},
        {"display": "ISO14443 …"},
        {"identifier_type": "Local"},
    ],
)
def test_a_row_differs_in_each_of_its_fields(case: Case, other: dict[str, object]) -> None:
    bus = case.rows[case.bus]
    case.stands(IdentityRow(**{**bus._asdict(), **other}))
    assert case.difference.change == Change(1, 1, 0)


def test_of_two_rows_of_a_key_the_later_counts(case: Case) -> None:
    bus = case.rows[case.bus]
    case.stands(bus)
    case.stands(bus._replace(state=IdentityState.REVOKED))
    assert case.difference.change == Change(1, 1, 0)
    case.stands(bus)
    assert case.difference.change == Change(1, 0, 0)


def test_a_deleted_row_is_new_again(case: Case) -> None:
    case.stands(case.rows[case.bus])
    case.gone(case.bus)
    assert case.difference.change == Change(2, 0, 0)


def test_what_the_folder_no_longer_has_is_gone_once(case: Case) -> None:
    left = case.rows[case.bus]._replace(reference="bus-99")
    key = left.record(SITE_ID, EARLIER).key
    case.stands(left, partition=6)
    assert case.difference.gone == {key: 6}
    case.gone(key)
    assert case.difference.gone == {}
    case.gone(key)
    assert case.difference.change == Change(2, 0, 0)


def test_rows_of_other_sites_and_sources_are_not_looked_at(case: Case) -> None:
    """Rule 21: each source owns its records; a full load replaces only its own."""
    bus = case.rows[case.bus]
    for owner in ("folder/depot-2", "folder", "roaming/depot", "folder/depo"):
        case.difference.take(case.bus.replace("folder/depot", owner, 1), b"{}", 0)
    record = bus.record(SiteId("other"), EARLIER)
    case.difference.take(record.key, record.encode(), 0)
    assert case.difference.change == Change(2, 0, 0)
    assert case.difference.gone == {}


def test_a_row_that_cannot_be_read_is_replaced(case: Case) -> None:
    case.difference.take(case.bus, b"{", 4)
    assert case.difference.change == Change(1, 1, 0)
    assert case.difference.partition(case.bus) == 4
    assert case.difference.state_since(case.bus, case.rows[case.bus], NOW) == NOW


def test_a_state_keeps_the_time_of_the_first_load_that_had_it(case: Case) -> None:
    bus = case.rows[case.bus]
    assert case.difference.state_since(case.bus, bus, NOW) == NOW, "it is new"
    case.stands(bus._replace(valid_to=NOW))
    assert case.difference.state_since(case.bus, bus, NOW) == EARLIER, "the state is the same"
    case.stands(bus._replace(state=IdentityState.SUSPENDED))
    assert case.difference.state_since(case.bus, bus, NOW) == NOW, "it is another state"


def test_a_state_s_time_that_is_written_counts(tmp_path: Path) -> None:
    case = Case(tmp_path)
    written = case.rows[case.bus]._replace(state_since=NOW)
    difference = IdentityDifference({case.bus: written}, SITE_ID)
    record = written.record(SITE_ID, EARLIER)
    difference.take(record.key, record.encode(), 0)
    assert difference.change == Change(0, 1, 0)
    assert difference.state_since(case.bus, written, EARLIER) == NOW
    record = written.record(SITE_ID, NOW)
    difference.take(record.key, record.encode(), 0)
    assert difference.change == Change(0, 0, 0)


def test_a_site_s_chargers_are_compared_by_content(case: Case) -> None:
    first, second, third = (row.record for row in case.depot.chargers)
    other = second.model_copy(update={"profile": "easee"})
    before = {row.charger_id: row for row in (first, other)}
    before[third.charger_id] = third
    found = charger_difference((first, second), before)
    assert found.publish == (second,)
    assert found.gone == (third.charger_id,)
    assert found.change == Change(0, 1, 1)
    assert charger_difference((first, second, third), {}).change == Change(3, 0, 0)


OLD = KeyEpoch("k0", b"o" * 32)
ROTATED = Pseudonymiser((KeyEpoch("k1", b"k" * 32), OLD), "default")


class Rotation:
    """The same folder, loaded under k0 before and under k1 now."""

    def __init__(self, folder: Path) -> None:
        write(folder)
        self.before = read_depot(folder, Pseudonymiser((OLD,), "default"), NOW).identities
        self.rows = read_depot(folder, ROTATED, NOW).identities
        self.old_bus, self.old_courier = self.before
        self.bus, self.courier = self.rows
        self.difference = IdentityDifference(self.rows, SITE_ID)

    def stands(self, key: str, **other: object) -> None:
        record = self.before[key]._replace(**other).record(SITE_ID, EARLIER)  # type: ignore[arg-type]
        self.difference.take(key, record.encode(), 2)


@pytest.fixture
def rotation(tmp_path: Path) -> Rotation:
    return Rotation(tmp_path)


def test_rows_of_an_older_key_epoch_are_replaced(rotation: Rotation) -> None:
    """Rule 26: the next load brings a source under the newest epoch."""
    rotation.stands(rotation.old_bus)
    rotation.stands(rotation.old_courier)
    difference = rotation.difference
    assert [*difference.publish] == [rotation.bus, rotation.courier]
    assert difference.gone == {rotation.old_bus: 2, rotation.old_courier: 2}
    assert difference.rotated_count == 2
    assert difference.change == Change(0, 2, 0), "the same rows, otherwise written"


def test_a_state_keeps_its_time_under_another_key_epoch(rotation: Rotation) -> None:
    bus = rotation.rows[rotation.bus]
    rotation.stands(rotation.old_bus)
    assert rotation.difference.state_since(rotation.bus, bus, NOW) == EARLIER
    rotation.stands(rotation.old_bus, state=IdentityState.SUSPENDED)
    assert rotation.difference.state_since(rotation.bus, bus, NOW) == NOW


def _of_three_epochs(folder: Path) -> tuple[IdentityRows, IdentityRows, IdentityRows]:
    """The same folder as loaded under k3 now, under k2 before, and under k1 before that."""
    write(folder)
    epochs = tuple(KeyEpoch(kid, kid.encode() * 16) for kid in ("k3", "k2", "k1"))
    now, before, long_before = (
        read_depot(folder, Pseudonymiser(epochs[place:], "default"), NOW).identities
        for place in range(3)
    )
    return now, before, long_before


@pytest.mark.parametrize("deleted_first", [True, False])
def test_what_an_earlier_rotation_deleted_takes_nothing_from_the_next(
    tmp_path: Path, deleted_first: bool
) -> None:
    """Its deletions stand in other partitions, and come in any order."""
    now, before, long_before = _of_three_epochs(tmp_path)
    deleted = [(key, None) for key in long_before]
    standing = [(key, row.record(SITE_ID, EARLIER).encode()) for key, row in before.items()]
    difference = IdentityDifference(now, SITE_ID)
    for key, value in [*deleted, *standing] if deleted_first else [*standing, *deleted]:
        difference.take(key, value, 2)
    assert difference.change == Change(0, 2, 0)
    assert difference.vanishing_count == 0
    assert {difference.state_since(key, row, NOW) for key, row in now.items()} == {EARLIER}


@pytest.mark.parametrize("newer_first", [True, False])
def test_of_two_older_epochs_the_newer_one_says_since_when(
    tmp_path: Path, newer_first: bool
) -> None:
    """A load that was broken off in a rotation, and another rotation after it."""
    now, before, long_before = _of_three_epochs(tmp_path)
    newer = [(key, row.record(SITE_ID, EARLIER).encode()) for key, row in before.items()]
    older = [(key, row.record(SITE_ID, NOW).encode()) for key, row in long_before.items()]
    difference = IdentityDifference(now, SITE_ID)
    for key, value in [*newer, *older] if newer_first else [*older, *newer]:
        difference.take(key, value, 2)
    assert difference.gone.keys() == before.keys() | long_before.keys()
    assert (difference.rotated_count, difference.vanishing_count) == (2, 0)
    assert {difference.state_since(key, row, NOW) for key, row in now.items()} == {EARLIER}


def test_a_rotation_that_was_broken_off_is_completed(rotation: Rotation) -> None:
    """The new row stands and the old one does too: only the old one is still to go."""
    rotation.stands(rotation.old_bus)
    row = rotation.rows[rotation.bus]
    rotation.difference.take(rotation.bus, row.record(SITE_ID, EARLIER).encode(), 5)
    assert [*rotation.difference.publish] == [rotation.courier]
    assert rotation.difference.gone == {rotation.old_bus: 2}
    assert rotation.difference.change == Change(1, 0, 1)


def test_a_row_of_an_older_epoch_that_is_gone_is_no_predecessor(rotation: Rotation) -> None:
    rotation.stands(rotation.old_bus)
    rotation.difference.take(rotation.old_bus, None, 2)
    assert rotation.difference.rotated_count == 0
    assert rotation.difference.change == Change(2, 0, 0)


def test_nothing_vanishes_by_a_rotation_broken_off_or_not(rotation: Rotation) -> None:
    """Rule 22 quarantines a source that loses records; a rotation loses none."""
    rotation.stands(rotation.old_bus)
    row = rotation.rows[rotation.bus]
    rotation.difference.take(rotation.bus, row.record(SITE_ID, EARLIER).encode(), 5)
    rotation.stands(rotation.old_courier)
    assert rotation.difference.vanishing_count == 0
    lost = rotation.before[rotation.old_bus]._replace(pseudonym=Pseudonym(f"k0:{'0' * 32}"))
    record = lost.record(SITE_ID, EARLIER)
    rotation.difference.take(record.key, record.encode(), 2)
    assert rotation.difference.vanishing_count == 1


def test_an_incremental_delivery_replaces_what_it_names_under_an_older_epoch(
    rotation: Rotation,
) -> None:
    """Rule 21: of what it does not name nothing goes, and nothing moves."""
    named = {rotation.bus: rotation.rows[rotation.bus]}
    rotation.difference = IdentityDifference(named, SITE_ID, gone=lambda _key: False)
    rotation.stands(rotation.old_bus)
    rotation.stands(rotation.old_courier)
    assert rotation.difference.gone == {rotation.old_bus: 2}
    assert rotation.difference.change == Change(0, 1, 0)
