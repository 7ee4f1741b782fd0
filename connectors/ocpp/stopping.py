"""Sessions ended from here, by remote stop. Only in stage enforce."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.ocpp.asking import BUSY, request_of, word_of
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.outgoing import ChargerBusyError
from models.charger import ChargerCommand, EventName

STOPS = frozenset({"RemoteStopTransaction", "RequestStopTransaction"})
"""As OCPP 1.6 and 2.x call it."""


async def run_stop(connection: ChargerConnection, command: ChargerCommand) -> None:
    """End the session that a command names, unless it comes too late."""
    request = _request(connection, command.transaction_id or "")
    if request is not None and datetime.now(UTC) < command.expires_at:
        await stop_session(connection, request, command.cause)


def _request(connection: ChargerConnection, transaction_id: str) -> object | None:
    """The version's own call; None for an id that it cannot have."""
    named: str | int = transaction_id
    if connection.ocpp == "1.6":
        try:
            named = int(transaction_id)
        except ValueError:
            return None
    return request_of(connection, STOPS)(transaction_id=named)


async def stop_session(connection: ChargerConnection, request: object, cause: str) -> None:
    """End a session from here, and tell how that went.

    Args:
        request: RemoteStopTransaction or RequestStopTransaction.
        cause: a reason of the reason table, a StopCause, or a few words.
    """
    if not connection.enforcing:
        return
    try:
        answer = await connection.call(request)
    except ChargerBusyError:
        result = BUSY
    else:
        result = word_of(answer)
    transaction_id = getattr(request, "transaction_id", None)
    await connection.report(
        EventName.SESSION_STOPPED,
        about=f"{EventName.SESSION_STOPPED} {transaction_id}",
        data={"transactionId": transaction_id, "cause": cause, "result": result},
    )
