"""Normalisation and pseudonyms, for any identifier (rules 17, 26)."""

from __future__ import annotations

import base64
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import IdentifierError
from models.identifier_forms import (
    FORMS,
    IDENTIFIER_MAX_CHARS,
    check_digit,
    check_digit_fits,
)
from models.identifiers import (
    CANDIDATES_MAX,
    FREE_TYPES_MAX,
    Candidate,
    KeyEpoch,
    Pseudonymiser,
    SiteForms,
    candidates,
    canonical_form,
    display_form,
    normalise,
)

OLD, NEW = KeyEpoch("k1", b"1" * 32), KeyEpoch("k2", b"2" * 32)
HEX = "0123456789abcdefABCDEF"
ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

types = st.sampled_from(sorted(FORMS))
# What OCPP allows in an identifierString, and what it does not.
written = st.one_of(
    st.text(ALPHANUMERIC + ALPHANUMERIC.lower() + "*-_=:+|@. ", max_size=IDENTIFIER_MAX_CHARS + 4),
    st.text(HEX, max_size=22),
    st.text(max_size=40),
)


def _hex_of(*bytes_counts: int) -> st.SearchStrategy[str]:
    return st.sampled_from(bytes_counts).flatmap(
        lambda count: st.text(HEX, min_size=2 * count, max_size=2 * count)
    )


uids = _hex_of(4, 7, 10)
macs = _hex_of(6)
emaids = st.builds(
    "{}{}{}".format,
    st.text(ALPHANUMERIC[10:], min_size=2, max_size=2),
    st.text(ALPHANUMERIC, min_size=3, max_size=3),
    st.one_of(
        st.text(ALPHANUMERIC, min_size=9, max_size=9), st.text(ALPHANUMERIC, min_size=6, max_size=6)
    ),
)
separators = st.sampled_from(["", ":", "-", " ", "."])


def _canonical(identifier_type: str, raw: str) -> str | None:
    """None where the type does not permit the form."""
    canonical = canonical_form(identifier_type, raw)
    if canonical is None:
        with pytest.raises(IdentifierError):
            normalise(identifier_type, raw)
    else:
        assert normalise(identifier_type, raw) == canonical
    return canonical


def _spelled(text: str, separator: str, *, every: int, upper: bool) -> str:
    groups = [text[start : start + every] for start in range(0, len(text), every)]
    spelled = separator.join(groups)
    return spelled.upper() if upper else spelled.lower()


@given(types, written)
def test_normalising_twice_changes_nothing(identifier_type: str, raw: str) -> None:
    canonical = _canonical(identifier_type, raw)
    assert canonical is None or normalise(identifier_type, canonical) == canonical


@given(types, written)
def test_case_and_outer_blanks_never_matter(identifier_type: str, raw: str) -> None:
    if raw.isascii():
        readings = {
            _canonical(identifier_type, spelled)
            for spelled in (raw.upper(), raw.lower(), f" {raw.swapcase()} ")
        }
        assert len(readings) == 1


@given(uids, separators, st.booleans(), st.sampled_from(["", "0x", "0X"]))
def test_separators_of_a_card_number_never_matter(
    uid: str, separator: str, upper: bool, prefix: str
) -> None:
    spelled = prefix + _spelled(uid, separator, every=2, upper=upper)
    assert normalise("ISO14443", spelled) == uid.upper()


@given(macs, separators, st.booleans(), st.sampled_from(["", "VID:", "vid:"]))
def test_the_spelling_of_a_vehicles_address_never_matters(
    mac: str, separator: str, upper: bool, prefix: str
) -> None:
    """Autocharge presents `VID:` and the address, other firmware the address alone."""
    spelled = prefix + _spelled(mac, separator, every=2, upper=upper)
    assert normalise("MacAddress", spelled) == mac.upper()


@given(emaids, st.sampled_from(["", "-", "*"]), st.booleans(), st.text(ALPHANUMERIC, max_size=1))
def test_separators_and_check_digit_of_a_contract_never_matter(
    emaid: str, separator: str, upper: bool, check_digit: str
) -> None:
    """ISO 15118 writes DE-8AA-C12345678-9, DIN SPEC 91286 DE*8AA*123456*7, and many neither."""
    parts = [emaid[:2], emaid[2:5], emaid[5:], *check_digit]
    spelled = separator.join(parts)
    assert normalise("eMAID", spelled.upper() if upper else spelled.lower()) == emaid


@given(written, st.one_of(st.none(), types, st.just("NoAuthorization"), st.text(max_size=12)))
def test_candidates_are_every_reading_the_stated_type_first(raw: str, stated: str | None) -> None:
    """Rule 17: each is what the loader makes of the same text under that type."""
    found = candidates(raw, stated)
    kinds = [candidate.identifier_type for candidate in found]
    assert len(set(kinds)) == len(kinds)
    for identifier_type in FORMS:
        canonical = _canonical(identifier_type, raw)
        if canonical is None:
            assert identifier_type not in kinds
        else:
            assert Candidate(identifier_type, canonical) in found
    if stated in kinds:
        assert kinds[0] == stated
        kinds.remove(stated)
    assert kinds == [kind for kind in FORMS if kind in kinds]


vins = st.text("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", min_size=17, max_size=17)
site_forms = st.builds(
    SiteForms,
    st.lists(
        st.sampled_from([f"TYPE{number}" for number in range(FREE_TYPES_MAX)]), unique=True
    ).map(tuple),
    st.booleans(),
)


@given(st.binary(min_size=6, max_size=6), st.sampled_from(["", "VID:", "vid:"]), st.booleans())
def test_base32_and_padding_are_spellings_of_a_vehicles_address(
    address: bytes, prefix: str, padded: bool
) -> None:
    """Alfen presents Base32; DIN SPEC 70121 gives the address eight bytes."""
    canonical = address.hex().upper()
    base32 = base64.b32encode(address).decode()
    for spelled in (base32 if padded else base32.rstrip("="), f"0000{canonical}"):
        for identifier_type in ("MacAddress", "EVCCID"):
            assert normalise(identifier_type, prefix + spelled) == canonical
            assert normalise(identifier_type, prefix + spelled.lower()) == canonical


@given(st.one_of(macs, _hex_of(7, 9, 10, 16, 20, 127)), separators, st.booleans())
def test_the_spelling_of_an_evccid_never_matters(evccid: str, separator: str, upper: bool) -> None:
    spelled = _spelled(evccid, separator, every=2, upper=upper)
    if len(spelled) <= IDENTIFIER_MAX_CHARS:
        assert normalise("EVCCID", spelled) == evccid.upper()


@given(vins, st.sampled_from(["", "-", " "]), st.booleans(), st.sampled_from("IOQioq"))
def test_the_spelling_of_a_vehicles_number_never_matters(
    vin: str, separator: str, upper: bool, never: str
) -> None:
    """ISO 3779."""
    spelled = _spelled(vin, separator, every=3, upper=upper)
    assert normalise("VIN", spelled) == vin
    assert _canonical("VIN", never + spelled[1:]) is None


@given(emaids)
def test_one_character_that_is_mistyped_is_noticed(emaid: str) -> None:
    """ISO 15118-1 annex H; so is a pair of neighbours that changed places."""
    if len(emaid) != 14:
        return
    right = emaid + check_digit(emaid)
    assert check_digit_fits(right) is True
    for place in range(5, 14):
        other = right[:place] + ("A" if right[place] != "A" else "B") + right[place + 1 :]
        assert check_digit_fits(other) is False
        if right[place] != right[place + 1]:
            swapped = right[:place] + right[place + 1] + right[place] + right[place + 2 :]
            assert check_digit_fits(swapped) is False


@given(written, st.one_of(st.none(), types, st.text(max_size=20)), site_forms)
def test_candidates_are_bounded_and_each_is_itself(
    raw: str, stated: str | None, forms: SiteForms
) -> None:
    found = candidates(raw, stated, forms)
    assert len(found) <= CANDIDATES_MAX
    assert len(set(found)) == len(found)
    assert all(normalise(kind, canonical, forms) == canonical for kind, canonical in found)


@given(uids)
def test_a_card_meets_itself_from_its_other_end(uid: str) -> None:
    """Rule 17, where the site says so; what was read comes before what may have been meant."""
    from_other_end = bytes.fromhex(uid)[::-1].hex()
    either = SiteForms(either_byte_order=True)
    listed = Candidate("ISO14443", normalise("ISO14443", uid))
    assert listed in candidates(from_other_end, None, either)
    assert candidates(uid, None, either)[0] == listed
    if from_other_end != uid.lower():
        assert listed not in candidates(from_other_end, None)


@given(written)
def test_no_two_types_meet(raw: str) -> None:
    """Rule 26: the type is part of what is signed."""
    pseudonymiser = Pseudonymiser((OLD,), "default")
    found = [pseudonymiser.current(candidate) for candidate in candidates(raw, None)]
    assert len(set(found)) == len(found)


@given(types, st.text(ALPHANUMERIC, min_size=1, max_size=36), st.text(ALPHANUMERIC, max_size=36))
def test_no_two_identifiers_tenants_or_epochs_meet(kind: str, one: str, other: str) -> None:
    """Rule 26, and what separates the parts of a pseudonym's message."""
    makers = [
        Pseudonymiser((epoch,), tenant)
        for epoch, tenant in itertools.product((OLD, NEW), ("default", "other"))
    ]
    made = {maker.current(Candidate(kind, text)) for maker in makers for text in {one, other}}
    assert len(made) == len(makers) * len({one, other})


@given(types, st.text(ALPHANUMERIC, min_size=1, max_size=36))
def test_after_a_rotation_the_old_pseudonym_still_meets(kind: str, canonical: str) -> None:
    """Rule 26: all epochs are looked up, the newest is written."""
    candidate = Candidate(kind, canonical)
    before = Pseudonymiser((OLD,), "default")
    after = Pseudonymiser((NEW, OLD), "default")
    assert after.all(candidate) == (after.current(candidate), before.current(candidate))
    assert after.current(candidate).startswith("k2:")


@given(types, st.text(ALPHANUMERIC, min_size=1, max_size=36))
def test_a_pseudonym_has_128_bits_and_nothing_of_the_identifier(kind: str, canonical: str) -> None:
    pseudonym = Pseudonymiser((OLD,), "default").current(Candidate(kind, canonical))
    kid, _, digits = pseudonym.partition(":")
    assert kid == "k1"
    assert len(digits) * 4 >= 128
    assert len(canonical) < 6 or canonical.lower() not in digits


@given(types, written)
def test_a_display_form_shows_less_than_half(identifier_type: str, raw: str) -> None:
    """Rule 26: type and last 3 characters; eMAID country, provider and last 2."""
    canonical = _canonical(identifier_type, raw)
    if canonical is None:
        return
    shown = display_form(Candidate(identifier_type, canonical))
    if identifier_type == "eMAID":
        assert shown == f"eMAID {canonical[:2]}/{canonical[2:5]}…{canonical[-2:]}"
    elif len(canonical) > 6:
        assert shown == f"{identifier_type} …{canonical[-3:]}"
    else:
        assert shown == f"{identifier_type} …"


@given(st.text(st.characters(categories=["L", "N", "P"], exclude_characters="|"), min_size=1))
def test_a_tenant_is_any_name_without_a_bar(tenant: str) -> None:
    candidate = Candidate("Local", "CARD")
    assert Pseudonymiser((OLD,), tenant).current(candidate)


@pytest.mark.parametrize("raw", ["", "   ", "\t", "café", "a\nb", "A" * 256, "\x00", "٠٤"])
def test_an_empty_or_malformed_identifier_is_unreadable(raw: str) -> None:
    """Rule 17."""
    assert candidates(raw, "ISO14443") == ()
