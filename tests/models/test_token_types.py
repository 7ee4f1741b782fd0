"""Types of tokens that a charger of OCPP 2.1 says it can present."""

from __future__ import annotations

import pytest

from models.identifiers import FREE_TYPES_MAX
from models.key_reading import read_call
from models.mode_events import apply_event
from models.probing import TYPES, key_answer, questions
from models.profiles import PROFILES
from models.reasons import OcppVersion
from models.token_types import NAMED, TYPES_MAX, joined, split, told_types
from tests.models.test_proofs import event, row

STANDARD = PROFILES["standard"]
NAME = "AuthCtrlr.SupportedIdTokenType"


@pytest.mark.parametrize(("ocpp", "asked"), [("1.6", False), ("2.0.1", False), ("2.1", True)])
def test_only_a_charger_of_2_1_is_asked_for_them(ocpp: OcppVersion, asked: bool) -> None:
    about = {question.about: question.names for question in questions(ocpp, STANDARD)}
    assert (about.get(TYPES) == (NAME,)) is asked
    assert TYPES not in {each.about for each in questions("2.1", PROFILES["unknown"])}


def test_their_value_is_read_and_that_of_another_key_is_not() -> None:
    (named,) = read_call("2.1", NAME).payload["getVariableData"]
    told = {"getVariableResult": [named | {"attributeStatus": "Accepted", "attributeValue": "VIN"}]}
    assert key_answer("2.1", STANDARD, NAME, told).value == "VIN"
    assert key_answer("2.1", STANDARD, "AuthCtrlr.LocalPreAuthorize", told).value is None
    unknown = {"getVariableResult": [named | {"attributeStatus": "UnknownVariable"}]}
    assert key_answer("2.1", STANDARD, NAME, unknown).value is None


@pytest.mark.parametrize(
    ("value", "types"),
    [
        ("ISO14443,eMAID", ("ISO14443", "eMAID")),
        (" emaid , EMAID,,", ("eMAID",)),
        ("busbadge,NoAuthorization", ("BUSBADGE", "NoAuthorization")),
        ("", ()),
    ],
)
def test_types_are_spelled_as_ocpp_and_the_site_spell_them(
    value: str, types: tuple[str, ...]
) -> None:
    assert told_types(value, ("BUSBADGE",)) == types


def test_rule_26_a_type_that_is_named_nowhere_is_not_recorded_and_their_number_is_bounded() -> None:
    numbers = ",".join(f"04A1B2C3{n:04}" for n in range(500))
    assert told_types(f"VIN,{numbers}", ()) == ("VIN", "other")
    free = tuple(f"TYPE{n}" for n in range(FREE_TYPES_MAX))
    every = told_types(",".join((*NAMED, *free, numbers)), free)
    assert len(every) == TYPES_MAX
    assert split(joined(every)) == every


@pytest.mark.parametrize(
    ("field", "kept"),
    [
        ("ISO14443,eMAID", ("ISO14443", "eMAID")),
        ("", None),
        (None, None),
        (7, None),
        ("A" * 21 + ",VIN", ("VIN",)),
    ],
)
def test_the_row_keeps_what_the_event_tells(
    field: str | int | None, kept: tuple[str, ...] | None
) -> None:
    told = event("Probed", data={"status": "Accepted", "profile": "standard", "token_types": field})
    claims = apply_event(row(), told, 1).claims
    assert claims is not None
    assert claims.token_types == kept
