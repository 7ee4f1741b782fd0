"""Keys read on one connection by their names, as many in a message as the charger says it takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.session import CallAnswered, CallFailed, FailureCause
from models.key_reading import (
    READABLE_BYTES,
    UNKNOWN,
    Payload,
    Reading,
    apart,
    at_once,
    read_call,
    readable_at_once,
    reading,
)
from models.profiles import WireCall

Call = Callable[[WireCall], Awaitable[CallAnswered | CallFailed]]


class KeyReader:
    """Reads keys of one charger.

    Args:
        call: sends a call; raises NoAnswerError where nothing more is to be asked.

    Attributes:
        malformed_count: answers that their schema refused; each is counted where it arrived.
    """

    def __init__(self, connection: ChargerConnection, call: Call) -> None:
        self._connection = connection
        self._call = call
        self.malformed_count = 0

    async def read(self, names: Iterable[str]) -> dict[str, Payload]:
        """What the charger says of each key, as if it was asked for that alone; keys whose question
        was refused, or answered without sense, are left out.

        Raises:
            NoAnswerError: as `call`.
            ChargerBusyError: too many calls wait already.
        """
        connection = self._connection
        left = list(dict.fromkeys(names))
        found: dict[str, Payload] = {}
        while left:
            count = await self._at_once() if len(left) > 1 else 1
            asked, left = left[:count], left[count:]
            told = await self._told(asked)
            found |= told
            untold = [name for name in asked if name not in told]
            if untold and len(asked) > 1:
                # Whatever it states, it does not keep to it: one at a time from here on.
                connection.keys_at_once = 1
                left = untold + left
        return found

    async def value(self, name: str) -> Reading:
        """One key; unknown where the charger does not say."""
        payload = (await self.read([name])).get(name)
        return UNKNOWN if payload is None else reading(self._connection.ocpp, name, payload)

    async def _at_once(self) -> int:
        """How many keys a message may name; asked for once over a connection."""
        connection = self._connection
        if connection.keys_at_once is None:
            told = await self.value(readable_at_once(connection.ocpp))
            room = UNKNOWN
            if connection.ocpp != "1.6" and at_once(told) > 1:
                room = await self.value(READABLE_BYTES)
            connection.keys_at_once = at_once(told, room)
        return connection.keys_at_once

    async def _told(self, names: list[str]) -> dict[str, Payload]:
        ocpp = self._connection.ocpp
        answer = await self._call(read_call(ocpp, *names))
        if isinstance(answer, CallAnswered):
            told = apart(ocpp, names, answer.payload)
            # An answer to one question is about what was asked, whatever name it gives.
            return told or ({names[0]: answer.payload} if len(names) == 1 else {})
        if answer.cause is FailureCause.INVALID_RESULT:
            self.malformed_count += 1
        return {}


class KeysTold:
    """Keys of one charger as it told them: asked for together, and each once until it was set."""

    def __init__(self, connection: ChargerConnection, call: Call) -> None:
        self._ocpp = connection.ocpp
        self._reader = KeyReader(connection, call)
        self._told: dict[str, Payload | None] = {}

    async def ask(self, names: Iterable[str]) -> None:
        """Have these be known, as far as the charger tells; raises as `KeyReader.read`."""
        unasked = [name for name in names if name not in self._told]
        told = await self._reader.read(unasked)
        self._told |= {name: told.get(name) for name in unasked}

    async def told(self, name: str) -> Reading | None:
        """One key; None where its question was refused, or answered without sense."""
        await self.ask([name])
        payload = self._told[name]
        return None if payload is None else reading(self._ocpp, name, payload)

    async def value(self, name: str) -> Reading:
        """One key; unknown where the charger does not say."""
        return await self.told(name) or UNKNOWN

    def forget(self, name: str) -> None:
        """It was set: what it was says nothing any more."""
        self._told.pop(name, None)
