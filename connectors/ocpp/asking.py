"""What all commands on a connection share: whether anything is sent, and what an answer says."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.session import CallAnswered, CallFailed, FailureCause
from models.charger import ChargerCommand
from models.errors import DepotgateError

EXPIRED = "expired"
STAGE = "stage"
BUSY = "busy"
"""More calls wait for this charger than it will ever answer in time (ChargerBusyError)."""

NO_ANSWER = frozenset({FailureCause.TIMED_OUT, FailureCause.CLOSED})
"""An answer that makes no sense is one: what is asked after it is as urgent."""


class NoAnswerError(DepotgateError):
    """The rest is not asked: the time is over, the stage has changed, or nobody answers."""


def answered(answer: CallAnswered | CallFailed) -> CallAnswered | CallFailed:
    """An answer, whatever it says.

    Raises:
        NoAnswerError: there was none.
    """
    if isinstance(answer, CallFailed) and answer.cause in NO_ANSWER:
        raise NoAnswerError(answer.cause)
    return answer


def obstacle(connection: ChargerConnection, command: ChargerCommand) -> str | None:
    """Why nothing is sent: too late, or not in stage enforce (rule 27); None = it may be."""
    if datetime.now(UTC) >= command.expires_at:
        return EXPIRED
    return None if connection.enforcing else STAGE


def unasked(connection: ChargerConnection, command: ChargerCommand) -> str | None:
    """Why a charger is not asked about itself: as `obstacle`, or it left the last call unanswered.

    30 s more would keep the next switch waiting, whose answer says that the charger speaks again.
    """
    silent = FailureCause.TIMED_OUT if connection.silent else None
    return obstacle(connection, command) or silent


def word_of(answer: CallAnswered | CallFailed) -> str:
    """The OCPP status or CALLERROR code of an answer, or how it failed; never a value."""
    if isinstance(answer, CallFailed):
        return answer.code or str(answer.cause)
    return str(answer.payload.get("status", ""))


def request_of(connection: ChargerConnection, actions: Collection[str]) -> Callable[..., object]:
    """The `ocpp` package's dataclass for whichever of the actions the version has."""
    calls = connection.version.calls
    return next(request for request, own in calls.items() if own.action in actions)
