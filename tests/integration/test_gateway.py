"""The gateway on a real Kafka: every attempt gets one answer, and one outcome."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from connectors.ocpp.wire import wire_time
from depotgate.demo.charger import Charger
from depotgate.demo.charger16 import Charger16
from depotgate.demo.charger201 import Charger201
from models.attempt import Basis
from models.metrics import OUTCOMES_TOTAL
from models.reasons import Answer, Reason
from models.schedule import Mode
from models.site import Stage
from tests.integration.gateways import (
    BOTH,
    CARDS,
    FREEVEND_TAG,
    QUICK,
    House,
    Running,
    ask,
    authorize,
)
from tests.integration.records import WITHIN_S, until

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


# Allowed and denied


class Verdict(NamedTuple):
    """What a card is told at the closed site, which is managed at all hours."""

    card: str
    answer: Answer
    reason: Reason
    status_16: str
    status_201: str
    text_201: str


# fmt: off
VERDICTS = (
    Verdict("own fleet", Answer.ALLOW, Reason.OWN_FLEET,  "Accepted", "Accepted",
            "Charging allowed."),
    Verdict("revoked",   Answer.DENY,  Reason.REVOKED,    "Blocked",  "Blocked",
            "Card no longer valid."),
    Verdict("unknown",   Answer.DENY,  Reason.UNKNOWN_ID, "Invalid",  "Unknown",
            "Card not recognised."),
)
# fmt: on


@BOTH
@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda verdict: verdict.card)
async def test_a_card_is_allowed_or_denied_and_the_outcome_says_what_the_driver_was_told(
    kind: type[Charger], verdict: Verdict, house: House, gateway: Running
) -> None:
    async with house.charger(kind, "closed", gateway) as charger:
        result = await charger.authorize(CARDS[verdict.card])
        outcome = await house.records.outcome(charger.charger_id)
    in_201 = (verdict.status_201, verdict.text_201)
    assert (result.status, result.text) == (
        (verdict.status_16, None) if kind is Charger16 else in_201
    )
    assert outcome.told is not None
    assert (outcome.told.status, outcome.told.text) == (result.status, result.text)
    assert outcome.told.basis == Basis.DECISION
    assert (outcome.reason, outcome.stage) == (verdict.reason, Stage.ENFORCE)
    assert outcome.answered_at <= outcome.deadline_at
    labels = {
        "site": house.site_id("closed"),
        "stage": "enforce",
        "answer": verdict.answer,
        "reason": verdict.reason,
    }
    assert gateway.metric(OUTCOMES_TOTAL.name, **labels) >= 1


@BOTH
async def test_rule_30_each_attempt_of_a_session_has_one_outcome_and_they_share_an_attempt_id(
    kind: type[Charger], house: House, gateway: Running
) -> None:
    async with house.charger(kind, "closed", gateway) as charger:
        await charger.plug_in()
        result = await charger.tap(CARDS["own fleet"])
        assert result is not None
        assert result.accepted
        await charger.stop(CARDS["own fleet"])
        last = await house.records.outcome(charger.charger_id, count=2)
        ending = "StopTransaction" if kind is Charger16 else "TransactionEvent"
        await house.records.event(charger.charger_id, ending)
    authorize, start = house.records.outcomes(charger.charger_id)
    assert authorize.attempt.attempt_id == start.attempt.attempt_id
    assert authorize.request_id != start.request_id
    assert last.attempt.session_id is not None


@BOTH
async def test_a_denied_start_ends_and_was_given_a_transaction_id(
    kind: type[Charger], house: House, gateway: Running
) -> None:
    async with house.charger(kind, "closed", gateway) as charger:
        now = datetime.now(UTC)
        result = await charger.replay(CARDS["unknown"], now, None)
        assert not result.accepted
        session = charger.session_at()
        assert session is not None
        assert session.transaction_id
        outcome = await house.records.outcome(charger.charger_id)
    assert outcome.reason == Reason.UNKNOWN_ID


@BOTH
async def test_an_open_hour_admits_anybody_for_the_moment_only(
    kind: type[Charger], house: House, gateway: Running
) -> None:
    """Finding 5: the accept of an open hour must not stay in the charger's cache."""
    async with house.charger(kind, "freevend", gateway) as charger:
        answer = await ask(charger, "Authorize", authorize(kind, CARDS["unknown"].token))
        outcome = await house.records.outcome(charger.charger_id)
    info = answer[2]["idTagInfo" if kind is Charger16 else "idTokenInfo"]
    expiry = info["expiryDate" if kind is Charger16 else "cacheExpiryDateTime"]
    assert info["status"] == "Accepted"
    assert datetime.fromisoformat(expiry) <= datetime.now(UTC)
    assert outcome.reason == Reason.FREEVEND_OPEN


@BOTH
async def test_an_accept_by_identity_may_be_kept(
    kind: type[Charger], house: House, gateway: Running
) -> None:
    async with house.charger(kind, "closed", gateway) as charger:
        answer = await ask(charger, "Authorize", authorize(kind, CARDS["own fleet"].token))
    info = answer[2]["idTagInfo" if kind is Charger16 else "idTokenInfo"]
    assert info["status"] == "Accepted"
    assert not {"expiryDate", "cacheExpiryDateTime"} & info.keys()


# Once, and only once


@BOTH
async def test_a_repeated_message_id_is_answered_from_memory_and_not_run_twice(
    kind: type[Charger], house: House, gateway: Running
) -> None:
    async with house.charger(kind, "closed", gateway) as charger:
        payload = authorize(kind, CARDS["own fleet"].token)
        first, second = [await ask(charger, "Authorize", payload) for _ in range(2)]
        third = await ask(charger, "Authorize", payload, message_id="raw-2")
        await house.records.outcome(charger.charger_id, count=2)
    assert first == second
    assert first[2] == third[2]
    requests = house.records.requests
    await until(lambda: len(requests(charger.charger_id)) >= 2, "two requests")
    assert len({each.attempt.request_id for each in requests(charger.charger_id)}) == 2


async def test_a_repeated_start_gets_the_same_transaction_id_also_after_a_restart(
    house: House,
) -> None:
    started = datetime.now(UTC) - timedelta(seconds=2)
    payload = {
        "connectorId": 1,
        "idTag": CARDS["unknown"].token,
        "meterStart": 7,
        "timestamp": wire_time(started),
    }
    async with (
        house.gateway(slot=6) as first,
        house.charger(Charger16, "closed", first) as charger,
    ):
        before = await ask(charger, "StartTransaction", payload)
        again = await ask(charger, "StartTransaction", payload, message_id="raw-2")
        await house.records.outcome(charger.charger_id)
    async with house.gateway(slot=6) as second:
        charger.link.endpoint = second.endpoint
        async with charger:
            await charger.connected()
            after = await ask(charger, "StartTransaction", payload)
            await until(lambda: len(house.records.outcomes(charger.charger_id)) == 2, "a repeat")
    assert before[2] == again[2] == after[2]
    assert before[2]["idTagInfo"]["status"] == "Invalid"
    ids = {outcome.request_id for outcome in house.records.outcomes(charger.charger_id)}
    assert len(ids) == 1


# Rule 27: stages


@BOTH
@pytest.mark.parametrize("card", ["unknown", "revoked"])
async def test_rule_27_off_accepts_every_token_and_asks_nobody(
    kind: type[Charger], card: str, house: House, gateway: Running
) -> None:
    async with house.charger(kind, "off", gateway) as charger:
        result = await charger.authorize(CARDS[card])
        outcome = await house.records.outcome(charger.charger_id)
    assert (result.status, result.text) == ("Accepted", None)
    assert (outcome.stage, outcome.verdict, outcome.reason) == (Stage.OFF, None, None)
    assert house.records.requests(charger.charger_id) == []


@BOTH
async def test_rule_27_shadow_accepts_every_token_and_records_what_enforce_would_have_said(
    kind: type[Charger], house: House, gateway: Running
) -> None:
    async with house.charger(kind, "shadow", gateway) as charger:
        result = await charger.authorize(CARDS["revoked"])
        outcome = await house.records.outcome(charger.charger_id)
        house.worker.silence(charger.charger_id)
        unreadable = await ask(charger, "Authorize", authorize(kind, " "))
        missed = await house.records.outcome(charger.charger_id, count=2)
    assert (result.status, result.text) == ("Accepted", None)
    assert outcome.verdict is not None
    assert (outcome.verdict.answer, outcome.reason) == (Answer.DENY, Reason.REVOKED)
    assert "Accepted" in json.dumps(unreadable)
    assert (missed.stage, missed.reason) == (Stage.SHADOW, Reason.DECISION_TIMED_OUT)


async def test_rule_27_a_stage_that_changes_holds_from_the_next_attempt_on(
    house: House, gateway: Running
) -> None:
    async with house.charger(Charger201, "off", gateway) as charger:
        try:
            await house.write_site("off", stage=Stage.ENFORCE)
            statuses = ["Accepted"]
            async with asyncio.timeout(WITHIN_S):
                while statuses[-1] == "Accepted":
                    statuses.append((await charger.authorize(CARDS["revoked"])).status)
        finally:
            await house.write_site("off")
    assert statuses[-1] == "Blocked"


# The freevend tag in a managed interval


async def test_c02_fr_02_no_authorization_in_managed_is_accepted_and_the_session_stopped(
    house: House, gateway: Running
) -> None:
    async with house.charger(Charger201, "closed", gateway, mode=Mode.FREEVEND) as charger:
        result = await charger.plug_in()
        assert result is not None
        assert (result.status, result.text) == ("Accepted", "Please identify.")
        await until(lambda: charger.session_at() is None, "the session was stopped")
        stopped = await house.records.event(charger.charger_id, "SessionStopped")
        outcome = await house.records.outcome(charger.charger_id)
    assert (stopped.data["cause"], stopped.data["result"]) == ("freevend tag", "Accepted")
    assert outcome.reason == Reason.FREEVEND_TAG_IN_MANAGED
    assert outcome.told is not None
    assert (outcome.told.accepted, outcome.told.status) == (False, "Accepted")


@pytest.mark.parametrize("tag", [FREEVEND_TAG, FREEVEND_TAG.lower(), "A0000000"])
async def test_rule_17_a_freevend_tag_in_managed_is_invalid_in_16(
    tag: str, house: House, gateway: Running
) -> None:
    async with house.charger(Charger16, "closed", gateway, mode=Mode.FREEVEND) as charger:
        charger.configuration["Cst_FreeVendIdTag"] = tag
        result = await charger.plug_in()
        assert result is not None
        assert result.status == "Invalid"
        outcome = await house.records.outcome(charger.charger_id)
    assert outcome.reason == Reason.FREEVEND_TAG_IN_MANAGED


async def test_a_16_charger_that_charges_in_spite_of_invalid_is_stopped_remotely(
    house: House, gateway: Running
) -> None:
    """Rule 25's table, FREEVEND_TAG_IN_MANAGED: Invalid, then remote stop while energy flows."""
    stubborn = replace(QUICK, stops_on_invalid=False)
    options: dict[str, Any] = {"mode": Mode.FREEVEND, "behaviour": stubborn}
    async with house.charger(Charger16, "closed", gateway, **options) as charger:
        result = await charger.plug_in()
        assert result is not None
        assert result.status == "Invalid"
        await until(lambda: charger.session_at() is None, "the session was stopped")
        stopped = await house.records.event(charger.charger_id, "SessionStopped")
    assert (stopped.data["cause"], stopped.data["result"]) == ("freevend tag", "Accepted")


@BOTH
async def test_a_freevend_session_in_an_open_hour_is_accepted(
    kind: type[Charger], house: House, gateway: Running
) -> None:
    async with house.charger(kind, "freevend", gateway, mode=Mode.FREEVEND) as charger:
        result = await charger.plug_in()
        assert result is not None
        assert result.accepted
        outcome = await house.records.outcome(charger.charger_id)
        assert charger.session_at() is not None
    assert outcome.reason == Reason.FREEVEND_OPEN
