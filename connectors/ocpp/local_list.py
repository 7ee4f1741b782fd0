"""Sending a local list on one connection: its version, its limits, its messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from connectors.known_identities import KnownIdentities
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.session import CallAnswered, CallFailed
from models.key_reading import Reading
from models.local_list import Held, HeldList, composed, list_calls, list_version
from models.offline_state import LIST_MAX, ListStanding, OfflineOrder
from models.profiles import WireCall
from models.reasons import OcppVersion

PER_MESSAGE = 50
"""Of chargers that do not say: about 5 kB, which every one can read."""

FEWER_BY = 4
"""A list whose first message is refused may be longer than the charger has room for, which those of
2.x do not say: three or four messages tell whether it takes any entry at all."""

Call = Callable[[WireCall], Awaitable[CallAnswered | CallFailed]]
Read = Callable[[str], Awaitable[Reading]]


class ListTold(NamedTuple):
    """How a list came to stand; no identifier is in it.

    Attributes:
        room: how many entries the charger took of a list that was longer; None = all of it.
    """

    standing: ListStanding
    version: int | None = None
    entries_count: int = 0
    missing_count: int = 0
    left_out_count: int = 0
    orders_left_out_count: int = 0
    room: int | None = None


class _Limits(NamedTuple):
    """Of one charger.

    Attributes:
        entries: that the list has room for.
        per_message: that one message may have.
        message_bytes: that one message may have; None = it does not say.
        expires: whether it holds to the end of an entry.
    """

    entries: int
    per_message: int
    expires: bool
    message_bytes: int | None = None


class _LimitNames(NamedTuple):
    """Keys that say them."""

    entries: str | None
    per_message: str
    message_bytes: str | None
    expires: str | None


# How many entries a charger of 2.x has room for is told in reports only: it is found by what it
# takes. In 1.6 every entry has an expiryDate of its own (section 3.5.2).
_NAMES_16 = _LimitNames("LocalAuthListMaxLength", "SendLocalListMaxLength", None, None)
_NAMES_2X = _LimitNames(
    None,
    "LocalAuthListCtrlr.ItemsPerMessage",
    "LocalAuthListCtrlr.BytesPerMessage",
    "LocalAuthListCtrlr.SupportsExpiryDateTime",
)


def limit_names(ocpp: OcppVersion) -> tuple[str, ...]:
    """Keys that `bring_list` reads."""
    return tuple(name for name in _names(ocpp) if name)


def _names(ocpp: OcppVersion) -> _LimitNames:
    return _NAMES_16 if ocpp == "1.6" else _NAMES_2X


async def bring_list(
    connection: ChargerConnection,
    order: OfflineOrder,
    known: KnownIdentities | None,
    call: Call,
    read: Read,
) -> ListTold:
    """Bring a charger's list to what was named.

    Args:
        known: identifiers of this gateway; None where it was started without them.
        call, read: of this connection, each with its turn.
    """
    if known is None:
        return ListTold(ListStanding.UNAVAILABLE, missing_count=len(order.entries))
    answer = await call(WireCall("GetLocalListVersion", {}, "read_back"))
    version = None if isinstance(answer, CallFailed) else list_version(answer.payload)
    if version is None:
        return ListTold(ListStanding.NOT_SUPPORTED)
    limits = await _limits(connection, read)
    wanted = composed(
        order.entries,
        known.by_pseudonym,
        connection.ocpp,
        datetime.now(UTC),
        expires=limits.expires,
        entries_max=limits.entries,
        others=known.pseudonyms_of if order.either_byte_order else None,
    )
    told = ListTold(
        ListStanding.INCOMPLETE if wanted.missing_count else ListStanding.STANDS,
        version,
        len(wanted.entries),
        wanted.missing_count,
        wanted.left_out_count,
        wanted.orders_left_out_count,
    )
    before = connection.local_list
    held = before.entries if before is not None and before.version == version else None
    if wanted.missing_count == 0 and version == order.standing_version and held is None:
        return told
    if held == wanted.entries:
        return told
    return await _sent(connection, told, wanted.entries, held, limits, call)


async def _sent(  # noqa: PLR0917 - one list, before and after
    connection: ChargerConnection,
    told: ListTold,
    wanted: tuple[Held, ...],
    held: tuple[Held, ...] | None,
    limits: _Limits,
    call: Call,
) -> ListTold:
    """The list sent, in full where a difference is refused; what finds no room is left out."""
    before = told.version or 0
    connection.local_list = None
    if held is not None:
        calls = _calls(connection, held, wanted, before, limits)
        if await _taken_count(calls, call) == len(calls):
            return _stands(connection, told, wanted, before + len(calls))
    while True:
        calls = _calls(connection, None, wanted, before, limits)
        taken = await _taken_count(calls, call)
        if taken == len(calls):
            return _stands(connection, told, wanted, before + taken)
        if taken:
            room = sum(map(_rows_count, calls[:taken]))
            # Kept while it is connected: what has no room is not tried with each order.
            connection.list_room = room
            left_out = told.left_out_count + len(wanted) - room
            told = told._replace(entries_count=room, left_out_count=left_out, room=room)
            return _stands(connection, told, wanted[:room], before + taken)
        tried = _rows_count(calls[0])
        if tried <= 1:
            return ListTold(
                ListStanding.REFUSED, None, 0, told.missing_count, told.left_out_count + len(wanted)
            )
        limits = limits._replace(per_message=max(1, tried // FEWER_BY))


def _calls(
    connection: ChargerConnection,
    held: tuple[Held, ...] | None,
    wanted: tuple[Held, ...],
    version: int,
    limits: _Limits,
) -> tuple[WireCall, ...]:
    return list_calls(
        connection.ocpp,
        held,
        wanted,
        version,
        limits.per_message,
        message_bytes=limits.message_bytes,
    )


def _rows_count(call: WireCall) -> int:
    return len(call.payload.get("localAuthorizationList", ()))


def _stands(
    connection: ChargerConnection, told: ListTold, entries: tuple[Held, ...], version: int
) -> ListTold:
    now_s = asyncio.get_running_loop().time()
    shared = connection.services.memory.one_list(entries, now_s)
    connection.local_list = HeldList(version, shared)
    return told._replace(version=version)


async def _taken_count(calls: tuple[WireCall, ...], call: Call) -> int:
    """How many messages were taken before one was not."""
    for taken, each in enumerate(calls):
        answer = await call(each)
        if isinstance(answer, CallFailed) or answer.payload.get("status") != "Accepted":
            return taken
    return len(calls)


async def _limits(connection: ChargerConnection, read: Read) -> _Limits:
    names = _names(connection.ocpp)
    entries, per_message, message_bytes, expires = [
        await read(name) if name else None for name in names
    ]
    room = _at_least_one(entries.number if entries else None, LIST_MAX)
    return _Limits(
        min(room, connection.list_room or LIST_MAX),
        _at_least_one(per_message.number if per_message else None, PER_MESSAGE),
        expires is None or expires.equals("true"),
        message_bytes.number if message_bytes else None,
    )


def _at_least_one(told: int | None, otherwise: int) -> int:
    return max(1, min(told, LIST_MAX)) if told is not None else otherwise


def list_data(told: ListTold) -> dict[str, Any]:
    """What is reported of it."""
    return {
        "list": str(told.standing),
        "listVersion": told.version,
        "listCount": told.entries_count,
        "listMissing": told.missing_count,
        "listLeftOut": told.left_out_count,
        "listOrdersLeftOut": told.orders_left_out_count,
        "listRoom": told.room,
    }
