"""What is asked of a charger about being offline, what it told, and when it is asked again."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import Field

from models.ids import CommandId, ConnectionId, Pseudonym
from models.record import Frozen, Open, UtcDatetime
from models.site import OfflinePolicy

if TYPE_CHECKING:
    from models.charger import ChargerEvent, ChargerState

LIST_MAX = 500
"""Entries of one list: about 50 kB as a command, and few chargers hold more."""

SETTLED_AFTER = timedelta(seconds=5)
"""After a connect: the mode comes first, and a boot that makes all of it worthless."""

UNANSWERED_AFTER = timedelta(minutes=3)
"""It waits for a switch that is under way, and is two dozen calls of its own."""

ASK_AGAIN_AFTER = timedelta(hours=1)
"""At most so long until a list that could not be set is tried again, and the longest pause."""


class ListEntry(Frozen):
    """One identity of a list; who it is, is known to a gateway with the identities only.

    Attributes:
        until: it holds until then; None = nothing is known that ends it.
    """

    pseudonym: Pseudonym
    until: UtcDatetime | None = None


class OfflineOrder(Frozen):
    """What a gateway is to bring a charger to.

    Attributes:
        entries: of the local list, with policy own_fleet.
        standing_version: of the list that the charger has, if it is this very one.
        either_byte_order: readers of the site give a card's number in either order (rule 17), so
            each is an entry.
    """

    policy: Open[OfflinePolicy]
    entries: tuple[ListEntry, ...] = Field(default=(), max_length=LIST_MAX)
    standing_version: int | None = None
    either_byte_order: bool = False


class ListStanding(StrEnum):
    """How it stands with a charger's local list."""

    NONE = "none"
    """Its site wants none."""
    STANDS = "stands"
    """It has the list."""
    UNAVAILABLE = "unavailable"
    """Its gateway was started without --identities."""
    NOT_SUPPORTED = "not_supported"
    REFUSED = "refused"
    INCOMPLETE = "incomplete"
    """It has the list without those whom the gateway's file does not know."""


class SettingFound(Frozen):
    """What became of one setting (models.offline.SettingTold)."""

    name: str
    told: str


class OfflineState(Frozen):
    """A charger's row about being offline.

    Attributes:
        digest: of what was asked for last; empty = it has to be asked for anew.
        asked_count: how often, over one connection.
        unanswered_count: orders since its last answer over this connection, before this one.
        told_at: of its last answer; None = it is awaited.
        status: how the last one ended.
        policy: that is in force, by the charger's own word: closed where a list is not to be had.
        settings: what became of each.
        list_digest: of the list that it has.
        missing_count: identities that the gateway's file does not know.
        left_out_count: that the charger has no room for, or cannot hold in time.
        orders_left_out_count: cards whose number in the other byte order had no room.
        covered_s: how long transaction messages are sent again.
    """

    digest: str
    command_id: CommandId
    connection_id: ConnectionId
    asked_at: UtcDatetime
    asked_count: int = 1
    unanswered_count: int = 0
    told_at: UtcDatetime | None = None
    status: str = ""
    policy: Open[OfflinePolicy] | None = None
    settings: tuple[SettingFound, ...] = ()
    local_list: Open[ListStanding] | None = None
    list_digest: str = ""
    list_version: int | None = None
    list_count: int = 0
    missing_count: int = 0
    left_out_count: int = 0
    orders_left_out_count: int = 0
    covered_s: int | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing is left that another try could better."""
        retried = {ListStanding.UNAVAILABLE, ListStanding.REFUSED, ListStanding.INCOMPLETE}
        return self.local_list not in retried


_ASKED = (
    "digest",
    "command_id",
    "connection_id",
    "asked_at",
    "asked_count",
    "unanswered_count",
)
"""Fields of the order; the others are what the charger told."""


def digest_of(policy: OfflinePolicy | str, list_digest: str) -> str:
    """What tells one order from another."""
    return f"{policy}:{list_digest}"


def list_digest_of(entries: tuple[ListEntry, ...], *, either_byte_order: bool = False) -> str:
    """What tells one list from another; empty for none."""
    if not entries:
        return ""
    said = "\n".join(f"{entry.pseudonym} {entry.until}" for entry in entries)
    if either_byte_order:
        said += "\nin either byte order"
    return hashlib.blake2b(said.encode(), digest_size=12).hexdigest()


def next_ask_at(
    state: OfflineState | None, digest: str, connection_id: ConnectionId, since: datetime
) -> datetime | None:
    """When a charger is to be asked; None = not before something changes.

    Args:
        since: of its connection.
    """
    settled = since + SETTLED_AFTER
    if state is None or state.digest != digest:
        return settled
    elsewhere = state.connection_id != connection_id
    if state.told_at is None:
        pause = min(UNANSWERED_AFTER * (state.unanswered_count + 1), ASK_AGAIN_AFTER)
        return settled if elsewhere else max(settled, state.asked_at + pause)
    if state.whole:
        return None
    return settled if elsewhere else max(settled, state.told_at + ASK_AGAIN_AFTER)


def asked_anew(before: OfflineState | None, asked: OfflineState) -> OfflineState:
    """The row after an order was sent: what the charger told last is shown until it tells more."""
    if before is None:
        return asked
    update = {name: getattr(asked, name) for name in _ASKED}
    return before.model_copy(update={**update, "told_at": None, "status": ""})


def forgotten(state: OfflineState | None) -> OfflineState | None:
    """After a boot: some chargers forget their settings (finding 9)."""
    return state and state.model_copy(update={"digest": ""})


def offline_noted(row: ChargerState, event: ChargerEvent) -> dict[str, Any]:
    """What a charger's answer changes of its row; an answer to an older order changes nothing."""
    state, data = row.offline, event.data
    if event.name != "OfflineSet" or state is None or data.get("commandId") != state.command_id:
        return {}
    if state.told_at is not None:
        return {}
    status = str(data.get("status") or "")
    if status != "done":
        return {"offline": state.model_copy(update={"status": status})}
    standing = str(data.get("list") or ListStanding.NONE)
    has_it = standing in {ListStanding.STANDS, ListStanding.INCOMPLETE}
    has_all = standing == ListStanding.STANDS and event.whole("listRoom") is None
    told: dict[str, Any] = {
        "told_at": event.received_at,
        "status": status,
        "policy": _word(OfflinePolicy, data.get("policy")),
        "settings": tuple(
            SettingFound(name=name.removeprefix("setting."), told=str(value))
            for name, value in data.items()
            if name.startswith("setting.")
        ),
        "local_list": _word(ListStanding, standing),
        # An incomplete one is sent again once the file has what is missing, and one that was too
        # long over the next connection: the room of that is not known.
        "list_digest": state.digest.partition(":")[2] if has_all else "",
        "list_version": event.whole("listVersion") if has_it else None,
        "list_count": (event.whole("listCount") or 0) if has_it else 0,
        "missing_count": event.whole("listMissing") or 0,
        "left_out_count": event.whole("listLeftOut") or 0,
        "orders_left_out_count": event.whole("listOrdersLeftOut") or 0,
        "covered_s": event.whole("coveredS"),
    }
    return {"offline": state.model_copy(update=told)}


def _word(words: type[StrEnum], told: object) -> StrEnum | str | None:
    if told is None:
        return None
    return next((each for each in words if each == told), str(told))
