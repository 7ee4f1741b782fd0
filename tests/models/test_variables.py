"""Variables of OCPP 2.x by one text, there and back."""

from __future__ import annotations

from typing import Any

import pytest

from models.variables import name_of, row_named

CTRLR = {"name": "AuthCtrlr"}


@pytest.mark.parametrize(
    "name",
    [
        "AuthCtrlr.Enabled",
        "AuthCtrlr.Enabled/Target",
        "DeviceDataCtrlr.ItemsPerMessage[GetVariables]",
        "DeviceDataCtrlr.ItemsPerMessage[GetVariables]/MaxSet",
    ],
)
def test_a_name_leads_to_its_row_and_back(name: str) -> None:
    row = row_named(name)
    assert name_of(row, row["attributeType"]) == name.casefold()


def test_without_an_attribute_the_actual_one_is_meant() -> None:
    assert row_named("AuthCtrlr.Enabled") == {
        "attributeType": "Actual",
        "component": CTRLR,
        "variable": {"name": "Enabled"},
    }
    assert name_of(row_named("AuthCtrlr.Enabled")) == "authctrlr.enabled"


@pytest.mark.parametrize(
    "row",
    [{}, {"component": CTRLR}, {"component": CTRLR, "variable": "Enabled"}, {"component": 7}],
)
def test_what_names_no_variable_has_no_name(row: dict[str, Any]) -> None:
    assert name_of(row) is None


@pytest.mark.parametrize("attribute", [[], {}, 7])
def test_an_attribute_of_any_other_kind_is_not_the_actual_one(attribute: object) -> None:
    assert name_of(row_named("AuthCtrlr.Enabled"), attribute) != "authctrlr.enabled"
