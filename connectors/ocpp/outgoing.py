"""Our own calls towards one charger: one outstanding at a time, each with an end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Protocol

from connectors.ocpp.session import CallAnswered, CallFailed, CallRef, Dropped, Session
from models.errors import DepotgateError

CALL_TIMEOUT_S = 30.0
"""For the charger's answer to one of our calls: chargers themselves usually wait this long."""


class ChargerBusyError(DepotgateError):
    """Too many calls wait for this charger already."""


class Line(Protocol):
    """What carries the calls (a connection)."""

    @property
    def open(self) -> bool: ...

    async def send(self, text: str) -> bool: ...

    def begin(self, work: Coroutine[None, None, None]) -> None: ...

    def count_fault(self, cause: str) -> None: ...


class OwnCalls:
    """Calls of one connection, from the request to the answer, its failure or its time-out."""

    def __init__(self, session: Session, line: Line) -> None:
        self._session = session
        self._line = line
        self._waiting: dict[CallRef, asyncio.Future[CallAnswered | CallFailed]] = {}
        self._expiry: asyncio.TimerHandle | None = None
        self._ended = False

    async def call(self, request: object) -> CallAnswered | CallFailed:
        """Call the charger and wait for its answer, for 30 s from when it was sent.

        Raises:
            ChargerBusyError: too many calls wait already.
        """
        ref = self._session.call(request, CALL_TIMEOUT_S)
        if ref is None:
            raise ChargerBusyError("too many calls wait for this charger already")
        ended: asyncio.Future[CallAnswered | CallFailed]
        ended = self._waiting[ref] = asyncio.get_running_loop().create_future()
        await self.send_next()
        if self._ended:
            self._fail_all()
        return await ended

    async def send_next(self) -> None:
        """Send the next call, if none is outstanding."""
        frame = self._session.next_frame(asyncio.get_running_loop().time())
        if frame is not None:
            self._arm()
            await self._line.send(frame)

    def take_result(self, event: CallAnswered | CallFailed) -> None:
        """Give a call its end."""
        ended = self._waiting.pop(event.ref, None)
        if ended is not None and not ended.done():
            ended.set_result(event)

    def end(self) -> None:
        """The connection has ended: every call fails, also those to come."""
        self._ended = True
        if self._expiry is not None:
            self._expiry.cancel()
        self._fail_all()

    def _fail_all(self) -> None:
        for failed in self._session.close():
            self.take_result(failed)

    def _arm(self) -> None:
        """Be woken when a call is over its time."""
        if self._expiry is not None:
            self._expiry.cancel()
        deadline_s = self._session.deadline_s
        if deadline_s is not None and self._waiting and not self._ended:
            self._expiry = asyncio.get_running_loop().call_at(deadline_s, self._expire)

    def _expire(self) -> None:
        for event in self._session.expire(asyncio.get_running_loop().time()):
            if isinstance(event, CallFailed):
                self.take_result(event)
            elif isinstance(event, Dropped):
                self._line.count_fault(event.cause)
        self._arm()
        if self._line.open:
            self._line.begin(self.send_next())
