"""Assisted freevend: vehicles at chargers without a setting are started from here."""

from __future__ import annotations

from datetime import datetime

from connectors.telemetry.metrics import Metrics
from models.assisted import (
    NextStart,
    StartStep,
    assisted,
    next_start,
    sent_start,
    with_failure,
)
from models.charger import ChargerState, ModeFactKind
from models.governing import Governing
from models.metrics import ASSISTED_STARTS
from models.record import NEVER
from models.schedule import Mode
from models.session_changes import with_vehicle
from models.sessions import AssistedStart, Occupation
from models.site import Stage
from streams.charger_post import ChargerPost
from streams.gateway_turns import Turn


class StartDesk:
    """Does what models/assisted.py says for each vehicle that waits in freevend."""

    def __init__(self, post: ChargerPost, metrics: Metrics, turn: Turn) -> None:
        self._post = post
        self._metrics = metrics
        self._turn = turn

    async def review(
        self, row: ChargerState, governing: Governing, now: datetime
    ) -> tuple[ChargerState, datetime]:
        """The row after what is due was done, and when it is to be looked at again."""
        due_at = NEVER
        waits = row.desired is Mode.FREEVEND and row.sessions.occupied
        if not waits or governing.stage is Stage.OFF:
            return row, due_at
        if not assisted(row, governing.profile):
            return row, due_at
        managed_at = governing.timeline.at(now).end
        for vehicle in row.sessions.occupied:
            step = next_start(vehicle, row, managed_at, now)
            if step.step is StartStep.WAIT:
                due_at = min(due_at, step.at or NEVER)
                continue
            row = await self._take(row, vehicle, step, governing, now)
            known = row.sessions.at(vehicle.place)
            after = next_start(known, row, managed_at, now) if known else step
            due_at = min(due_at, after.at or NEVER)
        return row, due_at

    async def _take(
        self,
        row: ChargerState,
        vehicle: Occupation,
        step: NextStart,
        governing: Governing,
        now: datetime,
    ) -> ChargerState:
        enforced = governing.stage is Stage.ENFORCE
        if step.step is StartStep.SEND and not enforced:
            await self._post.tell_vehicle(row, vehicle, ModeFactKind.WOULD_START, now, Stage.SHADOW)
        elif step.step is StartStep.SEND and self._turn(row):
            return await self._send(row, vehicle, governing, now)
        elif step.step is StartStep.GIVE_UP and enforced:
            return await self._give_up(row, vehicle, now)
        return row

    async def _send(
        self, row: ChargerState, vehicle: Occupation, governing: Governing, now: datetime
    ) -> ChargerState:
        start = sent_start(vehicle, row, now)
        assert row.connection is not None, "a start needs a connection to go to"
        await self._post.start(row.connection, vehicle, start, governing)
        if start.tries_count == 1:
            self._metrics.count(ASSISTED_STARTS, row.site_id, "sent")
            kind = ModeFactKind.START_COMMANDED
            await self._post.tell_vehicle(row, vehicle, kind, now, Stage.ENFORCE)
        return _with_start(row, vehicle, start)

    async def _give_up(self, row: ChargerState, vehicle: Occupation, now: datetime) -> ChargerState:
        assert vehicle.start is not None, "given up after tries"
        self._metrics.count(ASSISTED_STARTS, row.site_id, "failed")
        answer = vehicle.start.answer or "no answer"
        kind = ModeFactKind.START_FAILED
        await self._post.tell_vehicle(row, vehicle, kind, now, Stage.ENFORCE, detail=answer)
        given_up = vehicle.start.model_copy(update={"given_up": True})
        return with_failure(_with_start(row, vehicle, given_up))


def _with_start(row: ChargerState, vehicle: Occupation, start: AssistedStart) -> ChargerState:
    known = vehicle.model_copy(update={"start": start})
    return row.model_copy(update={"sessions": with_vehicle(row.sessions, known)})
