"""What of a depot differs from what stands on the depot.* topics (rule 21). No IO."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from connectors.feeds.identities_file import SOURCE, IdentityRow, IdentityRows
from models.errors import UndecodableRecordError
from models.ids import ChargerId, Pseudonym, SiteId
from models.site import (
    ChargerRecord,
    FeedReceipt,
    IdentityRecord,
    IdentityState,
    SiteRecord,
    feed_key,
)

_STATE_SINCE = b',"state_since":"'
_END = b'Z"}'
"""The last field of a record (see `IdentityRow.encode`)."""

_TIMES_REMEMBERED = 512
"""A load gives all its new rows one time."""


class Change(NamedTuple):
    """How many rows of a table were new, different and gone."""

    added: int
    changed: int
    removed: int

    def __bool__(self) -> bool:
        return any(self)


class Before(NamedTuple):
    """As much of a row that stands and differs as its successor needs.

    Attributes:
        state: None where the row cannot be read.
        partition: where it stands: its successor goes there too, so that compaction sees both.
    """

    state: IdentityState | str | None
    state_since: datetime | None
    partition: int


class Inherited(NamedTuple):
    """Of a row under an older key epoch, what its successor needs.

    Attributes:
        successor: key of the same row under the newest epoch.
    """

    state: IdentityState | str | None
    state_since: datetime | None
    successor: str


class IdentityDifference:
    """Compares a source's rows with those that stand, as they come, in the order of their topic.

    What is equal is only forgotten: of a million rows that stand, nothing is kept.

    Args:
        rows: all that the source has; or what is new and changed, when it says what is gone.
        gone: whether a row with this key, which is none of `rows`, is to go.
    """

    def __init__(
        self,
        rows: IdentityRows,
        site_id: SiteId | None,
        source: str = SOURCE,
        gone: Callable[[str], bool] = lambda _key: True,
    ) -> None:
        self._rows = rows
        self._site_id, self._source = site_id, source
        self._owner = f"{feed_key(source, site_id)}|"
        self._goes = gone
        self._publish = dict(rows)
        self._before: dict[str, Before] = {}
        self._gone: dict[str, int] = {}
        # A row that stands under an older key epoch is the same row, and its successor inherits
        # since when its state holds (rule 26).
        self._successors = {old: row.pseudonym for row in rows.values() for old in row.earlier}
        # By the older key: after two rotations a row may stand, or be deleted, under several.
        self._inherited: dict[str, Inherited] = {}

    def take(self, key: str, value: bytes | None, partition: int) -> None:
        """One row of the topic; a later one of the same key counts in its place."""
        if not key.startswith(self._owner):
            return
        row = self._rows.get(key)
        if row is None:
            self._gone.pop(key, None)
            succeeded = self._take_predecessor(key, value)
            if value is not None and (succeeded or self._goes(key)):
                self._gone[key] = partition
            return
        self._before.pop(key, None)
        if value is not None and self._stands_as_written(row, value):
            self._publish.pop(key, None)
            return
        self._publish[key] = row
        if value is None:
            return
        try:
            record = IdentityRecord.decode(value)
        except UndecodableRecordError:
            self._before[key] = Before(None, None, partition)
            return
        if row.stands(record):
            del self._publish[key]
        else:
            self._before[key] = Before(record.state, record.state_since, partition)

    def _stands_as_written(self, row: IdentityRow, value: bytes) -> bool:
        """Whether what stands is this row to the byte, as most are: told without decoding it."""
        since = _state_since(value.rpartition(_STATE_SINCE)[2])
        return (
            since is not None
            and row.state_since in (None, since)
            and row.encode(self._site_id, since, self._source) == value
        )

    def _take_predecessor(self, key: str, value: bytes | None) -> bool:
        """Whether one of the rows is this one under the newest key epoch."""
        owner, old, *rest = key.split("|", 2)
        current = self._successors.get(Pseudonym(old))
        if current is None:
            return False
        successor = "|".join((owner, current, *rest))
        if successor not in self._rows:
            return False
        self._inherited.pop(key, None)
        if value is None:
            return True
        try:
            record = IdentityRecord.decode(value)
        except UndecodableRecordError:
            return True
        self._inherited[key] = Inherited(record.state, record.state_since, successor)
        return True

    @property
    def rotated_count(self) -> int:
        """Rows that stand under an older key epoch only, and are published under the newest."""
        succeeding = {each.successor for key, each in self._inherited.items() if key in self._gone}
        return sum(key in self._publish and key not in self._before for key in succeeding)

    @property
    def change(self) -> Change:
        """How many rows are new, different and gone; under another key a row is different."""
        changed = len(self._before)
        rotated = self.rotated_count
        added = len(self._publish) - changed - rotated
        return Change(added, changed + rotated, len(self._gone) - rotated)

    @property
    def publish(self) -> dict[str, IdentityRow]:
        """Rows that are new or different, by key."""
        return self._publish

    @property
    def gone(self) -> dict[str, int]:
        """Keys that no row has any more, and the partition of each."""
        return self._gone

    @property
    def standing_count(self) -> int:
        """Rows that stood, of those that the source may have spoken of: all of a full delivery."""
        return len(self._rows) - self.change.added + self.change.removed

    @property
    def vanishing_count(self) -> int:
        """Rows that go and that nothing comes for: the same reference and beginning under another
        identifier is a new card, or an old one under another key than this installation has."""
        if not self._gone:
            return 0
        # A row under an older key that goes is no loss: its successor comes, or stands already.
        succeeding = {each.successor for each in self._inherited.values()}
        came = Counter(map(_about, self._publish.keys() - self._before.keys() - succeeding))
        gone = self._gone.keys() - self._inherited.keys()
        return (Counter(map(_about, gone)) - came).total()

    def encoded(self, key: str, row: IdentityRow, now: datetime) -> bytes:
        """The record to publish of a row."""
        return row.encode(self._site_id, self.state_since(key, row, now), self._source)

    def partition(self, key: str) -> int | None:
        """Where a row with this key stands."""
        before = self._before.get(key)
        return before.partition if before else None

    def state_since(self, key: str, row: IdentityRow, now: datetime) -> datetime:
        """As written, else the content time of the first load that had this state."""
        if row.state_since is not None:
            return row.state_since
        before = self._before.get(key) or self._predecessor(key, row)
        same = before is not None and before.state == row.state
        return before.state_since or now if before is not None and same else now

    def _predecessor(self, key: str, row: IdentityRow) -> Inherited | None:
        """The same row under the newest of the older epochs that it stands under."""
        if not self._inherited:
            return None
        owner, _current, rest = key.split("|", 2)
        older = (self._inherited.get(f"{owner}|{old}|{rest}") for old in row.earlier)
        return next((each for each in older if each is not None), None)


@lru_cache(maxsize=_TIMES_REMEMBERED)
def _state_since(written: bytes) -> datetime | None:
    """The instant that a record ends with; None where that is none as this version writes it."""
    if not written.endswith(_END):
        return None
    try:
        return datetime.fromisoformat(written.removesuffix(_END).decode() + "Z")
    except ValueError:
        return None


def _about(key: str) -> str:
    """Reference and beginning of validity of a topic key."""
    return key.split("|", 2)[2]


class Standing(NamedTuple):
    """What stands, besides identities.

    Attributes:
        site, receipt: of the site that is loaded, and of its folder's identities.
        chargers: of all sites: ids are unique over all of them.
    """

    site: SiteRecord | None
    receipt: FeedReceipt | None
    chargers: dict[ChargerId, ChargerRecord]

    def chargers_of(self, site_id: SiteId) -> dict[ChargerId, ChargerRecord]:
        """The chargers of one site."""
        return {key: row for key, row in self.chargers.items() if row.site_id == site_id}


class ChargerDifference(NamedTuple):
    """What differs of a site's chargers."""

    publish: tuple[ChargerRecord, ...]
    gone: tuple[ChargerId, ...]
    change: Change


def charger_difference(
    rows: tuple[ChargerRecord, ...], before: dict[ChargerId, ChargerRecord]
) -> ChargerDifference:
    """Compare a site's chargers with those of it that stand."""
    publish = tuple(row for row in rows if before.get(row.charger_id) != row)
    gone = tuple(before.keys() - {row.charger_id for row in rows})
    added = sum(row.charger_id not in before for row in publish)
    return ChargerDifference(publish, gone, Change(added, len(publish) - added, len(gone)))
