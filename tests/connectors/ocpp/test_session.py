from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from ocpp.v16 import call as call_16
from ocpp.v201 import call as call_201

from connectors.ocpp import v16, v201
from connectors.ocpp.frames import FaultCause
from connectors.ocpp.session import (
    REPLIES_KEPT_BYTES,
    REPLIES_KEPT_COUNT,
    RUNNING_MAX,
    RUNNING_MAX_S,
    WAITING_MAX,
    CallAnswered,
    CallFailed,
    CallReceived,
    CallRef,
    Dropped,
    Event,
    FailureCause,
    Reply,
    Session,
    SessionCause,
)
from connectors.ocpp.versions import VERSIONS
from models.reasons import OcppVersion
from tests.connectors.ocpp.messages import MESSAGES, PRIVATE

NOW_S = 1000.0


def _call(message_id: str, action: str = "Heartbeat", payload: object = None) -> str:
    return orjson.dumps([2, message_id, action, {} if payload is None else payload]).decode()


def _result(ref: CallRef, payload: object) -> str:
    return orjson.dumps([3, ref, payload]).decode()


def _one(events: list[Event]) -> Event:
    assert len(events) == 1
    return events[0]


def _reply(events: list[Event]) -> tuple[list[Any], Reply]:
    reply = _one(events)
    assert isinstance(reply, Reply)
    return orjson.loads(reply.text), reply


def _beat() -> object:
    return v16.VERSION.rows["Heartbeat"].response("2026-03-01T06:00:00.000Z")


@pytest.fixture
def session() -> Session:
    return Session(v16.VERSION)


@pytest.mark.parametrize("version", list(VERSIONS))
def test_every_action_of_the_table_is_received_and_answered_once(version: OcppVersion) -> None:
    session = Session(VERSIONS[version])
    for number, (action, payload) in enumerate(MESSAGES[version].items()):
        event = _one(session.receive(_call(str(number), action, payload), NOW_S))
        assert isinstance(event, CallReceived)
        assert (event.row.action, event.payload) == (action, payload)
        text = session.answer(str(number), _beat())
        assert text is not None
        assert orjson.loads(text)[:2] == [3, str(number)]
        assert session.answer(str(number), _beat()) is None
        assert session.fail(str(number), "InternalError") is None


def test_a_repeat_is_answered_from_memory_and_not_run_again(session: Session) -> None:
    session.receive(_call("1"), NOW_S)
    text = session.answer("1", _beat())
    _, reply = _reply(session.receive(_call("1"), NOW_S))
    assert (reply.text, reply.cause, reply.action) == (text, SessionCause.REPEATED, "Heartbeat")


def test_a_repeat_of_a_failed_call_is_answered_with_the_same_failure(session: Session) -> None:
    session.receive(_call("1"), NOW_S)
    text = session.fail("1", "InternalError", "no answer could be made")
    _, reply = _reply(session.receive(_call("1"), NOW_S))
    assert reply.text == text
    assert orjson.loads(reply.text)[2] == "InternalError"


def test_a_repeat_while_the_first_still_runs_is_dropped(session: Session) -> None:
    session.receive(_call("1"), NOW_S)
    assert session.receive(_call("1"), NOW_S) == [Dropped(SessionCause.REPEATED_WHILE_RUNNING)]
    assert session.answer("1", _beat()) is not None


def test_an_answer_is_never_given_to_another_action_of_the_same_id(session: Session) -> None:
    session.receive(_call("1"), NOW_S)
    stop = _call("1", "StopTransaction", MESSAGES["1.6"]["StopTransaction"])
    assert session.receive(stop, NOW_S) == [Dropped(SessionCause.REUSED_ID)]
    session.answer("1", _beat())
    frame, reply = _reply(session.receive(stop, NOW_S))
    assert frame[:3] == [4, "1", "GenericError"]
    assert reply.cause is SessionCause.REUSED_ID


def test_a_call_left_unanswered_is_run_again_when_repeated(session: Session) -> None:
    start = _call("1", "StartTransaction", MESSAGES["1.6"]["StartTransaction"])
    session.receive(start, NOW_S)
    session.leave_unanswered("1")
    assert session.answer("1", _beat()) is None
    assert isinstance(_one(session.receive(start, NOW_S)), CallReceived)


def _memorised(session: Session, message_id: str) -> bool:
    event = _one(session.receive(_call(message_id), NOW_S))
    session.leave_unanswered(message_id)
    return isinstance(event, Reply)


def test_memory_holds_a_bounded_number_of_replies(session: Session) -> None:
    for number in range(REPLIES_KEPT_COUNT + 1):
        session.receive(_call(str(number)), NOW_S)
        session.answer(str(number), _beat())
    assert not _memorised(session, "0")
    assert _memorised(session, "1")
    assert _memorised(session, str(REPLIES_KEPT_COUNT))


def test_memory_holds_a_bounded_number_of_bytes(session: Session) -> None:
    size = REPLIES_KEPT_BYTES // 2 - 30
    for number in range(3):
        session.receive(_call(str(number)), NOW_S)
        text = session.answer(str(number), v16.VERSION.rows["Heartbeat"].response("x" * size))
        assert text is not None
    assert [_memorised(session, str(number)) for number in range(3)] == [False, True, True]


def test_too_many_calls_at_a_time_are_refused_and_others_go_on(session: Session) -> None:
    for number in range(RUNNING_MAX):
        assert isinstance(_one(session.receive(_call(str(number)), NOW_S)), CallReceived)
    frame, reply = _reply(session.receive(_call("x"), NOW_S))
    assert frame[:3] == [4, "x", "GenericError"]
    assert (reply.cause, reply.action) == (SessionCause.TOO_MANY_CALLS, "Heartbeat")
    assert session.answer("0", _beat()) is not None
    assert isinstance(_one(session.receive(_call("x"), NOW_S)), CallReceived)


def test_a_call_that_nobody_answers_does_not_hold_its_place_for_ever(session: Session) -> None:
    session.receive(_call("1"), NOW_S)
    assert session.deadline_s == NOW_S + RUNNING_MAX_S
    assert session.expire(NOW_S + RUNNING_MAX_S - 1) == []
    assert session.expire(NOW_S + RUNNING_MAX_S) == [Dropped(SessionCause.ABANDONED)]
    assert session.deadline_s is None
    assert session.answer("1", _beat()) is None


REFUSALS = [
    # version, action, payload, code, in the description
    ("1.6", "Reset", {}, "NotSupported", ""),
    ("2.0.1", "Reset", {}, "NotSupported", ""),
    ("1.6", "TransactionEvent", {}, "NotImplemented", ""),
    ("2.0.1", "StartTransaction", {}, "NotImplemented", ""),
    ("1.6", "Authorize", {}, "OccurenceConstraintViolation", "idTag"),
    ("2.0.1", "Authorize", {}, "OccurrenceConstraintViolation", "idToken"),
    ("1.6", "Authorize", {"idTag": 5}, "TypeConstraintViolation", "idTag"),
    ("2.0.1", "Authorize", {"idToken": PRIVATE}, "TypeConstraintViolation", "idToken"),
    ("1.6", "Authorize", {"idTag": PRIVATE * 2}, "PropertyConstraintViolation", "20"),
    ("2.0.1", "Authorize", {"idToken": {"idToken": "1", "type": PRIVATE}},
     "PropertyConstraintViolation", "idToken.type"),
    ("1.6", "Authorize", {"idTag": "1", PRIVATE: 1}, "FormationViolation", ""),
    ("2.0.1", "Heartbeat", {PRIVATE: 1}, "FormatViolation", ""),
    ("2.0.1", "MeterValues", {"evseId": 1, "meterValue": []}, "OccurrenceConstraintViolation",
     "meterValue"),
    ("2.0.1", "MeterValues", {"evseId": 1, "meterValue": [{"timestamp": "x", "sampledValue":
     [{"value": PRIVATE}]}]}, "TypeConstraintViolation", "meterValue.0.sampledValue.0.value"),
]  # fmt: skip


@pytest.mark.parametrize(("version", "action", "payload", "code", "words"), REFUSALS)
def test_a_call_that_cannot_be_run_is_refused_without_its_values(
    version: OcppVersion, action: str, payload: object, code: str, words: str
) -> None:
    session = Session(VERSIONS[version])
    frame, reply = _reply(session.receive(_call("1", action, payload), NOW_S))
    assert frame[:3] == [4, "1", code]
    assert words in frame[3]
    assert PRIVATE not in reply.text
    assert reply.action == (action if action in VERSIONS[version].rows else None)


def test_a_fault_that_cannot_be_answered_is_dropped_and_counted(session: Session) -> None:
    assert session.receive("hello", NOW_S) == [Dropped(FaultCause.NOT_JSON)]
    _, reply = _reply(Session(v201.VERSION).receive("hello", NOW_S))
    assert reply.cause is FaultCause.NOT_JSON


def test_one_call_is_outstanding_and_the_next_follows_its_answer(session: Session) -> None:
    first = session.call(call_16.ChangeConfiguration(key="K", value="true"), 30)
    second = session.call(call_16.GetConfiguration(key=["K"]), 30)
    assert first is not None
    assert second is not None
    text = session.next_frame(NOW_S)
    assert text is not None
    assert orjson.loads(text) == [2, first, "ChangeConfiguration", {"key": "K", "value": "true"}]
    assert UUID(first).version == 4
    assert session.next_frame(NOW_S) is None
    assert session.receive(_result(first, {"status": "Accepted"}), NOW_S) == [
        CallAnswered(first, "ChangeConfiguration", {"status": "Accepted"})
    ]
    text = session.next_frame(NOW_S)
    assert text is not None
    assert orjson.loads(text) == [2, second, "GetConfiguration", {"key": ["K"]}]


def _sent(session: Session, timeout_s: float = 30) -> CallRef:
    ref = session.call(call_16.ClearCache(), timeout_s)
    assert ref is not None
    assert session.next_frame(NOW_S) is not None
    return ref


def test_calls_beyond_the_bound_are_not_queued(session: Session) -> None:
    _sent(session)
    refs = [session.call(call_16.ClearCache(), 30) for _ in range(WAITING_MAX + 1)]
    assert None not in refs[:WAITING_MAX]
    assert refs[WAITING_MAX] is None


def test_a_request_outside_of_the_table_is_a_mistake_of_the_caller(session: Session) -> None:
    with pytest.raises(KeyError):
        session.call(call_201.ClearCache(), 30)


def test_a_call_error_of_the_charger_fails_the_call(session: Session) -> None:
    ref = _sent(session)
    text = orjson.dumps([4, ref, "NotSupported", PRIVATE, {}]).decode()
    assert session.receive(text, NOW_S) == [
        CallFailed(ref, "ClearCache", FailureCause.CALL_ERROR, "NotSupported", len(PRIVATE))
    ]


def test_a_code_that_the_version_does_not_know_is_not_repeated(session: Session) -> None:
    ref = _sent(session)
    event = _one(session.receive(orjson.dumps([4, ref, PRIVATE, "", {}]), NOW_S))
    assert isinstance(event, CallFailed)
    assert event.code == "Unknown"


@pytest.mark.parametrize("tail", [b',{"status":"Perhaps"}]', b",{}]", b",null]", b"]", b",{"])
def test_a_result_that_breaks_its_schema_fails_the_call(session: Session, tail: bytes) -> None:
    ref = _sent(session)
    text = b'[3,"' + ref.encode() + b'"' + tail
    assert session.receive(text, NOW_S) == [
        CallFailed(ref, "ClearCache", FailureCause.INVALID_RESULT)
    ]
    _sent(session)


def test_a_call_times_out_and_its_late_result_is_dropped(session: Session) -> None:
    ref = _sent(session, timeout_s=5)
    assert session.deadline_s == NOW_S + 5
    assert session.expire(NOW_S + 4.9) == []
    assert session.expire(NOW_S + 5) == [CallFailed(ref, "ClearCache", FailureCause.TIMED_OUT)]
    late = _result(ref, {"status": "Accepted"})
    assert session.receive(late, NOW_S + 6) == [Dropped(SessionCause.LATE_RESULT)]
    _sent(session)


def test_the_time_of_a_waiting_call_begins_when_it_is_sent(session: Session) -> None:
    first = _sent(session, timeout_s=5)
    session.call(call_16.ClearCache(), 5)
    session.expire(NOW_S + 5)
    assert session.next_frame(NOW_S + 6) is not None
    assert session.deadline_s == NOW_S + 11
    assert first is not None


@pytest.mark.parametrize("text", ['[3,"nobody",{}]', '[4,"nobody","GenericError","",{}]'])
def test_what_nobody_asked_for_is_dropped(session: Session, text: str) -> None:
    assert session.receive(text, NOW_S) == [Dropped(SessionCause.UNSOLICITED_RESULT)]
    ref = _sent(session)
    assert session.receive(text, NOW_S) == [Dropped(SessionCause.UNSOLICITED_RESULT)]
    answered = _one(session.receive(_result(ref, {"status": "Accepted"}), NOW_S))
    assert isinstance(answered, CallAnswered)


def test_the_end_of_the_connection_fails_every_call_of_ours(session: Session) -> None:
    first = _sent(session)
    second = session.call(call_16.ClearCache(), 30)
    assert second is not None
    session.receive(_call("1"), NOW_S)
    assert session.close() == [
        CallFailed(first, "ClearCache", FailureCause.CLOSED),
        CallFailed(second, "ClearCache", FailureCause.CLOSED),
    ]
    assert session.answer("1", _beat()) is None
    assert session.deadline_s is None


def test_an_event_shows_no_payload_in_a_log(session: Session) -> None:
    event = _one(session.receive(_call("1", "Authorize", {"idTag": PRIVATE}), NOW_S))
    assert isinstance(event, CallReceived)
    assert PRIVATE not in repr(event)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
ACTIONS = st.sampled_from([*v16.VERSION.actions, *v201.VERSION.actions]) | st.text(max_size=9)
SHAPED = st.tuples(
    st.sampled_from([2, 3, 4]) | VALUES, st.text(max_size=40) | VALUES, ACTIONS | VALUES, VALUES
)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


@settings(max_examples=5 * settings().max_examples)
@given(
    st.sampled_from(list(VERSIONS)),
    st.lists(st.text() | st.binary() | VALUES.map(_json) | SHAPED.map(_json), max_size=5),
)
def test_receiving_raises_nothing_and_gives_each_frame_one_event(
    version: OcppVersion, frames: list[str | bytes]
) -> None:
    session = Session(VERSIONS[version])
    for frame in frames:
        event = _one(session.receive(frame, NOW_S))
        if isinstance(event, CallReceived):
            assert session.answer(event.message_id, _beat()) is not None
            assert session.answer(event.message_id, _beat()) is None


class Conversation(RuleBasedStateMachine):
    """A charger and a gateway that do everything in any order."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(v16.VERSION)
        self.now_s = NOW_S
        self.running: set[str] = set()
        self.received: dict[str, int] = {}
        self.replied: dict[str, int] = {}

    @rule(target=ids, message_id=st.sampled_from(["a", "b", "c", "d"]))
    def some_id(self, message_id: str) -> str:
        return message_id

    @rule(message_id=ids, action=st.sampled_from(["Heartbeat", "Authorize", "Reset", "None"]))
    def charger_calls(self, message_id: str, action: str) -> None:
        self.received[message_id] = self.received.get(message_id, 0) + 1
        payload = {"idTag": "1"} if action == "Authorize" else {}
        event = _one(self.session.receive(_call(message_id, action, payload), self.now_s))
        if isinstance(event, CallReceived):
            assert message_id not in self.running
            self.running.add(message_id)
        elif isinstance(event, Reply):
            self.count_reply(event.text)

    @rule(message_id=ids, failing=st.booleans())
    def gateway_answers(self, message_id: str, failing: bool) -> None:
        if failing:
            text = self.session.fail(message_id, "InternalError")
        else:
            text = self.session.answer(message_id, _beat())
        assert (text is not None) == (message_id in self.running)
        self.running.discard(message_id)
        if text is not None:
            self.count_reply(text)

    @rule(message_id=ids)
    def gateway_leaves_it(self, message_id: str) -> None:
        self.session.leave_unanswered(message_id)
        self.running.discard(message_id)

    @rule()
    def time_passes(self) -> None:
        self.now_s += RUNNING_MAX_S
        ended = self.session.expire(self.now_s)
        assert ended == [Dropped(SessionCause.ABANDONED)] * len(self.running)
        self.running.clear()

    def count_reply(self, text: str) -> None:
        message_id = orjson.loads(text)[1]
        self.replied[message_id] = self.replied.get(message_id, 0) + 1

    @invariant()
    def no_call_has_two_replies(self) -> None:
        for message_id, count in self.replied.items():
            assert count <= self.received[message_id]

    @invariant()
    def everything_is_bounded(self) -> None:
        assert len(self.running) <= RUNNING_MAX


TestConversation = Conversation.TestCase
