"""From a token as it was presented to one that may leave the gateway (rules 17, 26)."""

from __future__ import annotations

import pytest

from connectors.ocpp.table import PresentedToken
from connectors.ocpp.tokens import FREEVEND_TOKEN, UNREADABLE_TOKEN, reserved_for, token_of
from models.attempt import Token, TokenKind
from models.identifiers import AS_OCPP_SAYS, Candidate, SiteForms
from models.site import CardByteOrder
from tests.connectors.ocpp.chargers import PSEUDONYMISER, site_record

CARD = "04a1b2c3"
ANY_TEXT = ("KeyCode", "Local", "Central", "DirectPayment", "NEMA")
NONE_RESERVED: frozenset[str] = frozenset()


def read(
    id_token: str,
    stated_type: str | None = None,
    reserved: frozenset[str] = NONE_RESERVED,
    forms: SiteForms = AS_OCPP_SAYS,
) -> Token:
    return token_of(PresentedToken(id_token, stated_type), reserved, PSEUDONYMISER, forms)


def types(token: Token) -> list[str]:
    return [candidate.identifier_type for candidate in token.candidates]


@pytest.mark.parametrize("id_token", ["", "   ", CARD, "x" * 36, "\x00", "ü"])
def test_rule_17_no_authorization_is_the_freevend_tag_whatever_its_token(id_token: str) -> None:
    assert read(id_token, "NoAuthorization") == FREEVEND_TOKEN


@pytest.mark.parametrize("id_token", ["", "   ", "x" * 256, "04a1\x00", "kärtchen", "\u2003"])
@pytest.mark.parametrize("stated_type", [None, "ISO14443", "Central", "noauthorization"])
def test_rule_17_what_is_empty_or_malformed_is_unreadable(
    id_token: str, stated_type: str | None
) -> None:
    assert read(id_token, stated_type) == UNREADABLE_TOKEN


@pytest.mark.parametrize("id_token", ["DepotFree", "depotfree", "DEPOTFREE", " DepotFree "])
@pytest.mark.parametrize("stated_type", [None, "Local", "ISO14443"])
def test_rule_17_a_reserved_tag_is_the_freevend_tag_in_any_case(
    id_token: str, stated_type: str | None
) -> None:
    reserved = reserved_for(site_record(freevend_tag="DepotFREE"), (), None)
    assert read(id_token, stated_type, reserved) == FREEVEND_TOKEN


def test_rule_17_site_profile_and_read_back_tag_are_reserved() -> None:
    site = site_record(freevend_tag="DepotFree")
    assert reserved_for(site, ("NoAuthorization",), "OwnTag") == {
        "depotfree",
        "noauthorization",
        "owntag",
    }


def test_rule_17_a_blank_tag_reserves_nothing() -> None:
    assert reserved_for(None, (), None) == NONE_RESERVED
    assert reserved_for(site_record(), (), "") == NONE_RESERVED


def test_rule_17_the_tag_of_another_charger_is_not_reserved_here() -> None:
    assert read("A0000000", None, reserved_for(None, (), None)).kind == TokenKind.IDENTIFIED
    assert read("A0000000", None, reserved_for(None, ("A0000000",), None)) == FREEVEND_TOKEN


def test_rule_17_every_type_that_a_tags_form_permits_is_a_candidate() -> None:
    assert types(read(CARD)) == ["ISO14443", *ANY_TEXT]
    assert types(read("VID:A0B1C2D3E4F5"))[0] == "MacAddress"
    assert types(read("DE-8XY-123456")) == ["eMAID", *ANY_TEXT]
    assert types(read("hello")) == [*ANY_TEXT]


@pytest.mark.parametrize("stated_type", ["Central", "Local", "ISO14443"])
def test_rule_17_the_stated_type_comes_first_and_a_wrong_one_hides_nothing(
    stated_type: str,
) -> None:
    token = read(CARD, stated_type)
    assert types(token)[0] == stated_type
    assert set(types(token)) == set(types(read(CARD)))


def test_rule_17_a_type_that_the_form_forbids_is_no_candidate() -> None:
    assert "eMAID" not in types(read(CARD, "eMAID"))


def test_rule_26_only_pseudonyms_and_the_display_form_leave() -> None:
    token = read(CARD)
    assert token.display == "ISO14443 …2C3"
    assert CARD.upper() not in token.model_dump_json().upper()
    card = Candidate("ISO14443", "04A1B2C3")
    assert token.candidates[0].pseudonyms == PSEUDONYMISER.all(card)
    assert [pseudonym.partition(":")[0] for pseudonym in token.candidates[0].pseudonyms] == [
        "k2",
        "k1",
    ]


@pytest.mark.parametrize("written", ["04a1b2c3", "04:A1:B2:C3", "04 a1 b2 c3", "0x04A1B2C3"])
def test_rule_17_one_card_has_one_pseudonym_however_it_is_written(written: str) -> None:
    assert read(written, "ISO14443").pseudonym == read(CARD).pseudonym
    assert read(CARD).pseudonym is not None


def test_rule_17_a_reserved_card_number_is_the_tag_however_its_bytes_are_set_apart() -> None:
    reserved = reserved_for(site_record(freevend_tag="A0000001"), (), None)
    assert read("a0:00:00:01", None, reserved) == FREEVEND_TOKEN
    other_end = read("010000A0", None, reserved, SiteForms(either_byte_order=True))
    assert other_end.kind == TokenKind.IDENTIFIED, "the card that is the tag from its other end"


def test_rule_17_a_card_is_looked_up_from_its_other_end_only_where_the_site_says_so() -> None:
    reversed_card = Candidate("ISO14443", "C3B2A104")
    looked_up = [candidate.pseudonyms for candidate in read(CARD).candidates]
    assert PSEUDONYMISER.all(reversed_card) not in looked_up
    either = read(CARD, forms=site_record(card_byte_order=CardByteOrder.EITHER).forms)
    assert types(either) == ["ISO14443", "ISO14443", *ANY_TEXT]
    assert either.pseudonym == read(CARD).pseudonym
    assert either.candidates[1].pseudonyms == PSEUDONYMISER.all(reversed_card)


@pytest.mark.parametrize("stated_type", ["FleetCard", "FLEETCARD", "fleetcard"])
def test_rule_17_a_free_type_is_a_candidate_where_the_site_names_it(stated_type: str) -> None:
    """OCPP 2.1: type is a free string."""
    assert "FLEETCARD" not in types(read(CARD, stated_type))
    forms = site_record(identifier_types=("FLEETCARD",)).forms
    assert types(read(CARD, stated_type, forms=forms))[0] == "FLEETCARD"
    assert types(read(CARD, None, forms=forms)) == ["ISO14443", *ANY_TEXT, "FLEETCARD"]


def test_rule_26_a_charger_cannot_make_a_number_public_by_stating_it_as_a_type() -> None:
    assert CARD.upper() not in read("hello", CARD).model_dump_json().upper()
