"""From a token as it was presented to one that may leave the gateway (rules 17, 26)."""

from __future__ import annotations

from connectors.ocpp.table import PresentedToken
from models.assisted import ASSISTED_TAG
from models.attempt import PseudonymousCandidate, Token, TokenKind
from models.identifiers import (
    AS_OCPP_SAYS,
    Pseudonymiser,
    SiteForms,
    candidates,
    display_form,
)
from models.site import SiteRecord

_NO_AUTHORIZATION = "NoAuthorization"

FREEVEND_TOKEN = Token(kind=TokenKind.FREEVEND_TAG, display="freevend tag")
_ASSISTED = ASSISTED_TAG.casefold()

ASSISTED_TOKEN = Token(kind=TokenKind.ASSISTED_TAG, display="assisted start")
UNREADABLE_TOKEN = Token(kind=TokenKind.UNREADABLE, display="unreadable")


def reserved_for(
    site: SiteRecord | None, of_profile: tuple[str, ...], read_back_tag: str | None
) -> frozenset[str]:
    """The freevend tags of a charger, casefolded: the site's, its profile's, its own (rule 17).

    Args:
        of_profile: see models/profile_choice.py `reserved_by`.
    """
    tags = (site.freevend_tag if site else None, read_back_tag, *of_profile)
    return frozenset(tag.casefold() for tag in tags if tag)


def token_of(
    presented: PresentedToken,
    reserved: frozenset[str],
    pseudonymiser: Pseudonymiser,
    forms: SiteForms = AS_OCPP_SAYS,
) -> Token:
    """Every reading of the token under every key epoch, and its kind.

    A NoAuthorization token is the freevend tag whatever its idToken, and never unreadable.

    Where a card may have been read from either end (rule 17) both numbers are looked up here, and
    stored once by the loader: a site that changes its mind needs no new load of its cards.
    """
    if presented.stated_type == _NO_AUTHORIZATION:
        return FREEVEND_TOKEN
    as_written = presented.id_token.strip().casefold()
    if as_written in {_ASSISTED, *reserved}:
        return ASSISTED_TOKEN if as_written == _ASSISTED else FREEVEND_TOKEN
    readings = candidates(presented.id_token, presented.stated_type, forms)
    if not readings:
        return UNREADABLE_TOKEN
    # A tag that is a card's number stays the tag however its bytes are set apart; a card that
    # would be the tag only from its other end is a card.
    as_read = (
        candidates(presented.id_token, presented.stated_type)
        if forms.either_byte_order
        else readings
    )
    canonical = {reading.canonical.casefold() for reading in as_read}
    if canonical & {_ASSISTED, *reserved}:
        return ASSISTED_TOKEN if _ASSISTED in canonical else FREEVEND_TOKEN
    # Made here and nowhere else: there is nothing to validate.
    return Token.model_construct(
        kind=TokenKind.IDENTIFIED,
        display=display_form(readings[0]),
        candidates=tuple(
            [
                PseudonymousCandidate.model_construct(
                    identifier_type=reading.identifier_type, pseudonyms=pseudonymiser.all(reading)
                )
                for reading in readings
            ]
        ),
    )
