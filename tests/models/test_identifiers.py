"""Identifiers, example by example: forms, candidates, keys and credentials (rules 17, 26)."""

from __future__ import annotations

import hmac

import pytest

from models.errors import IdentifierError, PseudonymKeyError
from models.identifier_forms import check_digit, check_digit_fits
from models.identifiers import (
    Candidate,
    KeyEpoch,
    Pseudonymiser,
    candidates,
    canonical_form,
    display_form,
    free_type,
    normalise,
)

ANY_TEXT = ("KeyCode", "Local", "Central", "DirectPayment", "NEMA")
K1, K2 = KeyEpoch("k1", b"1" * 32), KeyEpoch("k2", b"2" * 32)


@pytest.mark.parametrize(
    ("identifier_type", "raw", "canonical"),
    [
        ("ISO14443", "04:a1:b2:c3", "04A1B2C3"),
        ("ISO14443", "0x04A1B2C3D4E5F6", "04A1B2C3D4E5F6"),
        ("ISO15693", "e0 04 01 00 12 34 56 78", "E004010012345678"),
        ("MacAddress", "VID:00:1A:2B:3C:4D:5E", "001A2B3C4D5E"),
        ("MacAddress", "001a.2b3c.4d5e", "001A2B3C4D5E"),
        ("eMAID", "DE-8AA-C12345678-9", "DE8AAC12345678"),
        ("eMAID", "DE*8AA*123456*7", "DE8AA123456"),
        ("MacAddress", "0000a453ee033156", "A453EE033156"),
        ("MacAddress", "AANCWPCNLY", "001A2B3C4D5E"),
        ("MacAddress", "vid:aancwpcnly======", "001A2B3C4D5E"),
        ("EVCCID", "00:1A:2B:3C:4D:5E", "001A2B3C4D5E"),
        ("EVCCID", "0000001A2B3C4D5E", "001A2B3C4D5E"),
        ("EVCCID", "001a2b3c4d5e6f708192", "001A2B3C4D5E6F708192"),
        ("VIN", "wvw-zzz-1kz 8W123456", "WVWZZZ1KZ8W123456"),
        ("DirectPayment", "t-1/7", "T-1/7"),
        ("NEMA", "n1", "N1"),
        ("Local", " Visitor-1 ", "VISITOR-1"),
        ("KeyCode", "1234", "1234"),
        ("Central", "a|b", "A|B"),
    ],
)
def test_a_canonical_form(identifier_type: str, raw: str, canonical: str) -> None:
    assert normalise(identifier_type, raw) == canonical


@pytest.mark.parametrize(
    ("identifier_type", "raw"),
    [
        ("ISO14443", "04A1B2C"),  # no whole bytes
        ("ISO14443", "04A1B2C3D4"),  # 5 bytes: no UID has them
        ("ISO15693", "04A1B2C3"),
        ("MacAddress", "00:1A:2B:3C:4D"),
        ("eMAID", "DE8AAC1234567"),
        ("eMAID", "D08AAC12345678"),  # no country
        ("MacAddress", "AANCWPCNLZ"),  # bits beyond the sixth byte
        ("MacAddress", "0001A453EE033156"),  # eight bytes that pad nothing
        ("EVCCID", "001A2B3C4D"),
        ("EVCCID", "001A2B3C4D5E6"),
        ("VIN", "WVWZZZ1KZ8W12345"),
        ("VIN", "WVWZZZ1KZ8W12345O"),  # O is no letter of a VIN
        ("NoAuthorization", "04A1B2C3"),
        ("FLEETCARD", "04A1B2C3"),  # no site names it
        ("Local", ""),
    ],
)
def test_a_form_that_the_type_does_not_permit_is_refused_without_repeating_it(
    identifier_type: str, raw: str
) -> None:
    with pytest.raises(IdentifierError) as refused:
        normalise(identifier_type, raw)
    assert not raw or raw not in str(refused.value)
    assert canonical_form(identifier_type, raw) is None


def test_a_1_6_tag_is_read_as_a_card_first() -> None:
    """Rule 17: every type that its form permits, ISO14443 first."""
    kinds = [candidate.identifier_type for candidate in candidates("04A1B2C3", None)]
    assert kinds == ["ISO14443", *ANY_TEXT]


def test_a_stated_type_comes_first_even_where_it_is_wrong() -> None:
    """Rule 17: and it does not hide the right one."""
    kinds = [candidate.identifier_type for candidate in candidates("04A1B2C3", "Central")]
    assert kinds == ["Central", "ISO14443", "KeyCode", "Local", "DirectPayment", "NEMA"]


@pytest.mark.parametrize(
    ("candidate", "shown"),
    [
        (Candidate("ISO14443", "04A1B2C3D4E5F6"), "ISO14443 …5F6"),
        (Candidate("eMAID", "DE8AAC12345678"), "eMAID DE/8AA…78"),
        (Candidate("EVCCID", "001A2B3C4D5E"), "EVCCID …D5E"),
        (Candidate("VIN", "WVWZZZ1KZ8W123456"), "VIN …456"),
        (Candidate("KeyCode", "1234"), "KeyCode …"),
    ],
)
def test_a_display_form(candidate: Candidate, shown: str) -> None:
    """Rule 26; a code so short that three characters would give it away shows none."""
    assert display_form(candidate) == shown


@pytest.mark.parametrize(
    ("epochs", "tenant", "said"),
    [
        ((), "default", "names no epoch"),
        ((KeyEpoch("k1", b"short"),), "default", "fewer than 32 bytes"),
        ((K1, KeyEpoch("k1", b"3" * 32)), "default", "the same kid"),
        ((K1,), "", "expected a printable tenant"),
        ((K1,), "\udcff", "expected a printable tenant"),
        ((K1,), "default|Local", "expected a printable tenant"),
    ],
)
def test_a_key_file_that_would_weaken_pseudonyms_is_refused(
    epochs: tuple[KeyEpoch, ...], tenant: str, said: str
) -> None:
    """Rule 26: a missing key refuses to start."""
    with pytest.raises(PseudonymKeyError, match=said):
        Pseudonymiser(epochs, tenant)


def test_a_pseudonym_is_the_hmac_of_its_tenant_type_and_form() -> None:
    """Rule 26; one key's second pseudonym owes nothing to its first."""
    key = bytes(range(1, 33))
    maker = Pseudonymiser((KeyEpoch("k1", key),), "default")
    for candidate in candidates("04A1B2C3", "ISO14443"):
        message = f"default|{candidate.identifier_type}|{candidate.canonical}".encode()
        digits = hmac.new(key, message, "sha256").hexdigest()
        assert maker.current(candidate) == f"k1:{digits[:32]}"
        assert maker.all(candidate) == (maker.current(candidate),)


def test_a_credential_is_verified_under_any_epoch_and_for_its_own_charger_only() -> None:
    verifier = Pseudonymiser((K1,), "default").credential_verifier("ND-001", "correct horse")
    rotated = Pseudonymiser((K2, K1), "default")
    assert rotated.verify_credential("ND-001", "correct horse", verifier)
    assert not rotated.verify_credential("ND-002", "correct horse", verifier)
    assert not rotated.verify_credential("ND-001", "correct horsf", verifier)
    assert not Pseudonymiser((K2,), "default").verify_credential(
        "ND-001", "correct horse", verifier
    )


def test_a_verifier_that_nobody_could_have_made_verifies_nothing() -> None:
    """Also one that is no ASCII text: it must refuse, not fail."""
    maker = Pseudonymiser((K1,), "default")
    assert not maker.verify_credential("ND-001", "password", "hash:hmac-sha256:k1:ü")


@pytest.mark.parametrize(
    ("contract", "digit"),
    [
        ("NN123ABCDEFGHI", "T"),
        ("FRXYZ123456789", "2"),
        ("ITA1B2C3E4F5G6", "4"),
        ("ESZU8WOX834H1D", "R"),
        ("PT73902837ABCZ", "Z"),
        ("DE83DUIEN83QGZ", "D"),
        ("DE83DUIEN83ZGQ", "M"),
        ("DE8AA001234567", "0"),
    ],
)
def test_the_check_digit_of_a_contract(contract: str, digit: str) -> None:
    """The examples that are published with the method (eMI3, ISO 15118-1 annex H)."""
    assert check_digit(contract) == digit


@pytest.mark.parametrize(
    ("written", "fits"),
    [
        ("DE-8AA-C12345678-D", True),
        ("de8aac12345678d", True),
        ("DE-8AA-C12345678-9", False),
        ("DE-8AA-C12345687-D", False),  # two digits changed places
        ("DE-8AA-C12345678", None),
        ("DE*8AA*123456*7", None),  # DIN SPEC 91286: another check digit
        ("04A1B2C3", None),
    ],
)
def test_a_contract_with_a_wrong_check_digit_is_told(written: str, fits: bool | None) -> None:
    assert check_digit_fits(written) is fits


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("FleetCard", "FLEETCARD"),
        ("iso14443", None),  # one of OCPP's, spelled otherwise
        ("noauthorization", None),
        ("", None),
        ("A" * 21, None),
        ("fleet|card", None),  # the bar parts what is signed
    ],
)
def test_a_free_type_is_a_name_that_ocpp_does_not_have(name: str, read: str | None) -> None:
    assert free_type(name) == read
