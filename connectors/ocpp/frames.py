"""OCPP-J frames: one text frame in, a CALL, CALLRESULT, CALLERROR or a typed fault out.

No IO and no memory. Size and depth are limited before anything is parsed. A fault carries what is
needed to answer it and nothing of the payload, which is neither kept nor logged (OCPP-J 1.6
section 4.2, OCPP 2.0.1 part 4 section 4.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

FRAME_BYTES_MAX = 64 * 1024
"""The largest message a charger has reason to send, a NotifyReport page, stays under 30 KiB."""

FRAME_DEPTH_MAX = 32
"""The deepest message in the schemas nests 9 levels; the rest is room for customData."""

MESSAGE_ID_CHARS_MAX = 36
"""OCPP-J 1.6 section 4.1.4, OCPP 2.0.1 part 4 section 4.1.4: a UUID fits exactly."""

DESCRIPTION_CHARS_MAX = 255
"""OCPP 2.0.1 part 4 section 4.2.3: errorDescription is a string[255]."""

Json = dict[str, Any]

_CALL, _CALL_RESULT, _CALL_ERROR = 2, 3, 4

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""Possessive and with an optional end, so that an unclosed string is walked through only once."""

_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")

_HEAD = re.compile(rb'\s*+\[\s*+(\d{1,3})(?:\s*+,\s*+"([\x20\x21\x23-\x5b\x5d-\x7e]{1,36})")?')
"""Message type and id of a frame that is not parsed; an escaped or non-ASCII id is not readable."""

_WHOLE_BELOW = 2**53
"""Below it every whole number has a float of its own, so that one read as 3.0 is exactly 3."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request: `[2, message id, action, payload]`."""

    message_id: str
    action: str
    payload: Json = field(repr=False)  # rule 26: no payload in a log by way of repr


@dataclass(frozen=True, slots=True)
class CallResult:
    """A response: `[3, message id, payload]`."""

    message_id: str
    payload: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallError:
    """A refusal: `[4, message id, code, description, details]`.

    Attributes:
        code: as the peer spelt it.
        description_chars_count: its length; the text is the peer's and is not kept.
    """

    message_id: str
    code: str
    description_chars_count: int


class FaultCause(StrEnum):
    """Why a frame is none of the three messages."""

    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    NOT_JSON = "not_json"
    NOT_AN_ARRAY = "not_an_array"
    MESSAGE_TYPE = "message_type"
    MESSAGE_ID = "message_id"
    ELEMENTS = "elements"
    ACTION = "action"
    PAYLOAD = "payload"


@dataclass(frozen=True, slots=True)
class FrameFault:
    """A frame that could not be read as a message.

    Attributes:
        message_type: as far as it could be read.
        message_id: None when it could not be read.
    """

    cause: FaultCause
    message_type: int | None
    message_id: str | None


Frame = Call | CallResult | CallError


class ErrorCodes(NamedTuple):
    """How one OCPP version spells the CALLERROR codes, and what it can answer.

    Attributes:
        message_type: code for a message type that is not supported; None = such a message is
            ignored (OCPP-J 1.6 section 4.1.3).
        unreadable_id: message id of an answer where none could be read; None = no answer.
        known: every code of this version; others from a peer are not repeated.
        unanswered: message types to which no answer exists, not even to a faulty one: two peers
            could go on for ever.
    """

    formation: str
    occurrence: str
    rpc_framework: str
    message_type: str | None
    unreadable_id: str | None
    known: frozenset[str]
    unanswered: frozenset[int] = frozenset({_CALL_RESULT, _CALL_ERROR})


_CODES_OF_ALL_VERSIONS = frozenset(
    {
        "NotImplemented",
        "NotSupported",
        "InternalError",
        "ProtocolError",
        "SecurityError",
        "PropertyConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
    }
)

CODES_16 = ErrorCodes(
    formation="FormationViolation",
    occurrence="OccurenceConstraintViolation",
    rpc_framework="FormationViolation",
    message_type=None,
    unreadable_id=None,
    known=_CODES_OF_ALL_VERSIONS | {"FormationViolation", "OccurenceConstraintViolation"},
)

CODES_2X = ErrorCodes(
    formation="FormatViolation",
    occurrence="OccurrenceConstraintViolation",
    rpc_framework="RpcFrameworkError",
    message_type="MessageTypeNotSupported",
    unreadable_id="-1",
    known=_CODES_OF_ALL_VERSIONS
    | {
        "FormatViolation",
        "OccurrenceConstraintViolation",
        "RpcFrameworkError",
        "MessageTypeNotSupported",
    },
)

CODES_21 = CODES_2X._replace(
    # OCPP 2.1 part 4: CALLRESULTERROR (5) answers an answer, and SEND (6) asks for none. What is
    # sent that way, periodic event streams, is nothing that is asked for here.
    unanswered=CODES_2X.unanswered | {5, 6}
)

_DESCRIPTIONS = {
    FaultCause.TOO_LARGE: f"a message has at most {FRAME_BYTES_MAX} bytes",
    FaultCause.TOO_DEEP: f"a message nests at most {FRAME_DEPTH_MAX} levels",
    FaultCause.NOT_JSON: "the message is not JSON in UTF-8",
    FaultCause.NOT_AN_ARRAY: "a message is a JSON array",
    FaultCause.MESSAGE_TYPE: "the message type is 2, 3 or 4",
    FaultCause.MESSAGE_ID: f"the message id is a string of 1 to {MESSAGE_ID_CHARS_MAX} characters",
    FaultCause.ELEMENTS: "a CALL has 4 elements",
    FaultCause.ACTION: "the action is a string",
    FaultCause.PAYLOAD: "the payload is a JSON object",
}

_ABOUT_CONTENT = frozenset(
    {FaultCause.TOO_LARGE, FaultCause.TOO_DEEP, FaultCause.NOT_JSON, FaultCause.PAYLOAD}
)
"""Faults of the payload of a call that was otherwise recognised; the rest is the framework's."""


def decode(text: str | bytes) -> Frame | FrameFault:
    """Read one frame.

    Args:
        text: of a WebSocket message. A binary message is read like a text one: OCPP-J sends text
            only, but asks nobody to end a connection over it.

    Raises nothing: whatever the peer sends is a frame or a fault.
    """
    try:
        raw = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError:
        return FrameFault(FaultCause.NOT_JSON, None, None)
    if len(raw) > FRAME_BYTES_MAX:
        return _unparsed(FaultCause.TOO_LARGE, raw)
    if nests_deeper(raw, FRAME_DEPTH_MAX):
        return _unparsed(FaultCause.TOO_DEEP, raw)
    try:
        message = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _unparsed(FaultCause.NOT_JSON, raw)
    if type(message) is list:
        _take_whole_numbers(message)
    return _frame(message)


def _take_whole_numbers(parsed: list[Any] | Json) -> None:
    """Have 3.0 be 3 wherever it is. JSON has one kind of number, and by JSON Schema from draft 6 on
    3.0 is an integer; firmware that writes all numbers so would be refused by draft 4 (OCPP 1.6),
    and by whatever asks for an `int`."""
    places: Any = parsed.items() if type(parsed) is dict else enumerate(parsed)
    for place, value in places:
        kind = type(value)
        if kind is dict or kind is list:
            _take_whole_numbers(value)
        elif kind is float and value.is_integer() and abs(value) < _WHOLE_BELOW:
            parsed[place] = int(value)


def nests_deeper(raw: bytes, limit: int) -> bool:
    """Whether brackets outside of strings nest deeper than `limit` levels.

    Every round removes the innermost pairs: one level, and all the work is done in C. What is left
    after `limit` rounds is too deep, or is not JSON.
    """
    if raw.count(b"[") + raw.count(b"{") <= limit:
        return False
    brackets = _STRING.sub(b"", raw).translate(_ONE_KIND, _NOT_BRACKETS)
    for _ in range(limit):
        fewer = brackets.replace(b"[]", b"")
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    return bool(brackets)


def _unparsed(cause: FaultCause, raw: bytes) -> FrameFault:
    head = _HEAD.match(raw)
    if head is None:
        return FrameFault(cause, None, None)
    message_id = None if head[2] is None else head[2].decode("ascii")
    return FrameFault(cause, int(head[1]), message_id)


def _frame(message: Any) -> Frame | FrameFault:
    if type(message) is not list or not message:
        return FrameFault(FaultCause.NOT_AN_ARRAY, None, None)
    kind = message[0] if type(message[0]) is int else None
    message_id = _message_id(message)
    cause: FaultCause
    if kind not in {_CALL, _CALL_RESULT, _CALL_ERROR}:
        cause = FaultCause.MESSAGE_TYPE
    elif message_id is None:
        cause = FaultCause.MESSAGE_ID
    elif kind == _CALL:
        return _call(message, message_id)
    elif kind == _CALL_RESULT:
        return _call_result(message, message_id)
    else:
        return _call_error(message, message_id)
    return FrameFault(cause, kind, message_id)


def _message_id(message: list[Any]) -> str | None:
    if len(message) < 2 or type(message[1]) is not str:
        return None
    return message[1] if 1 <= len(message[1]) <= MESSAGE_ID_CHARS_MAX else None


def _call(message: list[Any], message_id: str) -> Frame | FrameFault:
    if len(message) != 4:
        return FrameFault(FaultCause.ELEMENTS, _CALL, message_id)
    if type(message[2]) is not str:
        return FrameFault(FaultCause.ACTION, _CALL, message_id)
    if type(message[3]) is not dict:
        return FrameFault(FaultCause.PAYLOAD, _CALL, message_id)
    return Call(message_id, message[2], message[3])


def _call_result(message: list[Any], message_id: str) -> Frame | FrameFault:
    if len(message) != 3:
        return FrameFault(FaultCause.ELEMENTS, _CALL_RESULT, message_id)
    if type(message[2]) is not dict:
        return FrameFault(FaultCause.PAYLOAD, _CALL_RESULT, message_id)
    return CallResult(message_id, message[2])


def _call_error(message: list[Any], message_id: str) -> Frame | FrameFault:
    # Description and details may be absent: chargers leave them out, and only the code matters.
    if len(message) < 3 or type(message[2]) is not str:
        return FrameFault(FaultCause.ELEMENTS, _CALL_ERROR, message_id)
    description = message[3] if len(message) > 3 else ""
    length = len(description) if type(description) is str else 0
    return CallError(message_id, message[2], length)


def fault_reply(fault: FrameFault, codes: ErrorCodes) -> str | None:
    """The CALLERROR that answers a fault, None where this version has no answer."""
    if fault.message_type in codes.unanswered:
        return None
    message_id = fault.message_id or codes.unreadable_id
    code = _fault_code(fault, codes)
    if message_id is None or code is None:
        return None
    return encode_call_error(message_id, code, _DESCRIPTIONS[fault.cause])


def _fault_code(fault: FrameFault, codes: ErrorCodes) -> str | None:
    if fault.cause is FaultCause.MESSAGE_TYPE:
        return codes.message_type
    if fault.message_id is not None and fault.cause in _ABOUT_CONTENT:
        # A frame that was not parsed may still show a type that is no CALL.
        return codes.formation if fault.message_type == _CALL else codes.message_type
    return codes.rpc_framework


def encode_call(message_id: str, action: str, payload: Json) -> str:
    """The text of a CALL."""
    return orjson.dumps((_CALL, message_id, action, payload)).decode()


def encode_call_result(message_id: str, payload: Json) -> str:
    """The text of a CALLRESULT."""
    return orjson.dumps((_CALL_RESULT, message_id, payload)).decode()


def encode_call_error(message_id: str, code: str, description: str) -> str:
    """The text of a CALLERROR; the details stay empty, as they could only repeat the payload."""
    description = description[:DESCRIPTION_CHARS_MAX]
    return orjson.dumps((_CALL_ERROR, message_id, code, description, {})).decode()
