"""What each charger does while it is offline, kept as its site wants it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from connectors.kafka.replica import Replica
from models.charger import ChargerState, CommandKind, CommandStatus, Connection
from models.governing import Governing
from models.ids import ChargerId, CommandId, timed_id
from models.offline_state import (
    UNANSWERED_AFTER,
    OfflineOrder,
    OfflineState,
    asked_anew,
    digest_of,
    list_digest_of,
    next_ask_at,
)
from models.record import NEVER
from models.site import OfflinePolicy, Stage
from models.switchability import switch_ahead
from streams.charger_post import ChargerPost
from streams.gateway_turns import Turn
from streams.local_lists import LocalLists

OFFLINE_TURNS = 3
"""What an order costs of the switches that a gateway begins in a second: about two dozen messages
where a switch is eight at most (models/turns.py)."""

LATER = timedelta(seconds=1)

SILENT = frozenset({CommandStatus.TIMED_OUT, CommandStatus.EXPIRED})
"""How the switch of a charger ended that answers nothing: it is not asked anything else."""


class _Wanted(NamedTuple):
    order: OfflineOrder
    digest: str
    changes_at: datetime


class OfflineDesk:
    """Has chargers set to their site's offline policy, after connects, boots and changes.

    Args:
        turn: orders are spread with switches, come last, and cost OFFLINE_TURNS.
    """

    def __init__(self, replica: Replica, post: ChargerPost, turn: Turn) -> None:
        self._post = post
        self._turn = turn
        self._lists = LocalLists(replica)
        self._due_at: dict[ChargerId, datetime] = {}

    async def refresh(self, now: datetime) -> bool:
        """Take note of changed identities; whether every charger is to be looked at."""
        return await self._lists.refresh(now)

    def due_at(self, charger_id: ChargerId) -> datetime:
        """When it is to be looked at again."""
        return self._due_at.get(charger_id, NEVER)

    def forget(self) -> None:
        """Chargers go to other workers."""
        self._due_at.clear()

    async def review(self, row: ChargerState, governing: Governing, now: datetime) -> ChargerState:
        """Ask a charger where that is due; the row as it then is. Rule 27: in `enforce` only."""
        self._due_at[row.charger_id] = NEVER
        link = row.connection
        if link is None or governing.stage is not Stage.ENFORCE:
            return row
        wanted = self._wanted(row, governing, now)
        if wanted is None:
            self._due_at[row.charger_id] = now + LATER
            return row
        at = next_ask_at(row.offline, wanted.digest, link.connection_id, link.since)
        if _silent(row) or switch_ahead(row, governing.profile):
            # The end of its switch is an event, and looked at then.
            at = None
        if at is not None and at <= now:
            if self._turn(row):
                row = await self._ask(row, link, governing, wanted, now)
                at = now + UNANSWERED_AFTER
            else:
                # It is called when it is its turn.
                at = None
        self._due_at[row.charger_id] = min(at or NEVER, wanted.changes_at)
        return row

    def _wanted(self, row: ChargerState, governing: Governing, now: datetime) -> _Wanted | None:
        policy = governing.site.offline_known
        if policy is not OfflinePolicy.OWN_FLEET:
            return _Wanted(OfflineOrder(policy=policy), digest_of(policy, ""), NEVER)
        found = self._lists.of(governing, now)
        if found is None:
            return None
        either = governing.site.forms.either_byte_order
        list_digest = list_digest_of(found.entries, either_byte_order=either) or "empty"
        stands = row.offline is not None and row.offline.list_digest == list_digest
        version = row.offline.list_version if row.offline is not None and stands else None
        order = OfflineOrder(
            policy=policy,
            entries=found.entries,
            standing_version=version,
            either_byte_order=either,
        )
        digest = digest_of(policy, list_digest)
        return _Wanted(order, digest, found.changes_at or NEVER)

    async def _ask(
        self,
        row: ChargerState,
        link: Connection,
        governing: Governing,
        wanted: _Wanted,
        now: datetime,
    ) -> ChargerState:
        before = row.offline
        here = before if before and before.connection_id == link.connection_id else None
        count = here.asked_count + 1 if here else 1
        command_id = CommandId(
            timed_id(
                link.since,
                row.charger_id,
                link.connection_id,
                CommandKind.OFFLINE,
                wanted.digest,
                count,
            )
        )
        asked = OfflineState(
            digest=wanted.digest,
            command_id=command_id,
            connection_id=link.connection_id,
            asked_at=now,
            asked_count=count,
            unanswered_count=here.unanswered_count + 1 if here and here.told_at is None else 0,
        )
        await self._post.offline(row, asked, wanted.order, governing)
        state = asked_anew(before, asked)
        return row.model_copy(update={"offline": state})


def _silent(row: ChargerState) -> bool:
    """Whether it did not answer its last switch."""
    return row.commanded is not None and row.commanded.status in SILENT
