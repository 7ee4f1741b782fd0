"""Makers' names in BootNotification, and which boots they match."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from models.confidence import Confidence
from models.makes import Boot, Make


def make(**pattern: Any) -> Make:
    return Make(**pattern, confidence=Confidence.UNVERIFIED)


@pytest.mark.parametrize(
    ("pattern", "vendor", "matches"),
    [
        ("Keba", "KEBA AG", True),
        ("Keba", "keba", True),
        ("Keba", "Kebab Station", False),
        ("Wall Box Chargers", "Wall Box Chargers", True),
        ("Wall Box Chargers", "WALL-BOX chargers, S.L.", True),
        # In this order, and with nothing between.
        ("Wall Box", "Box Wall", False),
        ("Wall Box", "Wall Mounted Box", False),
        ("LITE-ON", "Lite_On Technology", True),
        ("i-charging", "i-charging, Lda.", True),
        ("i-charging", "Wi-charging", False),
        ("Hager", "", False),
        ("Hager", None, False),
        # What lies beyond is not looked at.
        ("Hager", "x" * 64 + " Hager", False),
    ],
)
def test_words_of_a_vendor_match_whole_and_in_any_case(
    pattern: str, vendor: str | None, matches: bool
) -> None:
    assert make(vendor=pattern).matches(Boot("1.6", vendor)) is matches


@pytest.mark.parametrize(
    ("model", "matches"),
    [("KC-P30-EC240122-E0R", True), ("p30", True), ("KC-M20-E0LE02-020", False), (None, False)],
)
def test_a_model_is_looked_at_where_the_pattern_names_one(model: str | None, matches: bool) -> None:
    assert make(vendor="Keba", model="P30").matches(Boot("1.6", "Keba AG", model)) is matches
    assert make(vendor="Keba").matches(Boot("1.6", "Keba AG", model))


@pytest.mark.parametrize(
    ("firmware", "since", "before", "matches"),
    [
        ("343", "300", None, True),
        ("300", "300", None, True),
        ("299", "300", None, False),
        ("1.10.2", "1.9", None, True),
        ("V1.8.21-rc2", "1.9", None, False),
        ("1.9.0", "1.9", "2", True),
        ("2.0", "1.9", "2", False),
        ("2", None, "2", False),
        # What cannot be compared is in no range.
        ("beta", "300", None, False),
        (None, "300", None, False),
        (None, None, None, True),
    ],
)
def test_a_firmware_is_compared_by_its_numbers(
    firmware: str | None, since: str | None, before: str | None, matches: bool
) -> None:
    pattern = make(vendor="Easee", firmware_from=since, firmware_before=before)
    assert pattern.matches(Boot("1.6", "Easee", None, firmware)) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        {"vendor": ""},
        {"vendor": "- _"},
        {"vendor": "x" * 51},
        {"vendor": "Easee", "model": " "},
        {"vendor": "Easee", "firmware_from": "three"},
        {"vendor": "Easee", "firmware_before": "v3"},
        {"vendor": "Easee", "confidence": Confidence.NONE},
    ],
)
def test_a_pattern_that_says_nothing_cannot_be_built(pattern: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Make(**{"confidence": Confidence.DUMP, **pattern})
