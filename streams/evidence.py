"""Evidence of a charger's mode: asked for now and then, and told when it is drift (rule 16)."""

from __future__ import annotations

from datetime import datetime

from connectors.telemetry.metrics import Metrics
from models.charger import ChargerEvent, ChargerState, ModeFactKind
from models.drift import drift_of_row
from models.governing import Governing
from models.ids import ChargerId
from models.metrics import DRIFTS
from models.read_backs import period_start, read_back_due
from models.site import Stage
from streams.charger_post import ChargerPost
from streams.gateway_turns import Turn


class EvidenceDesk:
    """Has chargers asked for their mode, and tells what their answers and behaviour prove.

    Args:
        turn: read-backs are spread with the switches, which go first.
    """

    def __init__(self, post: ChargerPost, metrics: Metrics, turn: Turn) -> None:
        self._post = post
        self._metrics = metrics
        self._turn = turn
        self._asked_in: dict[ChargerId, datetime] = {}

    async def ask(self, row: ChargerState, governing: Governing, now: datetime) -> None:
        """Have the mode read back, where that is due; once in an hour, answered or not."""
        if governing.stage is not Stage.ENFORCE or not read_back_due(row, now):
            return
        period = period_start(row.charger_id, now)
        if self._asked_in.get(row.charger_id) == period or not self._turn(row):
            return
        self._asked_in[row.charger_id] = period
        await self._post.read_back(row, governing, now)

    def forget(self) -> None:
        """Chargers go to other workers."""
        self._asked_in.clear()

    async def tell(
        self, before: ChargerState, after: ChargerState, event: ChargerEvent, governing: Governing
    ) -> None:
        """What an event itself proves: a switch that arrived, or drift."""
        observed, at, stage = after.observed, event.received_at, governing.stage
        if observed is None:
            return
        if observed == before.observed:
            if not _seen_meanwhile(before, after):
                return
        elif event.result is not None and observed.mode is event.result.mode:
            command = event.result.command_id
            await self._post.tell(after, ModeFactKind.SWITCHED, at, stage, command=command)
            return
        elif _told(before, after, governing, at):
            return
        if not drift_of_row(after, governing, at):
            return
        self._metrics.count(DRIFTS, after.site_id, observed.evidence)
        await self._post.tell(
            # The row's own desired mode may be that of before an edge that was not noticed yet.
            after.model_copy(update={"desired": governing.timeline.mode_at(at)}),
            ModeFactKind.DRIFT,
            at,
            stage,
            about=observed.at.isoformat(),
            detail=observed.evidence,
        )


def _seen_meanwhile(before: ChargerState, after: ChargerState) -> bool:
    """Whether a command has ended that kept what was seen meanwhile from being told as drift."""
    last, now, seen = before.commanded, after.commanded, after.observed
    if last is None or now is None or seen is None or now.command_id != last.command_id:
        return False
    return last.status is None and now.status is not None and seen.at >= last.sent_at


def _told(before: ChargerState, after: ChargerState, governing: Governing, at: datetime) -> bool:
    """Whether the same was seen before in this interval, and the tries did not begin again: some
    chargers repeat their freevend tag with every meter value."""
    was, now = before.observed, after.observed
    if was is None or now is None or before.mode_unknown_since != after.mode_unknown_since:
        return False
    begins = governing.timeline.at(at).start
    of_interval = begins is None or was.at >= begins
    return of_interval and (was.mode, was.evidence) == (now.mode, now.evidence)
