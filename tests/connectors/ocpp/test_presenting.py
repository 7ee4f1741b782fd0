"""What is an attempt (rule 30), its ids, and the time that it is judged at (rule 11)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.cases import Case
from connectors.ocpp.presenting import live, replayed, time_of
from connectors.ocpp.wire import wire_time
from models.attempt import AttemptKind, TokenKind
from models.clocks import LIVE_UNCERTAINTY_S, UNMEASURED_S, before
from models.identifiers import Candidate
from models.ids import AttemptId, time_of_id
from models.reasons import OcppVersion
from models.site import CardByteOrder
from tests.connectors.ocpp.calls import NOW, Stand
from tests.connectors.ocpp.chargers import PSEUDONYMISER, charger_record

Presenting = Callable[[dict[str, str]], dict[str, Any]]

CARD = "04A1B2C3"
SINCE = NOW - timedelta(hours=1)
BEFORE = SINCE - timedelta(hours=8)
UNSET = datetime(2000, 1, 1, 0, 5, tzinfo=UTC)


@pytest.fixture
def stand() -> Stand:
    return Stand()


def start16(at: object = NOW, **fields: Any) -> dict[str, Any]:
    timestamp = wire_time(at) if isinstance(at, datetime) else at
    return {"connectorId": 1, "idTag": CARD, "meterStart": 5, "timestamp": timestamp} | fields


def event201(at: object = NOW, **fields: Any) -> dict[str, Any]:
    return {
        "eventType": "Started",
        "timestamp": wire_time(at) if isinstance(at, datetime) else at,
        "triggerReason": "Authorized",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "T1"},
        "evse": {"id": 2, "connectorId": 1},
        "idToken": {"idToken": CARD, "type": "ISO14443"},
    } | fields


NO_AUTHORIZATION = {"idToken": "", "type": "NoAuthorization"}


async def start(stand: Stand, payload: dict[str, Any], **options: Any) -> Case:
    """The case that a 1.6 StartTransaction makes."""
    connection = stand.connection("1.6", since=SINCE)
    await stand.handle(connection, "StartTransaction", payload, **options)
    return stand.desk.cases[-1]


async def event(stand: Stand, payload: dict[str, Any], **options: Any) -> Case:
    """The case that a 2.0.1 TransactionEvent makes."""
    connection = stand.connection("2.0.1", since=SINCE)
    await stand.handle(connection, "TransactionEvent", payload, **options)
    return stand.desk.cases[-1]


# Rule 11: which time


async def test_rule_11_an_authorize_is_judged_at_its_arrival(stand: Stand) -> None:
    connection = stand.connection("1.6")
    await stand.handle(connection, "Authorize", {"idTag": CARD})
    (case,) = stand.desk.cases
    attempt = case.attempt
    assert (attempt.kind, attempt.event_at, attempt.charger_at) == (
        AttemptKind.AUTHORIZE,
        NOW,
        None,
    )
    assert (attempt.replayed, attempt.uncertainty_s) == (False, LIVE_UNCERTAINTY_S)
    assert (case.repeatable, case.stop) == (False, None)


@pytest.mark.parametrize("late", [timedelta(), timedelta(hours=-1), timedelta(hours=5)])
async def test_rule_11_a_live_start_is_judged_at_its_arrival_and_both_times_are_kept(
    stand: Stand, late: timedelta
) -> None:
    said = NOW + late
    for case in (await start(stand, start16(said)), await event(stand, event201(said))):
        attempt = case.attempt
        assert (attempt.event_at, attempt.received_at) == (NOW, NOW)
        assert attempt.charger_at == said
        assert (attempt.replayed, attempt.uncertainty_s) == (False, LIVE_UNCERTAINTY_S)


async def test_rule_11_a_16_start_older_than_the_connection_is_a_replay(stand: Stand) -> None:
    attempt = (await start(stand, start16(BEFORE))).attempt
    assert (attempt.event_at, attempt.charger_at, attempt.received_at) == (BEFORE, BEFORE, NOW)
    assert (attempt.replayed, attempt.uncertainty_s) == (True, UNMEASURED_S)


async def test_rule_11_a_16_start_within_the_clocks_uncertainty_of_the_connection_is_live(
    stand: Stand,
) -> None:
    just = SINCE - timedelta(seconds=UNMEASURED_S)
    assert not (await start(stand, start16(just))).attempt.replayed
    assert (await start(stand, start16(just - timedelta(milliseconds=1)))).attempt.replayed


@pytest.mark.parametrize("said", [BEFORE, NOW - timedelta(seconds=5)])
async def test_rule_11_a_201_event_marked_offline_is_a_replay_however_old(
    stand: Stand, said: datetime
) -> None:
    attempt = (await event(stand, event201(said, offline=True))).attempt
    assert (attempt.event_at, attempt.charger_at) == (said, said)
    assert (attempt.replayed, attempt.uncertainty_s) == (True, UNMEASURED_S)


@pytest.mark.parametrize("fields", [{}, {"offline": False}])
async def test_rule_11_a_201_event_not_marked_offline_is_live_however_old(
    stand: Stand, fields: dict[str, Any]
) -> None:
    attempt = (await event(stand, event201(BEFORE, **fields))).attempt
    assert (attempt.replayed, attempt.event_at, attempt.charger_at) == (False, NOW, BEFORE)


async def test_rule_11_a_replay_from_a_clock_that_runs_ahead_is_judged_at_its_arrival(
    stand: Stand,
) -> None:
    attempt = (await event(stand, event201(NOW + timedelta(hours=3), offline=True))).attempt
    assert (attempt.replayed, attempt.event_at) == (True, NOW)


async def test_rule_11_a_clock_that_was_never_set_makes_no_replay_in_16(stand: Stand) -> None:
    attempt = (await start(stand, start16(UNSET))).attempt
    assert (attempt.replayed, attempt.event_at, attempt.charger_at) == (False, NOW, UNSET)


@pytest.mark.parametrize("said", [UNSET, "yesterday", "", "9999-12-31T23:59:59-23:00"])
async def test_rule_11_an_offline_event_without_a_clock_is_a_replay_judged_at_its_arrival(
    stand: Stand, said: object
) -> None:
    attempt = (await event(stand, event201(said, offline=True))).attempt
    assert (attempt.replayed, attempt.event_at) == (True, NOW)
    assert attempt.charger_at == (UNSET if said is UNSET else None)


async def test_rule_11_a_timestamp_that_cannot_be_read_is_live(stand: Stand) -> None:
    for said in ("yesterday", "", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00+05:00"):
        attempt = (await start(stand, start16(said))).attempt
        assert (attempt.replayed, attempt.event_at, attempt.charger_at) == (False, NOW, None)


def test_rule_11_times_are_read_with_any_offset_and_taken_as_utc_without_one() -> None:
    six = datetime(2026, 3, 1, 6, tzinfo=UTC)
    assert time_of("2026-03-01T07:00:00+01:00") == six
    assert time_of("2026-03-01T06:00:00Z") == six
    assert time_of("2026-03-01T06:00:00") == six
    assert time_of(None) is None
    assert live(None, six).judged.uncertainty_s == LIVE_UNCERTAINTY_S
    assert replayed(None, six).judged.event_at == six
    assert not before(six, six, None)


# Ids


async def test_a_repeated_authorize_of_another_connection_is_another_attempt(stand: Stand) -> None:
    first, second = stand.connection("1.6"), stand.connection("1.6")
    for connection in (first, first, second):
        await stand.handle(connection, "Authorize", {"idTag": CARD})
    one, repeat, other = (case.attempt.request_id for case in stand.desk.cases)
    assert one == repeat != other


async def test_an_authorize_of_another_message_id_is_another_attempt(stand: Stand) -> None:
    connection = stand.connection("1.6")
    for message_id in ("1", "2"):
        await stand.handle(connection, "Authorize", {"idTag": CARD}, message_id=message_id)
    one, two = (case.attempt.request_id for case in stand.desk.cases)
    assert one != two


LATER: dict[str, Any] = {"message_id": "77", "at": NOW + timedelta(minutes=7)}
"""A repeat comes later, under another message id, and on another connection."""


async def test_a_repeated_16_start_has_the_same_ids_on_any_gateway(stand: Stand) -> None:
    first, repeat = await start(stand, start16()), await start(Stand(), start16(), **LATER)
    assert first.attempt.request_id == repeat.attempt.request_id
    assert first.attempt.session_id == repeat.attempt.session_id
    assert first.stop == repeat.stop
    assert time_of_id(first.attempt.request_id) == NOW.replace(microsecond=0)


@pytest.mark.parametrize(
    "fields",
    [
        {"connectorId": 2},
        {"meterStart": 6},
        {"idTag": "04A1B2C4"},
        {"timestamp": wire_time(NOW + timedelta(milliseconds=1))},
    ],
)
async def test_another_16_start_has_other_ids(stand: Stand, fields: dict[str, Any]) -> None:
    first, other = await start(stand, start16()), await start(stand, start16() | fields)
    assert first.attempt.request_id != other.attempt.request_id
    assert first.attempt.session_id != other.attempt.session_id
    assert first.stop != other.stop


@pytest.mark.parametrize("status", ["Accepted", "Blocked", "Invalid"])
async def test_a_16_start_gets_its_transaction_id_also_when_denied(
    stand: Stand, status: str
) -> None:
    stand.desk.status = status
    connection = stand.connection("1.6")
    response, _ = await stand.handle(connection, "StartTransaction", start16())
    assert 0 < response.transaction_id < 2**31
    assert response.id_tag_info.status == status
    assert stand.desk.cases[-1].stop is not None
    other = Stand()
    again, _ = await other.handle(
        other.connection("1.6"), "StartTransaction", start16(), message_id="77"
    )
    assert again.transaction_id == response.transaction_id


async def test_a_repeated_201_event_has_the_same_ids_on_any_gateway(stand: Stand) -> None:
    first, repeat = await event(stand, event201()), await event(Stand(), event201(), **LATER)
    assert first.attempt.request_id == repeat.attempt.request_id
    assert first.attempt.session_id == repeat.attempt.session_id
    next_one = await event(Stand(), event201(seqNo=1))
    assert next_one.attempt.request_id != first.attempt.request_id
    assert next_one.attempt.session_id == first.attempt.session_id


async def test_ids_of_chargers_never_meet(stand: Stand) -> None:
    neighbour = Stand(charger_record("CP-2"))
    for present, payload in ((start, start16()), (event, event201())):
        mine, others = await present(stand, payload), await present(neighbour, payload)
        assert mine.attempt.request_id != others.attempt.request_id
        assert mine.attempt.session_id != others.attempt.session_id


# Rule 30: what is an attempt


async def test_rule_30_authorize_and_the_start_it_leads_to_share_an_attempt_id(
    stand: Stand,
) -> None:
    connection = stand.connection("1.6")
    await stand.handle(connection, "Authorize", {"idTag": CARD})
    await stand.handle(connection, "StartTransaction", start16(), message_id="2")
    authorize, started = (case.attempt for case in stand.desk.cases)
    assert started.attempt_id == authorize.attempt_id == AttemptId(authorize.request_id)
    assert started.request_id != authorize.request_id


async def test_rule_30_an_offline_start_of_the_morning_is_no_part_of_the_attempt_made_now(
    stand: Stand,
) -> None:
    """A driver taps while the charger still tells what the same card did before."""
    connection = stand.connection("1.6", since=SINCE)
    await stand.handle(connection, "Authorize", {"idTag": CARD})
    await stand.handle(connection, "StartTransaction", start16(BEFORE), message_id="2")
    await stand.handle(connection, "StartTransaction", start16(connectorId=2), message_id="3")
    authorize, earlier, started = (case.attempt for case in stand.desk.cases)
    assert earlier.replayed
    assert earlier.attempt_id == AttemptId(earlier.request_id)
    assert started.attempt_id == authorize.attempt_id


async def test_rule_30_a_start_that_a_short_absence_delayed_is_of_the_same_attempt(
    stand: Stand,
) -> None:
    connection = stand.connection("2.0.1", since=SINCE)
    await stand.handle(connection, "Authorize", {"idToken": event201()["idToken"]})
    late = event201(NOW + timedelta(seconds=5), offline=True)
    await stand.handle(connection, "TransactionEvent", late, message_id="2")
    authorize, started = (case.attempt for case in stand.desk.cases)
    assert started.replayed
    assert started.attempt_id == authorize.attempt_id


async def test_rule_30_a_start_of_its_own_is_an_attempt_of_its_own(stand: Stand) -> None:
    attempt = (await start(stand, start16())).attempt
    assert attempt.attempt_id == AttemptId(attempt.request_id)


@pytest.mark.parametrize(
    "fields",
    [
        {"eventType": "Ended", "triggerReason": "StopAuthorized"},
        {"eventType": "Ended", "triggerReason": "EVCommunicationLost"},
        {"eventType": "Updated", "triggerReason": "StopAuthorized"},
        {"eventType": "Ended", "triggerReason": "Deauthorized", "idToken": NO_AUTHORIZATION},
    ],
)
async def test_rule_30_a_token_that_stops_is_an_event_answered_accepted(
    stand: Stand, fields: dict[str, Any]
) -> None:
    stand.desk.status = "Blocked"
    connection = stand.connection("2.0.1")
    response, call = await stand.handle(connection, "TransactionEvent", event201() | fields)
    assert stand.desk.cases == []
    assert response.id_token_info.status == "Accepted"
    assert [each.name for each in stand.events.delivered] == ["TransactionEvent"]
    assert call.after is None


async def test_rule_30_a_201_event_without_a_token_says_nothing_about_one(stand: Stand) -> None:
    payload = event201(eventType="Updated", triggerReason="MeterValuePeriodic")
    del payload["idToken"]
    connection = stand.connection("2.0.1")
    response, _ = await stand.handle(connection, "TransactionEvent", payload)
    assert stand.desk.cases == []
    assert response.id_token_info is None
    assert len(stand.events.delivered) == 1


@pytest.mark.parametrize("tag", [{}, {"idTag": CARD}])
async def test_rule_30_a_16_stop_omits_id_tag_info(stand: Stand, tag: dict[str, str]) -> None:
    payload = {"transactionId": 7, "meterStop": 9, "timestamp": wire_time(NOW)} | tag
    connection = stand.connection("1.6")
    response, _ = await stand.handle(connection, "StopTransaction", payload)
    assert stand.desk.cases == []
    assert response.id_tag_info is None
    assert [each.name for each in stand.events.delivered] == ["StopTransaction"]


async def test_rule_30_a_token_repeated_within_one_transaction_is_not_decided_again(
    stand: Stand,
) -> None:
    stand.desk.status = "Blocked"
    connection = stand.connection("2.0.1")
    for seq_no in (0, 1):
        payload = event201(seqNo=seq_no)
        response, _ = await stand.handle(connection, "TransactionEvent", payload)
        assert response.id_token_info.status == "Blocked"
        stand.desk.status = "Accepted"
    assert len(stand.desk.cases) == 1
    assert len(stand.events.delivered) == 1


async def test_rule_30_another_token_within_one_transaction_is_decided(stand: Stand) -> None:
    connection = stand.connection("2.0.1")
    other = {"idToken": "04D4E5F6", "type": "ISO14443"}
    for seq_no, token in enumerate((NO_AUTHORIZATION, event201()["idToken"], other)):
        payload = event201(seqNo=seq_no, idToken=token)
        await stand.handle(connection, "TransactionEvent", payload)
    assert [case.attempt.token.kind for case in stand.desk.cases] == [
        TokenKind.FREEVEND_TAG,
        TokenKind.IDENTIFIED,
        TokenKind.IDENTIFIED,
    ]


async def test_a_repeat_that_kafka_does_not_take_stays_unanswered(stand: Stand) -> None:
    connection = stand.connection("2.0.1")
    await stand.handle(connection, "TransactionEvent", event201())
    stand.events.away = True
    response, _ = await stand.handle(connection, "TransactionEvent", event201(seqNo=1))
    assert response is None


# Rule 17 on the wire, and C02.FR.02


async def test_rule_17_the_site_as_it_is_now_says_which_tags_are_reserved(stand: Stand) -> None:
    connection = stand.connection("1.6")
    site = stand.rows.sites[stand.charger.site_id]
    stand.rows.sites[site.site_id] = site.model_copy(update={"freevend_tag": CARD.lower()})
    await stand.handle(connection, "Authorize", {"idTag": CARD})
    assert stand.desk.cases[-1].attempt.token.kind == TokenKind.FREEVEND_TAG


async def test_rule_17_the_chargers_row_as_it_is_now_names_its_profile(stand: Stand) -> None:
    connection = stand.connection("1.6")
    profile = {"profile": "microocpp"}
    stand.rows.chargers[stand.charger.charger_id] = stand.charger.model_copy(update=profile)
    await stand.handle(connection, "StartTransaction", start16(idTag="a0000000"))
    assert stand.desk.cases[-1].attempt.token.kind == TokenKind.FREEVEND_TAG


# fmt: off
PATHS = [
    # version, action, how a token is presented on it
    ("1.6",   "Authorize",        lambda token: {"idTag": token["idToken"]}),
    ("1.6",   "StartTransaction", lambda token: start16(idTag=token["idToken"])),
    ("2.0.1", "Authorize",        lambda token: {"idToken": token}),
    ("2.0.1", "TransactionEvent", lambda token: event201(idToken=token)),
]
"""Every way on which a token is presented to start (rule 30)."""
# fmt: on


@pytest.mark.parametrize(("version", "action", "presenting"), PATHS)
@pytest.mark.parametrize("token", ["", "   "])
async def test_rule_17_an_empty_token_is_unreadable_on_every_path(
    stand: Stand, version: OcppVersion, action: str, presenting: Presenting, token: str
) -> None:
    payload = presenting({"idToken": token, "type": "ISO14443"})
    await stand.handle(stand.connection(version), action, payload)
    assert stand.desk.cases[-1].attempt.token.kind == TokenKind.UNREADABLE


@pytest.mark.parametrize(("version", "action", "presenting"), PATHS)
async def test_rule_17_the_sites_tag_is_the_freevend_tag_on_every_path(
    stand: Stand, version: OcppVersion, action: str, presenting: Presenting
) -> None:
    site = stand.rows.sites[stand.charger.site_id]
    stand.rows.sites[site.site_id] = site.model_copy(update={"freevend_tag": "DepotFree"})
    payload = presenting({"idToken": "DEPOTFREE", "type": "Local"})
    await stand.handle(stand.connection(version), action, payload)
    assert stand.desk.cases[-1].attempt.token.kind == TokenKind.FREEVEND_TAG


@pytest.mark.parametrize(("version", "action", "presenting"), PATHS[2:])
@pytest.mark.parametrize("token", ["", CARD])
async def test_rule_17_no_authorization_is_the_freevend_tag_on_every_path_of_2x(
    stand: Stand, version: OcppVersion, action: str, presenting: Presenting, token: str
) -> None:
    payload = presenting({"idToken": token, "type": "NoAuthorization"})
    await stand.handle(stand.connection(version), action, payload)
    assert stand.desk.cases[-1].attempt.token.kind == TokenKind.FREEVEND_TAG


@pytest.mark.parametrize(("version", "action", "presenting"), PATHS)
async def test_rule_17_a_card_is_looked_up_from_both_ends_where_the_site_says_so(
    stand: Stand, version: OcppVersion, action: str, presenting: Presenting
) -> None:
    site = stand.rows.sites[stand.charger.site_id]
    either = {"card_byte_order": CardByteOrder.EITHER}
    stand.rows.sites[site.site_id] = site.model_copy(update=either)
    payload = presenting({"idToken": CARD, "type": "ISO14443"})
    await stand.handle(stand.connection(version), action, payload)
    readings = stand.desk.cases[-1].attempt.token.candidates
    expected = [
        PSEUDONYMISER.all(Candidate("ISO14443", number)) for number in ("04A1B2C3", "C3B2A104")
    ]
    assert [each.pseudonyms for each in readings[:2]] == expected


async def test_a_freevend_start_that_must_end_is_stopped_after_its_answer(stand: Stand) -> None:
    stand.desk.stop = True
    connection = stand.connection("2.0.1")
    payload = event201(idToken=NO_AUTHORIZATION)
    response, call = await stand.handle(connection, "TransactionEvent", payload)
    assert response.id_token_info.status == "Accepted"
    assert call.after is not None


# Rule 26


async def test_rule_26_no_case_and_no_event_holds_the_identifier(stand: Stand) -> None:
    for case in (await start(stand, start16()), await event(stand, event201())):
        assert CARD not in case.attempt.model_dump_json().upper()
        assert CARD not in case.event.model_dump_json().upper()
        assert case.event.token == TokenKind.IDENTIFIED
