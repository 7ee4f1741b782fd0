"""What the `ocpp` package's ChargePoint lacks for a charger, in every version."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, cast

from ocpp.charge_point import ChargePoint
from ocpp.exceptions import NotImplementedError as NotImplementedActionError
from ocpp.exceptions import NotSupportedError
from ocpp.routing import after, on
from websockets.asyncio.client import ClientConnection

# The package logs whole frames, raw tokens included, at INFO and, when a handler fails, at ERROR.
# A logger outside of the logging tree, above every level, keeps them out of anybody's log.
SILENT = logging.Logger("depotgate.demo.frames", level=logging.CRITICAL + 1)


Handler = TypeVar("Handler", bound=Callable[..., Any])


def answers(action: str, *, newer: bool = False) -> Callable[[Handler], Handler]:
    """The package's `@on`, with types.

    Args:
        newer: the call may have fields of a newer version, which the older schema refuses.
    """
    return cast("Callable[[Handler], Handler]", on(action, skip_schema_validation=newer))


def then(action: str) -> Callable[[Handler], Handler]:
    """The package's `@after`, with types: what is done once the answer is on its way."""
    return cast("Callable[[Handler], Handler]", after(action))


class Station(ChargePoint):  # type: ignore[misc]  # the package ships no types
    """What the package's ChargePoint lacks for a charger, in every version.

    Attributes:
        mute: actions of the central system that stay unanswered.
    """

    known_actions: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self, charger_id: str, socket: ClientConnection, timeout_s: float, mute: set[str]
    ) -> None:
        super().__init__(charger_id, socket, timeout_s, SILENT)
        self.mute = mute
        self._raw_answer: asyncio.Future[str] | None = None

    def expect_raw(self) -> asyncio.Future[str]:
        """The next frame that is not a CALL, as text, kept from the package."""
        self._raw_answer = asyncio.get_running_loop().create_future()
        return self._raw_answer

    async def route_message(self, raw_msg: str) -> None:
        """Route one frame; with a raw answer expected, a frame that is no CALL is that answer."""
        expected = self._raw_answer
        if expected is not None and not expected.done() and not _call(raw_msg):
            expected.set_result(raw_msg)
            return
        await super().route_message(raw_msg)

    async def _handle_call(self, msg: Any) -> None:
        if msg.action in self.mute:
            return
        if msg.action not in self.route_map:
            # The package has the two codes the wrong way round (OCPP-J 1.6 and 2.0.1, table 7/8).
            known = msg.action in self.known_actions
            raise NotSupportedError() if known else NotImplementedActionError()
        await super()._handle_call(msg)


def _call(raw: str) -> bool:
    try:
        frame = json.loads(raw)
    except ValueError:
        return False
    return isinstance(frame, list) and frame[:1] == [2]
