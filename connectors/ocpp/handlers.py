"""Handlers that are the same in every version: one small function for each kind of message."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.cases import Settled
from connectors.ocpp.incoming import IncomingCall
from connectors.ocpp.presenting import read_token, settle_authorize
from connectors.ocpp.table import SILENT, Words
from models.attempt import DriverText, Told
from models.screens import TextFormat

HEARTBEAT_INTERVAL_S = 300
"""Chargers set their clocks by it; that they are alive is seen by WebSocket pings."""

FREEVEND_TAG = "freevend tag"
"""The cause told with a session that is stopped as the charger is in the wrong mode."""


async def heartbeat(call: IncomingCall) -> object:
    """Answered at once and never published."""
    return call.version.heartbeat_response(call.received_at)


async def boot(call: IncomingCall) -> object:
    """Accepted: who may not connect was refused at the handshake."""
    call.connection.mode.forget()
    await call.report()
    return call.version.boot_response(HEARTBEAT_INTERVAL_S, datetime.now(UTC))


async def received(call: IncomingCall) -> object:
    """Taken note of."""
    await call.report()
    return call.row.empty_response()


async def data_transfer(call: IncomingCall) -> object:
    """No vendor's extension is known here; what it says is measured and dropped (rule 26)."""
    await call.report()
    return call.version.data_transfer_response()


async def authorize(call: IncomingCall) -> object | None:
    """An attempt: whether this token may charge here now."""
    token = read_token(call)
    assert token is not None, "the schema requires a token"
    settled = await settle_authorize(call, token)
    if settled is None:
        return None
    told = settled.told
    return call.version.authorize_response(told.status, expiry_of(settled), words_of(call, told))


def words_of(call: IncomingCall, told: Told) -> Words:
    """What the driver is told, in the format that the charger shows."""
    if told.text is None:
        return SILENT
    first = DriverText.model_construct(language=told.language, text=told.text)
    return Words((first, *told.more_texts), call.connection.screen.format or TextFormat.UTF8)


def expiry_of(settled: Settled) -> datetime | None:
    """Until when the charger may keep an answer: no longer than it is known to hold (rule 23), and
    not at all where it does not rest on the identity (finding 5)."""
    return settled.valid_until if settled.cacheable else datetime.now(UTC)
