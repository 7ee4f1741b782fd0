"""Offline settings and message attempts: what is asked for, what answers mean, what is raised."""

from __future__ import annotations

import pytest

from models.key_reading import Reading, read_call, reading
from models.offline import (
    COVER_S,
    INTERVAL_MAX_S,
    OFFLINE_KEYS,
    Resending,
    attempt_keys,
    raised,
    raised_interval,
    set_call,
)
from models.site import OfflinePolicy


def test_a_closed_charger_lets_nobody_start_and_every_policy_names_every_key() -> None:
    closed = {key.values[OfflinePolicy.CLOSED] for key in OFFLINE_KEYS}
    assert closed == {"false"}
    assert all(set(key.values) == set(OfflinePolicy) for key in OFFLINE_KEYS)
    assert OFFLINE_KEYS[-1].about == "authorize_offline"


def test_no_policy_lets_a_charger_start_online_without_asking() -> None:
    unasked = [key for key in OFFLINE_KEYS if key.about in {"pre_authorize", "cache"}]
    assert {key.values[policy] for key in unasked for policy in OfflinePolicy} == {"false"}


@pytest.mark.parametrize(
    ("now", "steps"),
    [
        (Resending(3, 60), [("attempts", 1440)]),
        (Resending(1440, 60), []),
        (Resending(5000, 60), []),
        (Resending(3, 7000), [("attempts", 13)]),
        (Resending(3, 0), [("interval", 60), ("attempts", 1440)]),
        (Resending(2000, None), [("interval", 60)]),
        (Resending(None, 60), [("attempts", 1440)]),
    ],
)
def test_attempts_times_interval_are_raised_to_a_day_and_nothing_is_lowered(
    now: Resending, steps: list[tuple[str, int]]
) -> None:
    assert list(raised(now)) == steps
    after = now._asdict()
    for what, number in steps:
        field = "attempts_count" if what == "attempts" else "interval_s"
        assert number > (after[field] or 0)
        after[field] = number
    assert Resending(**after).covered_s >= COVER_S


def test_where_attempts_are_refused_the_interval_is_raised_within_its_bound() -> None:
    assert raised_interval(Resending(10, 60)) == INTERVAL_MAX_S
    assert raised_interval(Resending(500, 60)) == 173
    assert raised_interval(Resending(10, 1200)) is None
    assert raised_interval(Resending(None, 60)) is None


def test_names_with_an_instance_are_told_apart_on_the_wire() -> None:
    name = attempt_keys("2.0.1").attempts
    (row,) = set_call("2.0.1", name, "1440").payload["setVariableData"]
    assert row["component"] == {"name": "OCPPCommCtrlr"}
    assert row["variable"] == {"name": "MessageAttempts", "instance": "TransactionEvent"}
    assert read_call("1.6", "A").payload == {"key": ["A"]}


def test_an_answer_without_the_key_says_that_it_is_not_known() -> None:
    key = {"configurationKey": [{"key": "LOCALPREAUTHORIZE", "readonly": False, "value": "True"}]}
    told = reading("1.6", "LocalPreAuthorize", key)
    assert (told.known, told.equals("true")) == (True, True)
    assert reading("1.6", "Other", key) == Reading(False, None)
    assert reading("1.6", "X", {"unknownKey": ["X"]}) == Reading(False, None)
    row = {"attributeStatus": "Accepted", "attributeValue": "60"}
    assert reading("2.0.1", "A.B", {"getVariableResult": [row]}).number == 60
    missing = {"getVariableResult": [{"attributeStatus": "UnknownVariable"}]}
    assert reading("2.0.1", "A.B", missing) == Reading(False, None)
    write_only = {"getVariableResult": [{"attributeStatus": "Rejected"}]}
    assert reading("2.0.1", "A.B", write_only) == Reading(True, None)


@pytest.mark.parametrize("told", ["-1", "1.5", "", "12345678901", "²"])
def test_what_is_no_number_is_none(told: str) -> None:
    assert Reading(True, told).number is None
