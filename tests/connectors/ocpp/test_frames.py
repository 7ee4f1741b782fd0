from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.ocpp.frames import (
    CODES_2X,
    CODES_16,
    CODES_21,
    FRAME_BYTES_MAX,
    FRAME_DEPTH_MAX,
    Call,
    CallError,
    CallResult,
    FaultCause,
    FrameFault,
    decode,
    encode_call,
    encode_call_error,
    encode_call_result,
    fault_reply,
    nests_deeper,
)


def _fault(text: str | bytes) -> FrameFault:
    fault = decode(text)
    assert isinstance(fault, FrameFault)
    return fault


def _code(text: str | bytes, codes: object) -> tuple[str, str] | None:
    assert codes in (CODES_16, CODES_2X)
    reply = fault_reply(_fault(text), CODES_16 if codes == CODES_16 else CODES_2X)
    if reply is None:
        return None
    kind, message_id, code, description, details = orjson.loads(reply)
    assert (kind, details) == (4, {})
    assert 0 < len(description) <= 255
    return message_id, code


def test_three_messages_survive_encoding_and_decoding() -> None:
    assert decode(encode_call("1", "Heartbeat", {"ä": 1})) == Call("1", "Heartbeat", {"ä": 1})
    assert decode(encode_call_result("1", {"a": [1]})) == CallResult("1", {"a": [1]})
    assert decode(encode_call_error("1", "GenericError", "four")) == CallError(
        "1", "GenericError", 4
    )


def test_text_and_bytes_are_read_alike() -> None:
    assert decode(b'[2,"1","Heartbeat",{}]') == decode('[2,"1","Heartbeat",{}]')


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("3.0", 3),
        ("-3.000", -3),
        ("1e2", 100),
        ("0.25e2", 25),
        ("-0.0", 0),
        ("9007199254740991.0", 2**53 - 1),
        # What is not whole, or not exactly what was written, stays as it is.
        ("3.5", 3.5),
        ("9007199254740993.0", float(2**53)),
        ("1e300", 1e300),
    ],
)
def test_a_whole_number_is_one_however_it_is_written(written: str, read: float) -> None:
    frame = decode(f'[2,"1","Any",{{"a":{written},"b":[[{{"c":{written}}}]],"d":"{written}"}}]')
    assert isinstance(frame, Call)
    assert frame.payload == {"a": read, "b": [[{"c": read}]], "d": written}
    assert type(frame.payload["a"]) is type(frame.payload["b"][0][0]["c"]) is type(read)


@pytest.mark.parametrize(
    "text", ['[4,"1","GenericError"]', '[4,"1","GenericError",""]', '[4,"1","GenericError",5,{}]']
)
def test_a_call_error_needs_only_its_code(text: str) -> None:
    assert decode(text) == CallError("1", "GenericError", 0)


PADDING = "x" * FRAME_BYTES_MAX

FAULTS = [
    # frame, cause, answer in 1.6, answer in 2.x
    ("", FaultCause.NOT_JSON, None, ("-1", "RpcFrameworkError")),
    ("hello", FaultCause.NOT_JSON, None, ("-1", "RpcFrameworkError")),
    (b"\xff\xfe", FaultCause.NOT_JSON, None, ("-1", "RpcFrameworkError")),
    ("\ud800", FaultCause.NOT_JSON, None, ("-1", "RpcFrameworkError")),
    ('[2,"7","A",{"a":NaN}]', FaultCause.NOT_JSON, ("7", "FormationViolation"),
     ("7", "FormatViolation")),
    ('[2,"7","A",{', FaultCause.NOT_JSON, ("7", "FormationViolation"), ("7", "FormatViolation")),
    ('[2,"7\\u0041","A",{', FaultCause.NOT_JSON, None, ("-1", "RpcFrameworkError")),
    ('[3,"7",{', FaultCause.NOT_JSON, None, None),
    ("[4,", FaultCause.NOT_JSON, None, None),
    ("{}", FaultCause.NOT_AN_ARRAY, None, ("-1", "RpcFrameworkError")),
    ("[]", FaultCause.NOT_AN_ARRAY, None, ("-1", "RpcFrameworkError")),
    ("2", FaultCause.NOT_AN_ARRAY, None, ("-1", "RpcFrameworkError")),
    ('[5,"7",{}]', FaultCause.MESSAGE_TYPE, None, ("7", "MessageTypeNotSupported")),
    ('["2","7","A",{}]', FaultCause.MESSAGE_TYPE, None, ("7", "MessageTypeNotSupported")),
    ('[true,"7","A",{}]', FaultCause.MESSAGE_TYPE, None, ("7", "MessageTypeNotSupported")),
    ("[6]", FaultCause.MESSAGE_TYPE, None, ("-1", "MessageTypeNotSupported")),
    ("[2]", FaultCause.MESSAGE_ID, None, ("-1", "RpcFrameworkError")),
    ('[2,7,"A",{}]', FaultCause.MESSAGE_ID, None, ("-1", "RpcFrameworkError")),
    ('[2,"","A",{}]', FaultCause.MESSAGE_ID, None, ("-1", "RpcFrameworkError")),
    (f'[2,"{"i" * 37}","A",{{}}]', FaultCause.MESSAGE_ID, None, ("-1", "RpcFrameworkError")),
    ('[2,"7"]', FaultCause.ELEMENTS, ("7", "FormationViolation"), ("7", "RpcFrameworkError")),
    ('[2,"7","A"]', FaultCause.ELEMENTS, ("7", "FormationViolation"), ("7", "RpcFrameworkError")),
    ('[2,"7","A",{},1]', FaultCause.ELEMENTS, ("7", "FormationViolation"),
     ("7", "RpcFrameworkError")),
    ('[2,"7",5,{}]', FaultCause.ACTION, ("7", "FormationViolation"), ("7", "RpcFrameworkError")),
    ('[2,"7","A",[]]', FaultCause.PAYLOAD, ("7", "FormationViolation"), ("7", "FormatViolation")),
    ('[2,"7","A",null]', FaultCause.PAYLOAD, ("7", "FormationViolation"),
     ("7", "FormatViolation")),
    ('[3,"7"]', FaultCause.ELEMENTS, None, None),
    ('[3,"7",null]', FaultCause.PAYLOAD, None, None),
    ("[3]", FaultCause.MESSAGE_ID, None, None),
    ('[4,"7"]', FaultCause.ELEMENTS, None, None),
    ('[4,"7",5,"",{}]', FaultCause.ELEMENTS, None, None),
    (f'[2,"7","A",{{"a":"{PADDING}"}}]', FaultCause.TOO_LARGE, ("7", "FormationViolation"),
     ("7", "FormatViolation")),
    (PADDING + "x", FaultCause.TOO_LARGE, None, ("-1", "RpcFrameworkError")),
    ('[2,"7","A",' + '{"a":' * 40 + "1" + "}" * 41, FaultCause.TOO_DEEP,
     ("7", "FormationViolation"), ("7", "FormatViolation")),
    ("[" * 60_000, FaultCause.TOO_DEEP, None, ("-1", "RpcFrameworkError")),
    ('[9,"7",' + "[" * 40 + "]" * 41, FaultCause.TOO_DEEP, None,
     ("7", "MessageTypeNotSupported")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "cause", "answer_16", "answer_2x"),
    FAULTS,
    ids=[f"{row[1]}-{number}" for number, row in enumerate(FAULTS)],
)
def test_a_fault_is_answered_as_the_version_says(
    text: str | bytes,
    cause: FaultCause,
    answer_16: tuple[str, str] | None,
    answer_2x: tuple[str, str] | None,
) -> None:
    assert _fault(text).cause is cause
    assert _code(text, CODES_16) == answer_16
    assert _code(text, CODES_2X) == answer_2x


def test_every_code_that_is_sent_belongs_to_the_version() -> None:
    for codes in (CODES_16, CODES_2X):
        sent = {codes.formation, codes.occurrence, codes.rpc_framework, codes.message_type}
        assert sent - {None} <= codes.known


def test_a_frame_of_exactly_the_limit_is_read() -> None:
    shell = '[2,"1","A",{"a":""}]'
    text = shell.replace('""', '"' + "x" * (FRAME_BYTES_MAX - len(shell)) + '"')
    assert len(text) == FRAME_BYTES_MAX
    assert isinstance(decode(text), Call)
    assert _fault(text + " ").cause is FaultCause.TOO_LARGE


def test_the_size_counts_bytes_not_characters() -> None:
    assert _fault("ä" * (FRAME_BYTES_MAX // 2 + 1)).cause is FaultCause.TOO_LARGE


def test_depth_counts_from_the_array_of_the_message() -> None:
    def nested(levels: int) -> str:
        return '[2,"1","A",{"a":' + "[" * (levels - 2) + "]" * (levels - 2) + "}]"

    assert isinstance(decode(nested(FRAME_DEPTH_MAX)), Call)
    assert _fault(nested(FRAME_DEPTH_MAX + 1)).cause is FaultCause.TOO_DEEP


@pytest.mark.parametrize(
    "inside", ["[" * 100, "{" * 100, '\\"' + "[" * 100, "\\\\" + "[" * 100 + '\\"', "]" * 100]
)
def test_brackets_in_strings_have_no_depth(inside: str) -> None:
    assert isinstance(decode(f'[2,"1","A",{{"a":"{inside}"}}]'), Call)


def test_an_unclosed_string_of_escapes_is_walked_through_once() -> None:
    # Quadratic matching would take minutes here, and the test's time-out would end it.
    text = '[2,"1","A",' + "[" * 33 + '"' + '\\"' * 30_000
    assert isinstance(decode(text), FrameFault)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(alphabet='[]{}"\\a', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(alphabet='[]{}"\\a', max_size=3), inner, max_size=4)
    ),
    max_leaves=30,
)


def _depth(value: object) -> int:
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 0


@given(JSON, st.integers(0, 6))
def test_the_depth_scan_agrees_with_the_parsed_value(value: object, limit: int) -> None:
    assert nests_deeper(orjson.dumps(value), limit) == (_depth(value) > limit)


@given(st.text() | st.binary())
def test_decoding_raises_nothing(text: str | bytes) -> None:
    assert isinstance(decode(text), Call | CallResult | CallError | FrameFault)


def test_a_frame_shows_no_payload_in_a_log() -> None:
    assert "04A1B2" not in repr(decode('[2,"1","Authorize",{"idTag":"04A1B2C3"}]'))
    assert "04A1B2" not in repr(decode('[2,"1","Authorize",{"idTag":"04A1B2C3"'))


@pytest.mark.parametrize("message_type", [5, 6])
def test_the_message_types_that_ocpp_2_1_adds_are_never_answered(message_type: int) -> None:
    fault = decode(orjson.dumps([message_type, "1", "NotifyPeriodicEventStream", {}]))
    assert isinstance(fault, FrameFault)
    assert fault_reply(fault, CODES_21) is None
    assert fault_reply(fault, CODES_2X) is not None
