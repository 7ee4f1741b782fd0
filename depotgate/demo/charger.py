"""A simulated charger: what a real one does in every OCPP version.

The vehicle and the driver act through `plug_in`, `tap`, `charge`, `stop` and `plug_out`; the
charger itself obeys mode switches and remote stops. How it talks is in `speaker`; `charger16` and
`charger201` have the words of their versions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Self

from depotgate.demo.link import ChargerError
from depotgate.demo.session import (
    AttemptResult,
    Card,
    ModeSwitch,
    Plug,
    Presented,
    Session,
    Started,
    Stop,
)
from depotgate.demo.speaker import Speaker
from models.schedule import Mode

SECONDS_PER_HOUR = 3600


class Charger(Speaker):
    """A charger with its plugs. `run` it in a task group, or use it as a context.

    What it takes and has is told at `Speaker`.
    """

    async def run(self) -> None:
        """Be a charger until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.link.run(self._greet))
            tasks.create_task(self._do_chores())

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.wait({self._running})
        if not self._running.cancelled():
            self._running.result()

    async def reboot(self) -> None:
        """Restart: running sessions end, the connection is cut, the next one boots."""
        for plug in self.plugs:
            # A stop that is dropped does not keep a charger from restarting; the tally has it.
            with suppress(ChargerError):
                async with plug.turn:
                    await self._end(plug, Stop.REBOOT)
        self._boot_due = True
        if self._configured_mode() is not self.mode:
            self.switch_to(self._configured_mode())
        self.link.cut()

    # The vehicle and its driver

    def session_at(self, evse: int = 1) -> Session | None:
        """The session that runs, or is being started, at that plug."""
        return self._plug(evse).session

    async def plug_in(self, evse: int = 1) -> AttemptResult | None:
        """Connect a vehicle; the result of the start, or None when it waits for a card.

        Raises:
            ConnectionLostError, UnansweredError, CallRefusedError: the start stayed unanswered.
        """
        plug = self._plug(evse)
        async with plug.turn:
            plug.plugged, plug.finished = True, False
            await self._report(plug)
            presented, plug.presented = plug.presented, None
            if presented is not None and presented.until_s > asyncio.get_running_loop().time():
                return await self._start(plug, presented.card, Started.CABLE)
            if self.mode is Mode.FREEVEND:
                return await self._start(plug, None, Started.CABLE)
            return None

    async def tap(self, card: Card, evse: int = 1) -> AttemptResult | None:
        """Present a card: to start, to stop the session that it started, or to identify oneself.

        Returns:
            The last answer; None when nobody was asked: the card ended its own session, or it is
            kept for the start (2.0.1 in freevend, before the cable).

        Raises:
            ConnectionLostError, UnansweredError, CallRefusedError: see `Link.ask`.
        """
        plug = self._plug(evse)
        async with plug.turn:
            if plug.session is not None and plug.session.card == card:
                await self._end(plug, Stop.LOCAL, card)
                return None
            result = await self.authorize(card) if self._asks_first else None
            if result is not None and not result.accepted:
                return result
            if plug.session is not None:
                return await self._identify(plug.session, card) or result
            if plug.plugged:
                return await self._start(plug, card, Started.CARD)
            until_s = asyncio.get_running_loop().time() + self.behaviour.connection_timeout_s
            plug.presented = Presented(card, until_s)
            return result

    async def charge(
        self, for_s: float, evse: int = 1, *, leaving: asyncio.Event | None = None
    ) -> bool:
        """Let energy flow, with meter values on the way; whether the session is still running.

        Args:
            leaving: looked at after each meter value; the driver is in a hurry once it is set.
        """
        session = self._plug(evse).session
        loop = asyncio.get_running_loop()
        until_s = loop.time() + for_s
        while session is not None and not session.ended.is_set():
            pause_s = min(until_s - loop.time(), self.behaviour.meter_interval_s)
            if pause_s <= 0 or (leaving is not None and leaving.is_set()):
                return True
            with suppress(TimeoutError):
                await asyncio.wait_for(session.ended.wait(), pause_s)
            await self._read_meter(evse, session, pause_s)
        return False

    async def stop(self, card: Card | None = None, evse: int = 1) -> bool:
        """End the session at the charger, with the card that did; whether one was running.

        Raises:
            ConnectionLostError, UnansweredError, CallRefusedError: the stop was dropped.
        """
        plug = self._plug(evse)
        async with plug.turn:
            return await self._end(plug, Stop.LOCAL, card)

    async def plug_out(self, evse: int = 1) -> None:
        """Take the cable out; a session that still runs ends. Raises as `stop` does."""
        plug = self._plug(evse)
        async with plug.turn:
            try:
                await self._end(plug, Stop.EV_DISCONNECTED)
            finally:
                plug.plugged = plug.finished = False
                await self._report(plug)

    async def replay(
        self, card: Card | None, started_at: datetime, ended_at: datetime | None, evse: int = 1
    ) -> AttemptResult:
        """Tell now of a session that began offline, with the times at which things happened.

        Args:
            card: None = the charger started by itself.
            ended_at: None = it still runs.

        Raises:
            ConnectionLostError, UnansweredError, CallRefusedError: see `Link.ask`.
        """
        plug = self._plug(evse)
        async with plug.turn:
            session = Session(evse, card, started_at, replayed=True)
            result = await self._present(card, self._send_start(plug, session, Started.CARD))
            if ended_at is not None:
                await self._send_stop(plug, session, Stop.LOCAL, card, ended_at)
            else:
                plug.plugged, plug.session, session.energised = True, session, True
            return result

    # How the pieces are put together

    def _plug(self, evse: int) -> Plug:
        return self.plugs[evse - 1]

    async def _start(self, plug: Plug, card: Card | None, by: Started) -> AttemptResult:
        session = Session(plug.evse, card, self._clock())
        # Before the answer: a remote stop may follow it at once.
        plug.session = session
        try:
            result = await self._present(card, self._send_start(plug, session, by))
        except ChargerError:
            plug.session = None
            raise
        if not result.accepted and self.behaviour.stops_on_invalid:
            await self._end(plug, Stop.DEAUTHORIZED)
            return result
        session.energised = True
        await self._send_energised(plug, session)
        await self._report(plug)
        return result

    async def _end(self, plug: Plug, why: Stop, card: Card | None = None) -> bool:
        session, plug.session = plug.session, None
        if session is None:
            return False
        plug.finished = True
        self.stops.append(why)
        session.ended.set()
        try:
            await self._send_stop(plug, session, why, card, self._clock())
        finally:
            await self._report(plug)
        return True

    async def _read_meter(self, evse: int, session: Session, elapsed_s: float) -> None:
        plug = self._plug(evse)
        async with plug.turn:
            if plug.session is session:
                plug.meter_wh += self.behaviour.power_w * elapsed_s / SECONDS_PER_HOUR
                await self._send_meter(plug, session)

    # What the central system asks for

    def switch_to(self, mode: Mode) -> None:
        """Take a mode that was set; vehicles that wait start at once when it is freevend."""
        changed = mode is not self.mode
        self.switches.append(ModeSwitch(mode, self._clock(), changed))
        if not changed or not self.behaviour.obeys:
            return
        self.mode = mode
        if mode is Mode.FREEVEND:
            for plug in self.plugs:
                self.later(partial(self._start_waiting, plug))

    def clear_cache(self) -> None:
        """Forget cards; most have no cache, so it is always clear."""

    def running(self, transaction_id: int | str) -> bool:
        """Whether a session has this id, or may have: its start is not answered yet."""
        ids = [plug.session.transaction_id for plug in self.plugs if plug.session is not None]
        return transaction_id in ids or None in ids

    async def stop_remotely(self, transaction_id: int | str) -> None:
        """End the session of this id, once whoever is at its plug has finished."""
        for plug in self.plugs:
            if plug.session is None or plug.session.transaction_id not in (None, transaction_id):
                continue
            async with plug.turn:
                if plug.session is not None and plug.session.transaction_id == transaction_id:
                    await self._end(plug, Stop.REMOTE)

    def startable(self, evse: int) -> bool:
        """Whether a remote start there begins a session: a vehicle waits, and none runs."""
        if not self.behaviour.starts_remotely or not 1 <= evse <= len(self.plugs):
            return False
        plug = self._plug(evse)
        return plug.plugged and plug.session is None

    async def start_remotely(self, card: Card, evse: int) -> None:
        """Begin a session with the token of a remote start, once it was asked for, if it was not
        begun or the vehicle gone meanwhile."""
        plug = self._plug(evse)
        async with plug.turn:
            if not plug.plugged or plug.session is not None:
                return
            result = await self.authorize(card) if self._asks_first else None
            if result is None or result.accepted:
                await self._start(plug, card, Started.REMOTE)

    @property
    def idle(self) -> bool:
        """Whether no session runs."""
        return all(plug.session is None for plug in self.plugs)

    def reset(self) -> None:
        """Restart, because the central system asked for it."""
        self.resets_count += 1
        self.later(self.reboot)

    def can_tell(self, what: str) -> bool:
        """Whether `tell` knows a message of this name."""
        return what == "StatusNotification" or what in self.triggered

    async def tell(self, what: str) -> None:
        """Send what a TriggerMessage asked for."""
        if what == "StatusNotification":
            for plug in self.plugs:
                plug.reported = None
                await self._report(plug)
        else:
            await self.link.ask(self.triggered[what](self))

    def later(self, chore: Callable[[], Awaitable[object]]) -> None:
        """Do it when the answer is on its way and what was asked before is done."""
        try:
            self._chores.put_nowait(chore)
        except asyncio.QueueFull:
            self.link.tally["chore", "dropped"] += 1

    async def _do_chores(self) -> None:
        while True:
            chore = await self._chores.get()
            # The tally of the link has how the calls ended.
            with suppress(ChargerError):
                await chore()

    async def _start_waiting(self, plug: Plug) -> None:
        async with plug.turn:
            if self.mode is Mode.FREEVEND and plug.plugged and plug.session is None:
                await self._start(plug, None, Started.CABLE)
