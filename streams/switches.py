"""Switches, as models/modes.py has them come next: commanded, sent again, given up, told of."""

from __future__ import annotations

from datetime import datetime

from connectors.telemetry.metrics import Metrics
from models.charger import ChargerState, Commanded, CommandKind, ModeFactKind
from models.governing import Governing
from models.metrics import SWITCHES_FAILED
from models.mode_commands import command_id, resend_due
from models.modes import NextStep, reconcile
from models.switchability import may_be_set, may_reset, settled_class
from streams.charger_post import ChargerPost
from streams.evidence import EvidenceDesk
from streams.gateway_turns import Turn

_FACT_OF_STEP = {
    NextStep.WOULD_SWITCH: ModeFactKind.WOULD_SWITCH,
    NextStep.NOT_SWITCHABLE: ModeFactKind.NOT_SWITCHABLE,
    NextStep.AWAIT_BOOT: ModeFactKind.REBOOT_NEEDED,
    NextStep.GIVE_UP: ModeFactKind.SWITCH_FAILED,
}

_COMMAND_OF_STEP = {
    NextStep.SWITCH: (CommandKind.SWITCH, ModeFactKind.SWITCH_COMMANDED),
    NextStep.RESET: (CommandKind.RESET, ModeFactKind.RESET_COMMANDED),
}

_ABOUT_A_COMMAND = frozenset({NextStep.GIVE_UP, NextStep.AWAIT_BOOT})


class SwitchDesk:
    """Brings a charger from the mode that it has to the one that is due."""

    def __init__(
        self, post: ChargerPost, metrics: Metrics, evidence: EvidenceDesk, turn: Turn
    ) -> None:
        self._post = post
        self._metrics = metrics
        self._evidence = evidence
        self._turn = turn

    async def review(self, row: ChargerState, governing: Governing, now: datetime) -> ChargerState:
        """The row after what the table of models.modes says comes next."""
        stage, profile = governing.stage, governing.profile
        step = _next_step(row, governing, now)
        given_up = step is NextStep.GIVE_UP
        if given_up and row.given_up_at is None:
            self._metrics.count(SWITCHES_FAILED, row.site_id, row.desired or "unknown")
        row = row.model_copy(update={"given_up_at": (row.given_up_at or now) if given_up else None})
        if row.connection is not None:
            fixed = step is NextStep.NOT_SWITCHABLE
            since = (row.not_switchable_at or now) if fixed else None
            row = row.model_copy(update={"not_switchable_at": since})
        match step:
            case NextStep.SWITCH | NextStep.RESET:
                # One that waits its turn has no command yet, so nothing of it can time out.
                if self._turn(row):
                    return await self._command(row, governing, now, step)
            case NextStep.WAIT:
                return await self._maybe_resend(row, governing, now)
            case (
                NextStep.WOULD_SWITCH
                | NextStep.NOT_SWITCHABLE
                | NextStep.AWAIT_BOOT
                | NextStep.GIVE_UP
            ):
                last = row.commanded if step in _ABOUT_A_COMMAND else None
                command = last.command_id if last else None
                await self._post.tell(
                    row, _FACT_OF_STEP[step], now, stage, command=command, detail=profile.name
                )
                if given_up:
                    # Somebody may have set it by hand.
                    await self._evidence.ask(row, governing, now)
            case NextStep.HOLD:
                pass
            case NextStep.NOTHING:
                await self._evidence.ask(row, governing, now)
        return row

    async def _command(
        self, row: ChargerState, governing: Governing, now: datetime, step: NextStep
    ) -> ChargerState:
        """Send a new command for the desired mode."""
        connection = row.connection
        assert row.desired is not None, "a command needs a desired mode"
        assert connection is not None, "a command needs a connection to go to"
        kind, fact = _COMMAND_OF_STEP[step]
        last, profile = row.commanded, governing.profile.name
        same = last is not None and last.mode is row.desired and last.profile in {"", profile}
        tried_count = last.attempts_count if last and same else 0
        # A reset belongs to the switch that asked for it.
        attempts_count = tried_count + (kind is CommandKind.SWITCH)
        commanded = Commanded(
            command_id=command_id(row, attempts_count, kind),
            mode=row.desired,
            sent_at=now,
            attempts_count=attempts_count,
            kind=kind,
            profile=profile,
        )
        row = row.model_copy(update={"commanded": commanded})
        await self._post.switch(connection, commanded, governing)
        await self._post.tell(row, fact, now, governing.stage, command=commanded.command_id)
        return row

    async def _maybe_resend(
        self, row: ChargerState, governing: Governing, now: datetime
    ) -> ChargerState:
        """An outstanding command is sent again, with its id and expiry, until its result comes."""
        commanded, connection = row.commanded, row.connection
        if commanded is None or connection is None or not resend_due(commanded, now):
            return row
        await self._post.switch(connection, commanded, governing)
        again = commanded.model_copy(update={"resent_at": now})
        return row.model_copy(update={"commanded": again})


def _next_step(row: ChargerState, governing: Governing, now: datetime) -> NextStep:
    """What comes next, as far as it is known what the charger is."""
    profile = governing.profile
    step = reconcile(
        row.desired,
        row.commanded,
        row.observed,
        row.connection,
        profile.name,
        governing.stage,
        now=now,
        capability=settled_class(row, profile),
        may_reset=may_reset(row, governing.site),
    )
    # It connected a moment ago, and its boot is on its way.
    boot_awaited = step is NextStep.NOT_SWITCHABLE and governing.boot_awaited
    # Its probe is: a profile that was found sets nothing before.
    probe_awaited = step in _COMMAND_OF_STEP and not may_be_set(row, profile)
    return NextStep.HOLD if boot_awaited or probe_awaited else step
