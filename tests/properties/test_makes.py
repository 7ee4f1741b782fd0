"""No boot means two profiles, whatever a charger calls itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.makes import Boot, Make
from models.profile_choice import found_profile, matching_profiles
from models.profiles import PROFILES

MAKES = tuple((name, make) for name, row in PROFILES.items() for make in row.makes)
NOISE = st.sampled_from(["", "GmbH", "& Co. KG", "EV", "one", "(R)", "charger,", "smart"])
TEXT = st.none() | st.text(max_size=50) | st.sampled_from([make.vendor for _, make in MAKES])


@given(st.sampled_from(MAKES), NOISE, NOISE, st.booleans())
def test_words_around_a_makers_name_and_its_case_change_nothing(
    known: tuple[str, Make], before: str, after: str, upper: bool
) -> None:
    name, make = known
    vendor = f"{before} {make.vendor} {after}"
    boot = make.example()._replace(vendor=vendor.upper() if upper else vendor)
    assert found_profile(boot) == name


@given(st.lists(st.sampled_from(MAKES), min_size=1, max_size=3), TEXT)
def test_a_boot_finds_one_profile_or_none(known: list[tuple[str, Make]], model: str | None) -> None:
    vendor = " ".join(make.vendor for _, make in known)
    models = " ".join(make.model or "" for _, make in known)
    boot = Boot("1.6", vendor, f"{models} {model or ''}", "1000")
    matching = matching_profiles(boot)
    assert found_profile(boot) == (matching[0] if len(matching) == 1 else None)
    assert len(set(matching)) == len(matching)


@given(st.sampled_from(["1.6", "2.0.1", "2.1", "3.0", "", None]), TEXT, TEXT, TEXT)
def test_whatever_a_charger_says_is_read_and_found_over_1_6_only(
    ocpp: str | None, vendor: str | None, model: str | None, firmware: str | None
) -> None:
    found = found_profile(Boot(ocpp, vendor, model, firmware))
    assert found is None or (ocpp == "1.6" and found in PROFILES)
