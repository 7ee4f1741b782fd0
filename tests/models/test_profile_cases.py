"""Each profile by a YAML file of its own in profiles/: what is sent, and what answers mean.

The file is written from the maker's source and not from models/profiles.toml, so that a slip in one
of them is found by the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.makes import Boot
from models.probing import questions
from models.profile_choice import found_profile
from models.profiles import PROFILES, WireCall, read_back_mode, reserved_tags, switch_calls
from models.reasons import OcppVersion
from models.schedule import Mode
from tests.yaml_files import read_yaml

FOLDER = Path(__file__).parent / "profiles"
CASES: dict[str, dict[str, Any]] = {
    path.stem: read_yaml(path) for path in sorted(FOLDER.glob("*.yaml"))
}


def test_every_profile_has_a_case_and_every_case_a_profile() -> None:
    assert set(CASES) == set(PROFILES)


def _set(ocpp: OcppVersion, call: WireCall) -> dict[str, str]:
    if ocpp == "1.6":
        return {"key": call.payload["key"], "value": call.payload["value"]}
    (row,) = call.payload["setVariableData"]
    key = f"{row['component']['name']}.{row['variable']['name']}"
    return {"key": key, "value": row["attributeValue"]}


@pytest.mark.parametrize("name", CASES)
def test_a_profile_sends_what_its_case_says(name: str) -> None:
    case, profile = CASES[name], PROFILES[name]
    for mode in Mode:
        calls = switch_calls(case["ocpp"], profile, mode)
        setting = [_set(case["ocpp"], call) for call in calls if call.purpose == "set"]
        assert setting == ([case[mode]] if case[mode] else [])
    assert list(reserved_tags(profile)) == case["reserved"]
    asked = {question.about: question.names for question in questions(case["ocpp"], profile)}
    assert asked.get("tag_key", (None,))[0] == case["tag_key"]


@pytest.mark.parametrize("name", CASES)
def test_a_profile_reads_what_its_case_says(name: str) -> None:
    case, profile = CASES[name], PROFILES[name]
    for read in case["reads"]:
        key = case["freevend"]["key"]
        assert read_back_mode(case["ocpp"], profile, _answer(key, read["value"])) == read["mode"]
    assert bool(case["reads"]) == bool(case["freevend"])


@pytest.mark.parametrize("name", CASES)
def test_a_profile_is_found_by_the_boots_of_its_case_and_by_no_others(name: str) -> None:
    case, profile = CASES[name], PROFILES[name]
    found, others = (
        [Boot("1.6", told["vendor"], told.get("model"), told.get("firmware")) for told in boots]
        for boots in (case.get("found", []), case.get("not_found", []))
    )
    assert bool(found) == bool(profile.makes)
    assert others or not profile.makes, "a pattern is for what it leaves out too"
    assert [found_profile(boot) for boot in found] == [name] * len(found)
    assert [found_profile(boot) for boot in others] == [None] * len(others)


def _answer(key: str, value: str) -> dict[str, Any]:
    """What a charger of either version answers to a read-back."""
    component, _, variable = key.partition(".")
    row = {"component": {"name": component}, "variable": {"name": variable}}
    return {
        "configurationKey": [{"key": key, "readonly": False, "value": value}],
        "getVariableResult": [row | {"attributeStatus": "Accepted", "attributeValue": value}],
    }
