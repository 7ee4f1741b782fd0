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

Call = Callable[[WireCall], Awaitable[CallAnswered | CallFailed]]
Read = Callable[[str], Awaitable[Reading]]


class ListTold(NamedTuple):
    """How a list came to stand; no identifier is in it."""

    standing: ListStanding
    version: int | None = None
    entries_count: int = 0
    missing_count: int = 0
    left_out_count: int = 0
    orders_left_out_count: int = 0


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


# How many entries a charger of 2.x has room for is told in reports only; a list that is too long is
# refused. In 1.6 every entry has an expiryDate of its own (section 3.5.2).
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
    """The list sent, in full where a difference is refused."""
    for before in (held, None) if held is not None else (None,):
        version = told.version or 0
        calls = list_calls(
            connection.ocpp,
            before,
            wanted,
            version,
            limits.per_message,
            message_bytes=limits.message_bytes,
        )
        connection.local_list = None
        if await _all_taken(calls, call):
            told = told._replace(version=version + len(calls))
            now_s = asyncio.get_running_loop().time()
            shared = connection.services.memory.one_list(wanted, now_s)
            connection.local_list = HeldList(version + len(calls), shared)
            return told
    return ListTold(
        ListStanding.REFUSED, None, 0, told.missing_count, told.left_out_count + len(wanted)
    )


async def _all_taken(calls: tuple[WireCall, ...], call: Call) -> bool:
    for each in calls:
        answer = await call(each)
        if isinstance(answer, CallFailed) or answer.payload.get("status") != "Accepted":
            return False
    return True


async def _limits(connection: ChargerConnection, read: Read) -> _Limits:
    names = _names(connection.ocpp)
    entries, per_message, message_bytes, expires = [
        await read(name) if name else None for name in names
    ]
    return _Limits(
        _at_least_one(entries.number if entries else None, LIST_MAX),
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
    }
