"""Local lists: who may start at a charger that is offline, and the messages that tell it so.

A list is a cached answer, and no cached answer outlives its next edge (rule 23): entries carry the
end of their validity, and a charger that cannot hold one is not told of identities that end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from models.entitlement import Access
from models.identifiers import Candidate, other_order
from models.ids import Pseudonym
from models.offline_state import LIST_MAX, ListEntry
from models.profiles import WireCall
from models.reasons import OcppVersion
from models.site import IdentityClass, IdentityRecord, IdentityState

ID_TAG_CHARS_MAX = 20
ID_TOKEN_CHARS_MAX = 36

TYPES_201 = frozenset(
    {"Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress"}
)
"""OCPP 2.0.1 IdTokenEnumType; free types are of 2.1."""

VERSION_MAX = 2**31 - 2

LIST_BYTES = 150
"""Of a SendLocalList without any entry: its type, id and action, and the names of its fields."""


class Named(NamedTuple):
    """Who is to be on a list now.

    Attributes:
        changes_at: the next validity edge, at which the list is replaced (rule 23).
        left_out_count: for whom there was no room.
    """

    entries: tuple[ListEntry, ...]
    changes_at: datetime | None
    left_out_count: int = 0


def named(
    groups: Iterable[Sequence[IdentityRecord]],
    access: Access,
    at: datetime,
    *,
    lasting: Callable[[IdentityRecord], bool] = lambda _: True,
) -> Named:
    """The own fleet that is admitted here at any time, in the order of its references.

    Whoever an access rule limits to hours is left out: no charger knows hours (rules 23 and 28).

    Args:
        groups: the records of one pseudonym each that a site knows.
        lasting: whether a record is believed however old its feed gets (rule 22).
    """
    found: list[tuple[str, ListEntry]] = []
    edges: list[datetime] = []
    for records in groups:
        edges += [
            edge
            for record in records
            for edge in (record.valid_from, record.valid_to)
            if edge is not None and edge > at
        ]
        valid = [record for record in records if _valid(record, at)]
        if valid and all(_charges(one, access, at) and lasting(one) for one in valid):
            # Another record that begins while it holds may disagree.
            ends = [edge for one in records if (edge := _next_edge(one, at)) is not None]
            entry = ListEntry(pseudonym=valid[0].pseudonym, until=min(ends, default=None))
            found.append((min(one.reference for one in valid), entry))
    found.sort(key=lambda pair: (pair[0], pair[1].pseudonym))
    entries = tuple(entry for _, entry in found[:LIST_MAX])
    return Named(entries, min(edges, default=None), len(found) - len(entries))


def _valid(record: IdentityRecord, at: datetime) -> bool:
    return record.valid_from <= at and (record.valid_to is None or at < record.valid_to)


def _charges(record: IdentityRecord, access: Access, at: datetime) -> bool:
    return (
        record.identity_class == IdentityClass.OWN_FLEET
        and record.state == IdentityState.ACTIVE
        and access.admitting(record.identity_class, record.reference) is None
    )


def _next_edge(record: IdentityRecord, at: datetime) -> datetime | None:
    if record.valid_from > at:
        return record.valid_from
    ahead = record.valid_to is not None and record.valid_to > at
    return record.valid_to if ahead else None


class Held(NamedTuple):
    """One entry as a charger holds it. Raw: it never leaves the gateway but to the charger."""

    token: str
    token_type: str
    until: datetime | None

    def __repr__(self) -> str:
        return "Held(…)"


class HeldList(NamedTuple):
    """What was sent over a connection, for differences."""

    version: int
    entries: tuple[Held, ...]


class Composed(NamedTuple):
    """A list as it goes to a charger.

    Attributes:
        missing_count: named, and not known to the gateway's file.
        left_out_count: that this charger cannot be told of.
        orders_left_out_count: cards whose number in the other byte order had no room.
    """

    entries: tuple[Held, ...]
    missing_count: int
    left_out_count: int
    orders_left_out_count: int = 0

    def __repr__(self) -> str:
        return f"Composed({len(self.entries)} entries)"


def composed(
    entries: Iterable[ListEntry],
    known: Mapping[Pseudonym, Candidate],
    ocpp: OcppVersion | str,
    now: datetime,
    *,
    expires: bool,
    entries_max: int,
    others: Others | None = None,
) -> Composed:
    """Pseudonyms that were named, with the identifiers of the gateway's own file.

    Args:
        expires: whether the charger holds to the end of an entry.
        entries_max: that it has room for.
        others: where the site's readers give a card's number in either byte order: the pseudonyms
            by which the file knows an identifier. No charger knows of orders, so each is an entry;
            every card's own number comes before any other order.
    """
    entries = tuple(entries)
    named_ = {entry.pseudonym for entry in entries}
    own: dict[tuple[str, str], Held] = {}
    reversed_: dict[tuple[str, str], Held] = {}
    missing_count = left_out_count = 0
    for entry in entries:
        candidate = known.get(entry.pseudonym)
        if candidate is None:
            missing_count += 1
            continue
        over = entry.until is not None and (not expires or entry.until <= now)
        other = other_order(candidate) if others is not None else None
        owners = others(other) if others is not None and other is not None else ()
        # A number that may be another card's, which is not named, is none to let in: online both
        # are looked up, and one that denies is enough (rules 19 and 20).
        doubtful = bool(owners) and named_.isdisjoint(owners)
        if over or doubtful or not _fits(candidate, ocpp):
            left_out_count += 1
            continue
        for found, read in ((own, candidate), (reversed_, other)):
            if read is not None:
                held = Held(read.canonical, read.identifier_type, entry.until)
                # In 1.6 a tag has no type, and no two entries may have one tag.
                key = (held.token.casefold(), "" if ocpp == "1.6" else held.token_type)
                found.setdefault(key, held)
    orders = [held for key, held in reversed_.items() if key not in own]
    kept = tuple(own.values())[:entries_max]
    room = entries_max - len(kept)
    return Composed(
        (*kept, *orders[:room]),
        missing_count,
        left_out_count + len(own) - len(kept),
        max(0, len(orders) - room),
    )


Others = Callable[[Candidate], Collection[Pseudonym]]


def _fits(candidate: Candidate, ocpp: OcppVersion | str) -> bool:
    length = len(candidate.canonical)
    if ocpp == "1.6":
        return length <= ID_TAG_CHARS_MAX
    if ocpp == "2.1":
        return True
    return length <= ID_TOKEN_CHARS_MAX and candidate.identifier_type in TYPES_201


def list_calls(
    ocpp: OcppVersion | str,
    before: Sequence[Held] | None,
    after: Sequence[Held],
    version: int,
    per_message: int,
    *,
    message_bytes: int | None = None,
) -> tuple[WireCall, ...]:
    """The messages that bring a charger's list from one to another, each with a version of its own.

    A full list, or what is different where that is shorter. What does not fit into one message
    follows as differences (OCPP 2.0.1 D01.FR.11, 1.6 SendLocalListMaxLength).

    Args:
        before: None where what it has is not known.
        version: that it has now.
        per_message, message_bytes: entries and bytes that one message may have, at least one entry;
            None = the charger does not say.
    """
    differences = None if before is None else _differences(ocpp, before, after)
    full = [_entry(ocpp, held) for held in after]
    short = differences is not None and len(differences) < len(full)
    rows = differences if short and differences is not None else full
    first = "Differential" if short else "Full"
    if message_bytes is not None and rows:
        longest = max(len(json.dumps(row, separators=(",", ":"))) for row in rows) + 1
        per_message = max(1, min(per_message, (message_bytes - LIST_BYTES) // longest))
    chunks = [rows[at : at + per_message] for at in range(0, len(rows), per_message)] or [[]]
    return tuple(
        _list_call(ocpp, version + place, first if place == 1 else "Differential", chunk)
        for place, chunk in enumerate(chunks, 1)
    )


def _differences(
    ocpp: OcppVersion | str, before: Sequence[Held], after: Sequence[Held]
) -> list[dict[str, Any]]:
    stays = {(held.token, held.token_type) for held in after}
    gone = [held for held in before if (held.token, held.token_type) not in stays]
    old = set(before)
    changed = [held for held in after if held not in old]
    return [_name(ocpp, held) for held in gone] + [_entry(ocpp, held) for held in changed]


def _list_call(
    ocpp: OcppVersion | str, version: int, update: str, rows: list[dict[str, Any]]
) -> WireCall:
    payload: dict[str, Any] = {"updateType": update}
    payload["listVersion" if ocpp == "1.6" else "versionNumber"] = version
    # 2.x takes no empty list: left out, a full one empties what was there.
    if rows or ocpp == "1.6":
        payload["localAuthorizationList"] = rows
    return WireCall("SendLocalList", payload, "tune")


def _name(ocpp: OcppVersion | str, held: Held) -> dict[str, Any]:
    if ocpp == "1.6":
        return {"idTag": held.token}
    return {"idToken": {"idToken": held.token, "type": held.token_type}}


def _entry(ocpp: OcppVersion | str, held: Held) -> dict[str, Any]:
    info: dict[str, Any] = {"status": "Accepted"}
    if held.until is not None:
        # Whole seconds: some firmware takes no fraction.
        ends = held.until.strftime("%Y-%m-%dT%H:%M:%SZ")
        info["expiryDate" if ocpp == "1.6" else "cacheExpiryDateTime"] = ends
    return _name(ocpp, held) | {"idTagInfo" if ocpp == "1.6" else "idTokenInfo": info}


def list_version(payload: Mapping[str, Any]) -> int | None:
    """The version in an answer to GetLocalListVersion; None where there is no list to be had.

    1.6 says -1 of lists that are not supported, and 0 of one that is empty.
    """
    for field in ("listVersion", "versionNumber"):
        told = payload.get(field)
        if isinstance(told, int) and 0 <= told <= VERSION_MAX:
            return told
    return None
