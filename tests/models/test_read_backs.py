"""When a charger's mode is read back, and by which calls (rule 16)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.charger import ChargerState, CommandStatus
from models.ids import ChargerId
from models.profiles import profile_named
from models.read_backs import (
    READ_BACK_EVERY,
    period_start,
    read_back_calls,
    read_back_due,
    read_back_id,
)
from models.reasons import OcppVersion
from models.schedule import Mode
from tests.models.test_drift import switched

CHARGER = ChargerId("CP-1")
AT = datetime(2026, 7, 14, 12, tzinfo=UTC)


def test_an_hour_of_a_charger_holds_every_instant_of_it() -> None:
    begins = period_start(CHARGER, AT)
    assert begins <= AT < begins + READ_BACK_EVERY
    assert period_start(CHARGER, begins) == begins
    assert period_start(CHARGER, begins + READ_BACK_EVERY) == begins + READ_BACK_EVERY


def test_chargers_are_spread_over_the_hour() -> None:
    begins = [period_start(ChargerId(f"CP-{number}"), AT) for number in range(3_600)]
    minutes = [(AT - each) // timedelta(minutes=1) for each in begins]
    counts = [minutes.count(minute) for minute in range(60)]
    # Sixty a minute on the average; a minute that had three times that would be no spreading.
    assert min(counts) >= 20
    assert max(counts) <= 120


def known(**fields: object) -> ChargerState:
    return switched().model_copy(update=fields)


def test_a_mode_that_was_told_this_hour_is_not_asked_for() -> None:
    begins = period_start(CHARGER, AT)
    before, later = begins - timedelta(seconds=1), begins + timedelta(seconds=1)
    link = switched().connection
    assert link is not None
    old = link.model_copy(update={"since": before - timedelta(days=1)})
    last = switched().commanded
    assert last is not None
    ended = last.model_copy(update={"ended_at": before})
    row = known(connection=old, commanded=ended)
    assert read_back_due(row, AT)
    assert not read_back_due(row.model_copy(update={"read_back_at": later}), AT)
    assert not read_back_due(
        row.model_copy(update={"commanded": ended.model_copy(update={"ended_at": later})}), AT
    )
    assert not read_back_due(
        row.model_copy(update={"connection": old.model_copy(update={"since": later})}), AT
    )


@pytest.mark.parametrize(
    "fields",
    [{"connection": None}, {"commanded": None}, {"stored_mode": Mode.MANAGED}],
)
def test_whoever_cannot_say_anything_true_is_not_asked(fields: dict[str, object]) -> None:
    assert read_back_due(known(), AT + timedelta(days=1))
    assert not read_back_due(known(**fields), AT + timedelta(days=1))


@pytest.mark.parametrize("status", [None, CommandStatus.REBOOT_REQUIRED])
def test_a_switch_that_is_not_over_is_not_asked_about(status: CommandStatus | None) -> None:
    last = switched().commanded
    assert last is not None
    row = known(commanded=last.model_copy(update={"status": status}))
    assert not read_back_due(row, AT + timedelta(days=1))


def test_a_worker_that_takes_over_asks_by_the_same_id_and_each_hour_by_another() -> None:
    begins = period_start(CHARGER, AT)
    row = known()
    assert read_back_id(row, begins) == read_back_id(
        ChargerState.decode(row.encode()), begins + timedelta(minutes=59)
    )
    assert read_back_id(row, begins) != read_back_id(row, begins + READ_BACK_EVERY)


@pytest.mark.parametrize(
    ("ocpp", "profile", "keys"),
    [
        ("1.6", "microocpp", ["Cst_FreeVendActive", "AO_FreeVendActive"]),
        ("2.0.1", "standard", ["AuthCtrlr", "AuthCtrl", "AuthCtrlr"]),
        ("1.6", "standard", []),
    ],
)
def test_only_reading_calls_are_made_one_for_each_spelling(
    ocpp: OcppVersion, profile: str, keys: list[str]
) -> None:
    calls = read_back_calls(ocpp, profile_named(profile))
    assert {call.action for call in calls} <= {"GetConfiguration", "GetVariables"}
    asked = [
        call.payload["key"][0]
        if ocpp == "1.6"
        else call.payload["getVariableData"][0]["component"]["name"]
        for call in calls
    ]
    assert asked == keys
