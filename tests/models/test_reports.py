"""Reports of OCPP 2.x: parts in any order, and what is kept of them."""

from __future__ import annotations

import random
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.capability import KeyClaim
from models.reports import PARTS_MAX, Report, refined, report_call

NAMES = ("AuthCtrlr.Enabled", "AuthCacheCtrlr.Enabled")
ASKED = Report.of(7, NAMES)


def variable(name: str = NAMES[0], mutability: str | None = "ReadOnly") -> dict[str, Any]:
    component, named = name.split(".")
    attribute: dict[str, Any] = {"type": "Actual", "value": "secret"}
    if mutability is not None:
        attribute["mutability"] = mutability
    return {
        "component": {"name": component},
        "variable": {"name": named},
        "variableAttribute": [attribute],
    }


def part(number: int, *rows: dict[str, Any], tbc: bool = True, request_id: int = 7) -> Any:
    told = {"requestId": request_id, "generatedAt": "2026-07-14T12:00:00Z", "seqNo": number}
    return told | ({"tbc": True} if tbc else {}) | {"reportData": list(rows)}


def after(*parts: Any) -> Report:
    return reduce(Report.with_part, parts, ASKED)


@given(st.integers(1, 30), st.randoms(use_true_random=False), st.integers(0, 10))
def test_a_report_is_whole_once_every_part_is_there_in_any_order_and_repeated(
    count: int, order: random.Random, repeats: int
) -> None:
    parts = [part(n, tbc=n < count - 1) for n in range(count)]
    parts += order.choices(parts, k=repeats)
    order.shuffle(parts)
    assert after(*parts).whole
    missing = order.randrange(count)
    assert not after(*(one for one in parts if one["seqNo"] != missing)).whole


@pytest.mark.parametrize(
    "parts",
    [
        (part(1), part(2, tbc=False)),
        (part(0, tbc=False), part(1, tbc=False)),
        (part(0, tbc=False), part(3)),
        (part(-1),),
        (part(PARTS_MAX),),
    ],
)
def test_parts_that_cannot_be_of_one_report_make_none(parts: tuple[Any, ...]) -> None:
    assert not after(*parts).whole


def test_each_attribute_of_a_variable_is_told_of_apart() -> None:
    row = variable(mutability="ReadOnly")
    row["variableAttribute"].append({"type": "Target", "mutability": "ReadWrite"})
    found = Report.of(7, (NAMES[0], f"{NAMES[0]}/Target")).with_part(part(0, row, tbc=False))
    assert found.claim(NAMES[0]) is KeyClaim.READ_ONLY
    assert found.claim(f"{NAMES[0]}/Target") is KeyClaim.WRITABLE


def test_parts_of_another_report_change_nothing() -> None:
    assert after(part(0, variable(), tbc=False, request_id=6)) is ASKED


@pytest.mark.parametrize(
    ("row", "claim"),
    [
        (variable(), KeyClaim.READ_ONLY),
        (variable("authctrlr.ENABLED", "ReadWrite"), KeyClaim.WRITABLE),
        (variable(mutability="WriteOnly"), KeyClaim.WRITABLE),
        (variable(mutability=None), KeyClaim.WRITABLE),
        (variable(mutability="Sometimes"), None),
        (variable() | {"component": {"name": "AuthCtrlr", "evse": {"id": 1}}}, None),
        (variable() | {"variable": {"name": "Enabled", "instance": "x"}}, None),
        (variable() | {"variableAttribute": [{"type": "Target", "mutability": "ReadOnly"}]}, None),
    ],
)
def test_the_mutability_of_the_chargers_own_actual_attribute_is_claimed(
    row: dict[str, Any], claim: KeyClaim | None
) -> None:
    assert after(part(0, row, tbc=False)).claim(NAMES[0]) == claim


def test_rule_26_nothing_is_kept_but_what_was_asked_for_and_no_value() -> None:
    rows = [variable(f"Other{n}.Key", "ReadWrite") for n in range(500)]
    report = after(part(0, *rows, variable(), tbc=False))
    assert dict(report.told) == {"authctrlr.enabled": KeyClaim.READ_ONLY}
    assert "secret" not in repr(report)


def test_a_report_refines_only_what_is_there() -> None:
    present, fixed = KeyClaim.PRESENT, KeyClaim.READ_ONLY
    assert refined(present, fixed) is fixed
    # It may hide what it tells when it is asked by name (finding 9), and the other way round.
    assert refined(present, None) is present
    assert refined(KeyClaim.MISSING, fixed) is KeyClaim.MISSING
    assert refined(None, fixed) is None


def test_the_full_inventory_is_asked_for() -> None:
    call = report_call(7)
    assert call.action == "GetBaseReport"
    assert call.payload == {"requestId": 7, "reportBase": "FullInventory"}
