"""A token presented to start, as an attempt (rule 30), with its ids and its time (rule 11)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from connectors.cases import Case, Settled
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.incoming import IncomingCall
from connectors.ocpp.table import PresentedToken
from connectors.ocpp.tokens import reserved_for, token_of
from connectors.ocpp.wire import read_time
from connectors.telemetry.trace import new_traceparent
from models.answers import ACCEPTED
from models.attempt import Attempt, AttemptKind, Token, TokenKind
from models.charger import EventName, Scalar
from models.clocks import LIVE_UNCERTAINTY_S, ClockOffset, JudgedTime, live_doubt, replay_time
from models.identifiers import AS_OCPP_SAYS
from models.ids import AttemptId, RequestId, session_id, time_of_id, timed_id
from models.profile_choice import reserved_by

_OLDEST = datetime(1970, 1, 1, tzinfo=UTC)
"""A clock that was never set begins here; anything older is no clock."""


class ChargerTime(NamedTuple):
    """What a charger's timestamp says.

    Attributes:
        charger_at: the timestamp, None when it cannot be read.
        judged: the time that the attempt is judged at.
    """

    charger_at: datetime | None
    judged: JudgedTime
    replayed: bool


class Transaction(NamedTuple):
    """The transaction that a message is about.

    Attributes:
        wire_id: as it is called on the wire.
        natural_key: what makes this message itself, after the charger's id: the same at a repeat.
        session_key: what makes the session itself.
        stop: the call that ends it.
    """

    kind: AttemptKind
    wire_id: int | str
    connector: int | None
    time: ChargerTime
    natural_key: tuple[str | int, ...]
    session_key: tuple[str | int, ...]
    stop: object


def time_of(timestamp: object) -> datetime | None:
    """A charger's timestamp; None when it cannot be read or is older than any clock."""
    at = read_time(timestamp)
    return at if at is None or at >= _OLDEST else None


def live(charger_at: datetime | None, received_at: datetime) -> ChargerTime:
    """A message that arrives as it happens is judged at its arrival."""
    doubt = live_doubt(charger_at, received_at)
    judged = JudgedTime(received_at, LIVE_UNCERTAINTY_S, None, doubt)
    return ChargerTime(charger_at, judged, replayed=False)


def replayed(
    charger_at: datetime | None, received_at: datetime, clock: ClockOffset | None = None
) -> ChargerTime:
    """A message from the charger's memory is judged at the charger's time, corrected by the
    measured offset of its clock."""
    return ChargerTime(charger_at, replay_time(charger_at, received_at, clock), replayed=True)


def clock_of(call: IncomingCall) -> ClockOffset | None:
    """The clock of the charger that calls; None when it was not measured."""
    memory, charger_id = call.services.memory, call.connection.charger.charger_id
    return memory.clocks.of(charger_id, call.received_s)


def read_token(call: IncomingCall) -> Token | None:
    """The token that a message carries, as it may leave the gateway; None when it has none."""
    presented = call.version.presented_token(call.row.action, call.payload)
    return None if presented is None else _pseudonymous(call, presented)


def _pseudonymous(call: IncomingCall, presented: PresentedToken) -> Token:
    services, charger = call.services, call.connection.charger
    # The row as it is now: its profile may have changed since the charger connected.
    row = services.configuration.chargers.get(charger.charger_id, charger)
    read_back = services.memory.tag_of(charger.charger_id, call.received_s)
    site = call.connection.site
    # Not by its boot: after a restart there is none, and the tag has to be known all the same.
    of_profile = reserved_by(row, call.connection.ocpp)
    reserved = reserved_for(site, of_profile, read_back)
    forms = site.forms if site else AS_OCPP_SAYS
    return token_of(presented, reserved, services.pseudonymiser, forms)


def presented_to_start(action: str, payload: Mapping[str, Any]) -> bool:
    """Whether a token that this message carries is presented to start; one that stops a
    transaction is answered Accepted and not judged (rule 30)."""
    if action == "TransactionEvent":
        ended = payload["eventType"] == "Ended"
        return not (ended or payload["triggerReason"] == "StopAuthorized")
    return action != "StopTransaction"


async def settle_authorize(call: IncomingCall, token: Token) -> Settled | None:
    """Have an Authorize decided: it states no time, so it is judged at its arrival."""
    connection = call.connection
    charger = connection.charger
    request_id = RequestId(call.event_id)
    attempt_id = AttemptId(request_id)
    call.services.memory.authorized(charger.charger_id, token, attempt_id, call.received_s)
    # Everything was validated when it came, or is made by this process.
    attempt = Attempt.model_construct(
        request_id=request_id,
        attempt_id=attempt_id,
        charger_id=charger.charger_id,
        site_id=charger.site_id,
        ocpp=connection.ocpp,
        kind=AttemptKind.AUTHORIZE,
        token=token,
        event_at=call.received_at,
        received_at=call.received_at,
        charger_at=None,
        replayed=False,
        uncertainty_s=LIVE_UNCERTAINTY_S,
        session_id=None,
        connector=None,
        clock_offset_s=None,
        time_doubt=None,
        mode=connection.mode.known,
    )
    return await _settle(call, attempt, stop=None)


async def settle_start(
    call: IncomingCall, token: Token, transaction: Transaction
) -> Settled | None:
    """Have a token decided that starts a transaction, or is presented within one.

    A token repeated within one transaction is not decided again: the message is an event then,
    and the answer the one given before.
    """
    charger_id = call.connection.charger.charger_id
    memory = call.services.memory
    settled = memory.told(charger_id, transaction.wire_id, token, call.received_s)
    if settled is not None:
        return settled if await call.deliver(token.kind) else None
    attempt = _start_attempt(call, token, transaction)
    if token.kind == TokenKind.FREEVEND_TAG and not transaction.time.replayed:
        call.connection.mode.started_unasked()
    names = {"transactionId": transaction.wire_id, "sessionId": str(attempt.session_id)}
    settled = await _settle(call, attempt, stop=transaction.stop, names=names)
    if settled is not None and call.connection.open:
        now_s = asyncio.get_running_loop().time()
        memory.tell(charger_id, transaction.wire_id, token, settled, now_s)
        if token.kind == TokenKind.IDENTIFIED and settled.told.status == ACCEPTED:
            call.connection.later(partial(_tell_accepted, call.connection, transaction))
    return settled


async def _tell_accepted(connection: ChargerConnection, transaction: Transaction) -> None:
    """Tell that a presented card may charge: energy after it, and none before, proves managed.

    A replayed start tells of another time.
    """
    if transaction.time.replayed:
        return
    await connection.report(
        EventName.START_ACCEPTED,
        about=f"{EventName.START_ACCEPTED} {transaction.wire_id}",
        data={"connector": transaction.connector, "transactionId": transaction.wire_id},
    )


def _start_attempt(call: IncomingCall, token: Token, transaction: Transaction) -> Attempt:
    connection = call.connection
    charger = connection.charger
    time = transaction.time
    request_id = RequestId(
        timed_id(time.charger_at or call.received_at, charger.charger_id, *transaction.natural_key)
    )
    known = call.services.memory.attempt_of(charger.charger_id, token, call.received_s)
    return Attempt(
        request_id=request_id,
        attempt_id=known if known and _may_lead_to(known, time) else AttemptId(request_id),
        charger_id=charger.charger_id,
        site_id=charger.site_id,
        ocpp=connection.ocpp,
        kind=transaction.kind,
        token=token,
        event_at=time.judged.event_at,
        received_at=call.received_at,
        charger_at=time.charger_at,
        replayed=time.replayed,
        uncertainty_s=time.judged.uncertainty_s,
        clock_offset_s=time.judged.offset_s,
        time_doubt=time.judged.doubt,
        session_id=session_id(charger.charger_id, *transaction.session_key),
        connector=transaction.connector,
        mode=None if time.replayed else connection.mode.known,
    )


def _may_lead_to(authorize: AttemptId, start: ChargerTime) -> bool:
    """Whether a start may have followed an Authorize that came just before: one that was made
    offline hours ago, and is told of now, has nothing to do with the card that is shown now."""
    if not start.replayed:
        return True
    latest_at = start.judged.event_at + timedelta(seconds=start.judged.uncertainty_s)
    return latest_at >= time_of_id(authorize)


async def _settle(
    call: IncomingCall,
    attempt: Attempt,
    stop: object | None,
    names: Mapping[str, Scalar] | None = None,
) -> Settled | None:
    """Have an attempt decided.

    Args:
        names: of the session, which a 1.6 start does not carry: the gateway gives them.
    """
    call.attempt_kind = attempt.kind
    event = call.event(attempt.token.kind)
    if names:
        event = event.model_copy(update={"data": {**event.data, **names}})
    case = Case(
        attempt=attempt,
        event=event,
        asker=call.connection,
        repeatable=stop is not None,
        stop=stop,
        traceparent=new_traceparent(),
        screen=call.connection.screen,
    )
    return await call.services.desk.settle(case)
