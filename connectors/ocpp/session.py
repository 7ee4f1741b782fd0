"""The session of one connection: frames in; calls, results and replies out. No IO, no clock.

The gateway feeds it every text frame and the time, sends what comes back, and runs the calls:

    for event in session.receive(text, now_s): ...       # Reply: send it; CallReceived: run it
    reply = session.answer(message_id, response)         # send it, unless None
    session.call(request, timeout_s)
    frame = session.next_frame(now_s)                    # send it, unless None

Nothing that a peer sends ends the connection: OCPP-J demands it of no message. What RFC 6455
demands (1007 for text that is not UTF-8, 1009 for a frame beyond the limit) is the WebSocket
layer's work. Times are seconds of one monotonic clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, NewType
from uuid import uuid4

from connectors.ocpp.frames import (
    Call,
    CallError,
    CallResult,
    FaultCause,
    FrameFault,
    Json,
    decode,
    encode_call,
    encode_call_error,
    encode_call_result,
    fault_reply,
)
from connectors.ocpp.schemas import error_code
from connectors.ocpp.table import OwnCall, Row, Version
from connectors.ocpp.wire import to_wire

REPLIES_KEPT_COUNT = 64
"""A repeat follows within a few calls of its first; a charger counting ids modulo 100 is safe."""

REPLIES_KEPT_BYTES = 16 * 1024
"""64 replies of the usual 150 bytes take 10 KiB; a thousand connections must fit in memory."""

RUNNING_MAX = 8
"""OCPP-J allows one call at a time; chargers that flush a queue send a handful."""

RUNNING_MAX_S = 60.0
"""Twice the usual message time-out of chargers: nobody waits for that answer any more."""

WAITING_MAX = 16
"""A mode command takes about 4 calls, and a charger has a few connectors to stop."""

TIMED_OUT_KEPT_COUNT = 16
"""As many as could have waited: only to tell a late answer from an unsolicited one."""

CallRef = NewType("CallRef", str)
"""Our own message id, a UUID: names a call towards the charger."""


class SessionCause(StrEnum):
    """What else happened to a frame, beside `FaultCause`; for counting."""

    REPEATED = "repeated"
    REPEATED_WHILE_RUNNING = "repeated_while_running"
    REUSED_ID = "reused_id"
    TOO_MANY_CALLS = "too_many_calls"
    UNKNOWN_ACTION = "unknown_action"
    UNSUPPORTED_ACTION = "unsupported_action"
    SCHEMA = "schema"
    LATE_RESULT = "late_result"
    UNSOLICITED_RESULT = "unsolicited_result"
    ABANDONED = "abandoned"


Cause = FaultCause | SessionCause


class FailureCause(StrEnum):
    """How a call towards the charger failed; never merged."""

    CALL_ERROR = "call_error"
    INVALID_RESULT = "invalid_result"
    TIMED_OUT = "timed_out"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class CallReceived:
    """A valid call of the charger: to be answered, failed or left unanswered, once."""

    message_id: str
    row: Row
    payload: Json = field(repr=False)  # rule 26: no payload in a log by way of repr


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The charger's valid answer to our call."""

    ref: CallRef
    action: str
    payload: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallFailed:
    """Our call has no answer.

    Attributes:
        code: CALLERROR code of this version, `Unknown` for any other; empty without a CALLERROR.
        description_chars_count: length of the charger's own words, which are not kept.
    """

    ref: CallRef
    action: str
    cause: FailureCause
    code: str = ""
    description_chars_count: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """A text to be sent at once: a CALLERROR, or the answer given before.

    Attributes:
        action: where it is one of the table's; a peer's own words are never repeated.
    """

    text: str
    cause: Cause
    action: str | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A frame (or, ABANDONED, a call that was never answered) to be counted and forgotten."""

    cause: Cause


Event = CallReceived | CallAnswered | CallFailed | Reply | Dropped


class _Running(NamedTuple):
    action: str
    since_s: float


class _Kept(NamedTuple):
    action: str
    text: str


class _Waiting(NamedTuple):
    ref: CallRef
    own: OwnCall
    payload: Json
    timeout_s: float


class _Outstanding(NamedTuple):
    ref: CallRef
    own: OwnCall
    deadline_s: float


class Session:
    """The OCPP-J state of one connection."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self._running: dict[str, _Running] = {}
        self._kept: dict[str, _Kept] = {}
        self._kept_bytes = 0
        self._waiting: deque[_Waiting] = deque()
        self._outstanding: _Outstanding | None = None
        self._timed_out: deque[str] = deque(maxlen=TIMED_OUT_KEPT_COUNT)

    def receive(self, text: str | bytes, now_s: float) -> list[Event]:
        """Take one frame of the charger. Raises nothing, whatever it holds."""
        frame = decode(text)
        if isinstance(frame, Call):
            return [self._on_call(frame, now_s)]
        if isinstance(frame, CallResult):
            return [self._on_result(frame)]
        if isinstance(frame, CallError):
            return [self._on_error(frame)]
        return [self._on_fault(frame)]

    # Calls of the charger.

    def answer(self, message_id: str, response: object) -> str | None:
        """The CALLRESULT of a running call.

        Args:
            response: a dataclass of the `ocpp` package.

        Returns:
            The text to send; None when the call runs no longer, so that none is answered twice.
        """
        running = self._running.pop(message_id, None)
        if running is None:
            return None
        text = encode_call_result(message_id, to_wire(response))
        self._keep(message_id, running.action, text)
        return text

    def fail(self, message_id: str, code: str, description: str = "") -> str | None:
        """The CALLERROR of a running call, as `answer`.

        Args:
            code: as this version spells it, for instance `InternalError`.
            description: at most 255 characters; never a value of the payload.
        """
        running = self._running.pop(message_id, None)
        if running is None:
            return None
        text = encode_call_error(message_id, code, description)
        self._keep(message_id, running.action, text)
        return text

    def leave_unanswered(self, message_id: str) -> None:
        """Forget a running call: the charger will repeat it, and it will be run again."""
        self._running.pop(message_id, None)

    def _on_call(self, call: Call, now_s: float) -> Event:
        repeated = self._repeated(call)
        if repeated is not None:
            return repeated
        row = self.version.rows.get(call.action)
        if row is None:
            return self._without_handler(call)
        if len(self._running) >= RUNNING_MAX:
            reason = f"at most {RUNNING_MAX} calls at a time"
            return self._refused(call, "GenericError", reason, SessionCause.TOO_MANY_CALLS)
        violation = row.request.violation(call.payload)
        if violation is not None:
            code = error_code(violation, self.version.codes)
            return self._refused(call, code, violation.description, SessionCause.SCHEMA)
        self._running[call.message_id] = _Running(row.action, now_s)
        return CallReceived(call.message_id, row, call.payload)

    def _repeated(self, call: Call) -> Event | None:
        running = self._running.get(call.message_id)
        if running is not None:
            # The answer to the first serves both.
            same = running.action == call.action
            return Dropped(SessionCause.REPEATED_WHILE_RUNNING if same else SessionCause.REUSED_ID)
        kept = self._kept.get(call.message_id)
        if kept is None:
            return None
        if kept.action == call.action:
            return Reply(kept.text, SessionCause.REPEATED, kept.action)
        # The kept answer belongs to another action: taken for this one's, it could make a charger
        # forget a transaction. A refusal cannot.
        reason = "this message id was used for another action"
        return self._refused(call, "GenericError", reason, SessionCause.REUSED_ID)

    def _without_handler(self, call: Call) -> Event:
        if call.action in self.version.actions:
            reason = "this action is not handled here"
            return self._refused(call, "NotSupported", reason, SessionCause.UNSUPPORTED_ACTION)
        reason = f"no action of OCPP {self.version.name}"
        return self._refused(call, "NotImplemented", reason, SessionCause.UNKNOWN_ACTION)

    def _refused(self, call: Call, code: str, reason: str, cause: SessionCause) -> Reply:
        # Not kept: a refusal costs nothing to make again, and must not displace answers.
        action = call.action if call.action in self.version.rows else None
        return Reply(encode_call_error(call.message_id, code, reason), cause, action)

    def _on_fault(self, fault: FrameFault) -> Event:
        outstanding = self._outstanding
        answers_ours = fault.message_type in {3, 4} and fault.message_id is not None
        if answers_ours and outstanding is not None and fault.message_id == outstanding.ref:
            self._outstanding = None
            return CallFailed(outstanding.ref, outstanding.own.action, FailureCause.INVALID_RESULT)
        text = fault_reply(fault, self.version.codes)
        return Dropped(fault.cause) if text is None else Reply(text, fault.cause)

    def _keep(self, message_id: str, action: str, text: str) -> None:
        self._kept[message_id] = _Kept(action, text)
        self._kept_bytes += len(text)
        while len(self._kept) > REPLIES_KEPT_COUNT or self._kept_bytes > REPLIES_KEPT_BYTES:
            oldest = next(iter(self._kept))
            self._kept_bytes -= len(self._kept.pop(oldest).text)

    # Calls towards the charger.

    def call(self, request: object, timeout_s: float) -> CallRef | None:
        """Queue a call towards the charger; `next_frame` says when it may be sent.

        Args:
            request: a dataclass of the `ocpp` package that the version's table lists.
            timeout_s: from the moment it is sent.

        Returns:
            What its CallAnswered or CallFailed will name; None when too many calls wait.

        Raises:
            KeyError: the table does not list this request: a mistake of the caller.
        """
        own = self.version.calls[type(request)]
        if len(self._waiting) >= WAITING_MAX:
            return None
        ref = CallRef(str(uuid4()))
        self._waiting.append(_Waiting(ref, own, to_wire(request), timeout_s))
        return ref

    def next_frame(self, now_s: float) -> str | None:
        """The next call to send, None while one is outstanding or none waits.

        To be asked after every `call`, `receive` and `expire`.
        """
        if self._outstanding is not None or not self._waiting:
            return None
        ref, own, payload, timeout_s = self._waiting.popleft()
        self._outstanding = _Outstanding(ref, own, now_s + timeout_s)
        return encode_call(ref, own.action, payload)

    def _on_result(self, result: CallResult) -> Event:
        outstanding = self._outstanding
        if outstanding is None or result.message_id != outstanding.ref:
            return self._nobody_asked(result.message_id)
        self._outstanding = None
        ref, own, _ = outstanding
        violation = own.result.violation(result.payload)
        if violation is not None:
            return CallFailed(ref, own.action, FailureCause.INVALID_RESULT)
        return CallAnswered(ref, own.action, result.payload)

    def _on_error(self, error: CallError) -> Event:
        outstanding = self._outstanding
        if outstanding is None or error.message_id != outstanding.ref:
            return self._nobody_asked(error.message_id)
        self._outstanding = None
        code = error.code if error.code in self.version.codes.known else "Unknown"
        return CallFailed(
            outstanding.ref,
            outstanding.own.action,
            FailureCause.CALL_ERROR,
            code,
            error.description_chars_count,
        )

    def _nobody_asked(self, message_id: str) -> Dropped:
        late = message_id in self._timed_out
        return Dropped(SessionCause.LATE_RESULT if late else SessionCause.UNSOLICITED_RESULT)

    # Time and the end.

    @property
    def deadline_s(self) -> float | None:
        """When `expire` next has something to do; None = never, as things stand."""
        deadlines = []
        if self._outstanding is not None:
            deadlines.append(self._outstanding.deadline_s)
        if self._running:
            deadlines.append(next(iter(self._running.values())).since_s + RUNNING_MAX_S)
        return min(deadlines, default=None)

    def expire(self, now_s: float) -> list[Event]:
        """Give up what is over its time: our outstanding call, and calls nobody answered."""
        events: list[Event] = []
        outstanding = self._outstanding
        if outstanding is not None and now_s >= outstanding.deadline_s:
            self._outstanding = None
            self._timed_out.append(outstanding.ref)
            events.append(
                CallFailed(outstanding.ref, outstanding.own.action, FailureCause.TIMED_OUT)
            )
        overdue = [
            key for key, run in self._running.items() if now_s >= run.since_s + RUNNING_MAX_S
        ]
        for message_id in overdue:
            del self._running[message_id]
            events.append(Dropped(SessionCause.ABANDONED))
        return events

    def close(self) -> list[CallFailed]:
        """The connection has ended: what was outstanding and waiting has failed."""
        ended = [(call.ref, call.own.action) for call in self._waiting]
        if self._outstanding is not None:
            ended.insert(0, (self._outstanding.ref, self._outstanding.own.action))
        self._outstanding = None
        self._waiting.clear()
        self._running.clear()
        return [CallFailed(ref, action, FailureCause.CLOSED) for ref, action in ended]
