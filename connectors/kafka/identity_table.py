"""Identity records in memory: kept as the bytes they came in and decoded when one is looked up.

A million of them fit into a few hundred megabytes, and a worker is ready in seconds. They are found
by the hash of their pseudonym, which Python makes in no time, and which takes half the memory; the
record itself says whose it is, so two pseudonyms may share one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

import orjson

from models.errors import UndecodableRecordError
from models.ids import Pseudonym
from models.site import IdentityClass, IdentityRecord, IdentityState

INSTANTS_REMEMBERED = 10_000
"""A fleet's cards begin on few dates."""

_AS_WRITTEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", re.ASCII)
_OWN_FLEET = f'"{IdentityClass.OWN_FLEET}"'.encode()

_FIELDS_COUNT = len(IdentityRecord.model_fields)
_CLASSES = {each.value: each for each in IdentityClass}
_STATES = {each.value: each for each in IdentityState}


class IdentityTable:
    """Identity records by pseudonym, kept as bytes: one dictionary entry for most of them."""

    def __init__(self) -> None:
        self._rows: dict[int, bytes | tuple[bytes, ...]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def of(self, pseudonym: Pseudonym) -> tuple[IdentityRecord, ...]:
        """Every record of a pseudonym."""
        found = self._rows.get(hash(pseudonym))
        if found is None:
            return ()
        if isinstance(found, bytes):
            record = _record(found)
            return (record,) if record.pseudonym == pseudonym else ()
        records = [_record(raw) for raw in found]
        return tuple([record for record in records if record.pseudonym == pseudonym])

    def own_fleet(self) -> Iterator[Pseudonym | None]:
        """Whose each record of the own fleet is, as they are now; None for each other record, so
        that who looks for few among a million may let others have their turn. Most are told by
        their bytes alone."""
        for found in list(self._rows.values()):
            for raw in _as_rows(found):
                yield _own(raw) if _OWN_FLEET in raw else None

    def put(self, key: str, value: bytes | None) -> None:
        """Set or delete the row of a topic key (see IdentityRecord.key).

        Raises:
            UndecodableRecordError: key or value is not an identity record's.
        """
        pseudonym = pseudonym_of_key(key)
        place = hash(pseudonym)
        if value is not None:
            hold_to_key(pseudonym, _whose(value))
        found = self._rows.get(place)
        if found is None and value is not None:
            # Most pseudonyms are new and have one record: there is nothing to compare it with.
            self._rows[place] = value
            self._count += 1
            return
        rows = _as_rows(found)
        others = tuple(raw for raw in rows if IdentityRecord.decode(raw).key != key)
        kept = others if value is None else (*others, value)
        self._count += len(kept) - len(rows)
        if kept:
            self._rows[place] = kept[0] if len(kept) == 1 else kept
        else:
            self._rows.pop(place, None)


def _record(raw: bytes) -> IdentityRecord:
    """What `IdentityRecord.decode` says of bytes that it has accepted, in a third of the time.

    Every attempt by a known card decodes one. Bytes that are written in another way than this
    version writes them are left to it.
    """
    row = orjson.loads(raw)
    try:
        return IdentityRecord.model_construct(
            source=row["source"],
            site_id=row["site_id"],
            pseudonym=row["pseudonym"],
            identifier_type=row["identifier_type"],
            display=row["display"],
            identity_class=_CLASSES[row["identity_class"]],
            reference=row["reference"],
            valid_from=_instant(row["valid_from"]),
            valid_to=row["valid_to"] and _instant(row["valid_to"]),
            state=_STATES[row["state"]],
            state_since=row["state_since"] and _instant(row["state_since"]),
        )
    except (KeyError, TypeError, ValueError):
        return IdentityRecord.decode(raw)


def _whose(raw: bytes) -> Pseudonym:
    """The pseudonym of a record that `IdentityRecord.decode` accepts, in half of its time: a
    worker that starts asks it of a million.

    Raises:
        UndecodableRecordError: as decoding it does.
    """
    return _whose_as_written(raw) or IdentityRecord.decode(raw).pseudonym


def _whose_as_written(raw: bytes) -> Pseudonym | None:
    """None for bytes that are written in another way than this version writes them."""
    try:
        row = orjson.loads(raw)
        site_id, valid_to, state_since = row["site_id"], row["valid_to"], row["state_since"]
        texts = (row["source"], row["identifier_type"], row["display"], row["reference"])
        # Joining refuses what is no text.
        "".join((row["pseudonym"], *texts, "" if site_id is None else site_id))
        _instant(row["valid_from"])
        for written in (valid_to, state_since):
            if written is not None:
                _instant(written)
        known = row["identity_class"] in _CLASSES and row["state"] in _STATES
    except (KeyError, TypeError, ValueError):
        return None
    return row["pseudonym"] if known and len(row) == _FIELDS_COUNT else None


@lru_cache(maxsize=INSTANTS_REMEMBERED)
def _instant(written: str) -> datetime:
    """A time as this version writes it, in UTC.

    Raises:
        ValueError: it is written in another way.
    """
    if not _AS_WRITTEN.fullmatch(written):
        raise ValueError("expected a time in UTC")
    return datetime.fromisoformat(written)


def _own(raw: bytes) -> Pseudonym | None:
    record = _record(raw)
    return record.pseudonym if record.identity_class == IdentityClass.OWN_FLEET else None


def _as_rows(found: bytes | tuple[bytes, ...] | None) -> tuple[bytes, ...]:
    if found is None:
        return ()
    return (found,) if isinstance(found, bytes) else found


def pseudonym_of_key(key: str) -> Pseudonym:
    """Whose row a topic key is.

    Raises:
        UndecodableRecordError: it is no key of an identity.
    """
    parts = key.split("|", 2)
    if len(parts) < 3:
        raise UndecodableRecordError("expected an identity key of four parts with | between them")
    return Pseudonym(parts[1])


def hold_to_key(key: str, named: str | None) -> None:
    """A row under another's key would govern what it does not speak of. A tombstone names nobody.

    Raises:
        UndecodableRecordError: the record names another than its key.
    """
    if named is not None and named != key:
        raise UndecodableRecordError("expected a record that names what its key names")
