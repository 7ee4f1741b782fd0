"""Which profile goes for a charger, and who says so."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from models.confidence import Confidence
from models.ids import ChargerId, SiteId
from models.makes import Boot, Make
from models.profile_choice import (
    ProfileSource,
    boot_of,
    effective_profile,
    found_profile,
    matching_profiles,
    profiles_of_make,
    reserved_by,
)
from models.profiles import PROFILES, Profile, told_apart
from models.schedule import Mode
from models.site import ChargerRecord
from tests.models.test_modes import row

SMART_EVSE = Boot("1.6", "Stegen Electronics", "SmartEVSE", "v3.7.1")
FINDABLE = {name: profile for name, profile in PROFILES.items() if profile.makes}


def charger(profile: str = "", **fields: Any) -> ChargerRecord:
    """As chargers.csv gives it: without a name it is `standard` until something is found."""
    return ChargerRecord(
        charger_id=ChargerId("C-1"),
        site_id=SiteId("s"),
        security_profile=1,
        profile=profile or "standard",
        profile_named=bool(profile),
        revision="r",
        **fields,
    )


@pytest.mark.parametrize(
    ("named", "boot", "profile"),
    [
        ("", SMART_EVSE, ("microocpp", "found")),
        ("", None, ("standard", "assumed")),
        ("", Boot("1.6", "Acme", "One", "1"), ("standard", "assumed")),
        # A person may know better, and may refuse what would be found.
        ("easee", SMART_EVSE, ("easee", "named")),
        ("standard", SMART_EVSE, ("standard", "named")),
        ("unknown", SMART_EVSE, ("unknown", "named")),
        ("easee", None, ("easee", "named")),
        # OCPP 2.x has a variable of its own: the row is not asked for there.
        ("", SMART_EVSE._replace(ocpp="2.0.1"), ("standard", "assumed")),
        ("", SMART_EVSE._replace(ocpp="2.1"), ("standard", "assumed")),
        ("", SMART_EVSE._replace(ocpp=None), ("standard", "assumed")),
        # Two rows match: nobody can tell from here which is right.
        ("", Boot("1.6", "Hager Bender", "Witty", "1"), ("standard", "assumed")),
    ],
)
def test_a_profile_is_named_found_or_assumed(
    named: str, boot: Boot | None, profile: tuple[str, str]
) -> None:
    assert effective_profile(charger(named), boot) == profile


def test_a_record_from_before_the_question_keeps_its_profile() -> None:
    told = charger("").model_dump(mode="json", exclude={"profile_named"})
    old = ChargerRecord.model_validate(told, strict=False)
    assert effective_profile(old, SMART_EVSE) == ("standard", ProfileSource.NAMED)


def test_another_firmware_may_be_another_profile() -> None:
    older, newer = (Boot("1.6", "Easee ASA", "Easee One", number) for number in ("299", "343"))
    assert effective_profile(charger(), older).source is ProfileSource.ASSUMED
    assert effective_profile(charger(), newer) == ("easee", "found")


def test_a_row_keeps_the_boot_over_connections_without_one() -> None:
    booted = row(vendor=SMART_EVSE.vendor, model=SMART_EVSE.model, booted_over="1.6")
    assert found_profile(boot_of(booted) or SMART_EVSE) == "microocpp"
    away = booted.model_copy(update={"connection": None})
    assert boot_of(away) == boot_of(booted)
    assert boot_of(row()) is None


def test_a_boot_that_two_rows_match_is_told_with_both() -> None:
    assert matching_profiles(Boot("1.6", "Hager Bender", "", "1")) == ("bender", "hager")


@pytest.mark.parametrize("name", FINDABLE)
def test_every_row_that_can_be_found_is_found_by_each_of_its_makes(name: str) -> None:
    for make in FINDABLE[name].makes:
        assert found_profile(make.example()) == name


def test_nothing_is_found_whose_keys_nobody_has_verified() -> None:
    """A wrong row must not open what should be managed: there has to be a key, and a source."""
    for profile in FINDABLE.values():
        assert profile.mode_key is not None
        assert profile.confidence not in {Confidence.UNVERIFIED, Confidence.NONE}
    makes = (Make(vendor="Acme", confidence=Confidence.DUMP),)
    keys = {"ocpp": "1.6", "mode_key": "Free", "freevend": "1", "managed": "0"}
    for about in ({"confidence": Confidence.DUMP}, {**keys, "confidence": Confidence.UNVERIFIED}):
        with pytest.raises(ValidationError, match="makes"):
            Profile(name="acme", vendor="Acme", makes=makes, **about)


def test_no_key_of_two_rows_means_managed_in_one_and_freevend_in_the_other() -> None:
    """So that a charger that was taken for another make with the same key is not opened by it."""
    for one in FINDABLE.values():
        for other in FINDABLE.values():
            keys = {each.mode_key.casefold() for each in one.spellings}
            shared = keys & {each.mode_key.casefold() for each in other.spellings}
            if shared:
                assert other.mode(one.value(Mode.MANAGED, None)) is not Mode.FREEVEND, shared


def test_two_rows_with_one_make_are_no_table() -> None:
    make = Make(vendor="Easee", model="One", confidence=Confidence.DUMP)
    rows = dict(PROFILES)
    rows["zaptec"] = rows["zaptec"].model_copy(update={"makes": (make,)})
    with pytest.raises(ValueError, match="that no other row has"):
        told_apart(rows | {"easee": rows["easee"].model_copy(update={"makes": (make,)})})


def test_rule_17_whatever_may_be_found_is_reserved_before_it_is() -> None:
    findable = {"A0000000", "NoAuthorization", "VestelFreeMode", "DEPOTGATEFREEVEND", "FFFFFFFF"}
    assert set(reserved_by(charger())) == findable
    assert set(reserved_by(charger(ocpp="1.6"))) == findable
    assert set(reserved_by(charger(), "1.6")) == findable
    assert reserved_by(charger("microocpp")) == ("A0000000",)
    assert reserved_by(charger("standard")) == ()
    # Nothing is found there.
    assert reserved_by(charger(ocpp="2.0.1")) == ()
    assert reserved_by(charger(), "2.1") == ()


@pytest.mark.parametrize(
    ("vendor", "hinted"),
    [
        ("Zaptec", ("zaptec",)),
        ("KEBA AG", ("keba",)),
        ("i-charging, Lda.", ("i-charging",)),
        ("Standard Unknown", ()),
        ("", ()),
    ],
)
def test_the_vendor_of_a_boot_hints_at_a_profile(vendor: str, hinted: tuple[str, ...]) -> None:
    assert profiles_of_make(vendor) == hinted
