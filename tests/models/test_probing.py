"""What a probe asks, when, and what answers mean."""

from __future__ import annotations

from typing import Any

import pytest

from models.capability import Capability, Claims, KeyClaim
from models.charger import ChargerState
from models.key_reading import read_call
from models.probing import ask_again_after, key_answer, probe_due, questions
from models.profile_choice import EffectiveProfile, ProfileSource
from models.profiles import PROFILES, switchable
from models.reasons import OcppVersion
from models.schedule import Mode
from models.switchability import may_be_set, settled_class
from tests.models.test_proofs import AT, row

MICRO, STANDARD = PROFILES["microocpp"], PROFILES["standard"]


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("name", PROFILES)
def test_finding_9_every_key_is_asked_by_its_name_alone(ocpp: OcppVersion, name: str) -> None:
    asked = questions(ocpp, PROFILES[name])
    assert bool(asked) == switchable(ocpp, PROFILES[name])
    for question in asked:
        for spelling in question.names:
            payload = read_call(ocpp, spelling).payload
            (named,) = payload["key"] if ocpp == "1.6" else payload["getVariableData"]
            assert named


def test_misspelt_names_are_tried_after_the_right_one() -> None:
    about = {question.about: question.names for question in questions("2.0.1", STANDARD)}
    assert about["mode_key"] == (
        "AuthCtrlr.Enabled",
        "AuthCtrl.Enabled",
        "AuthCtrlr.Enabled/Target",
    )
    assert "tag_key" not in about


def _key(readonly: bool, value: str = "true") -> dict[str, Any]:
    row = {"key": "cst_freevendactive", "readonly": readonly, "value": value}
    return {"configurationKey": [row]}


def _variable(status: str, value: str | None = None) -> dict[str, Any]:
    named = {"component": {"name": "AuthCtrlr"}, "variable": {"name": "Enabled"}}
    told = named | {"attributeStatus": status}
    return {"getVariableResult": [told if value is None else told | {"attributeValue": value}]}


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        (_key(readonly=False), (KeyClaim.WRITABLE, Mode.FREEVEND)),
        (_key(readonly=True, value="false"), (KeyClaim.READ_ONLY, Mode.MANAGED)),
        ({"unknownKey": ["Cst_FreeVendActive"]}, (KeyClaim.MISSING, None)),
        ({}, (KeyClaim.MISSING, None)),
    ],
)
def test_an_answer_of_1_6(payload: dict[str, Any], answer: tuple[object, object]) -> None:
    assert key_answer("1.6", MICRO, "Cst_FreeVendActive", payload)[:2] == answer


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        (_variable("Accepted", "false"), (KeyClaim.PRESENT, Mode.FREEVEND)),
        (_variable("UnknownComponent"), (KeyClaim.MISSING, None)),
        (_variable("UnknownVariable"), (KeyClaim.MISSING, None)),
        (_variable("Rejected"), (None, None)),
        ({}, (None, None)),
    ],
)
def test_an_answer_of_2_x(payload: dict[str, Any], answer: tuple[object, object]) -> None:
    assert key_answer("2.0.1", STANDARD, "AuthCtrlr.Enabled", payload)[:2] == answer


ASKED = Claims(probed_at=AT, firmware="1.0")


@pytest.mark.parametrize(
    ("state", "due"),
    [
        (row(), True),
        (row(claims=Claims()), True),
        (row(claims=ASKED), False),
        (row(claims=ASKED, firmware="2.0"), True),
        (row(connection=None), False),
        (row(claims=ASKED.model_copy(update={"profile": "easee"})), True),
        (row(claims=ASKED.model_copy(update={"profile": "zaptec"})), False),
    ],
)
def test_a_charger_is_probed_when_it_is_new_and_when_its_firmware_or_profile_is(
    state: ChargerState, due: bool
) -> None:
    assert probe_due(state, EffectiveProfile("zaptec", ProfileSource.NAMED)) is due


@pytest.mark.parametrize(
    ("mode_key", "due"),
    [(None, True), (KeyClaim.MISSING, False), (KeyClaim.WRITABLE, False)],
)
def test_of_a_found_profile_a_charger_has_to_tell_of_its_key(
    mode_key: KeyClaim | None, due: bool
) -> None:
    told = row(claims=ASKED.model_copy(update={"mode_key": mode_key, "profile": "zaptec"}))
    assert probe_due(told, EffectiveProfile("zaptec", ProfileSource.FOUND)) is due
    assert not probe_due(told, EffectiveProfile("zaptec", ProfileSource.NAMED))


def test_what_was_told_before_profiles_were_found_says_nothing_of_one_that_is() -> None:
    told = row(
        claims=ASKED.model_copy(update={"mode_key": KeyClaim.WRITABLE, "mode": Mode.MANAGED})
    )
    named, found = (
        EffectiveProfile("zaptec", source) for source in (ProfileSource.NAMED, ProfileSource.FOUND)
    )
    assert (probe_due(told, named), probe_due(told, found)) == (False, True)
    assert (may_be_set(told, named), may_be_set(told, found)) == (True, False)
    assert settled_class(told, named) is Capability.PARTIAL
    assert settled_class(told, found) is None


def test_who_tells_nothing_is_asked_less_and_less_often() -> None:
    pauses = [ask_again_after(count) for count in (1, 2, 3, 4, 5, 6, 1_000_000)]
    assert [pause.total_seconds() / 60 for pause in pauses] == [10, 20, 40, 80, 160, 240, 240]
