"""While a source is brought under a new key epoch its rows stand twice, and count once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from models.attempt import PseudonymousCandidate, Token, TokenKind
from models.facts import records_of
from models.identifiers import Candidate, KeyEpoch, Pseudonymiser
from models.ids import Pseudonym, SiteId
from models.site import IdentityClass, IdentityRecord, IdentityState
from tests.models.samples import ATTEMPT

K1, K2 = KeyEpoch("k1", b"1" * 32), KeyEpoch("k2", b"2" * 32)
CARD = Candidate("ISO14443", "04A1B2C3")
BEFORE, BOTH = Pseudonymiser((K1,), "default"), Pseudonymiser((K2, K1), "default")


class View:
    """Records, looked up as the rules look them up."""

    def __init__(self, *records: IdentityRecord) -> None:
        self._records = records

    def identities(self, pseudonym: Pseudonym, site_id: SiteId) -> tuple[IdentityRecord, ...]:
        return tuple(record for record in self._records if record.pseudonym == pseudonym)


def record(pseudonymiser: Pseudonymiser, **other: Any) -> IdentityRecord:
    fields: dict[str, Any] = {
        "source": "folder",
        "site_id": SiteId("depot"),
        "pseudonym": pseudonymiser.current(CARD),
        "identifier_type": "ISO14443",
        "display": "ISO14443 …2C3",
        "identity_class": IdentityClass.OWN_FLEET,
        "reference": "bus-17",
        "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return IdentityRecord(**{**fields, **other})


def matched(*records: IdentityRecord) -> list[tuple[str, str]]:
    reading = PseudonymousCandidate(identifier_type="ISO14443", pseudonyms=BOTH.all(CARD))
    token = Token(kind=TokenKind.IDENTIFIED, display="", candidates=(reading,))
    attempt = ATTEMPT.model_copy(update={"token": token})
    found = records_of(attempt, View(*records))  # type: ignore[arg-type]  # looked up only
    return [(match.reference, match.pseudonym[:2]) for match in found]


def test_a_row_matches_before_while_and_after_it_is_brought_under_the_new_epoch() -> None:
    old, new = record(BEFORE), record(BOTH)
    assert matched(old) == [("bus-17", "k1")]
    assert matched(old, new) == [("bus-17", "k2")]
    assert matched(new) == [("bus-17", "k2")]


def test_what_a_row_said_before_does_not_count_beside_what_it_says_now() -> None:
    old, new = record(BEFORE), record(BOTH, state=IdentityState.REVOKED)
    assert matched(old, new) == [("bus-17", "k2")]


def test_other_rows_of_the_card_count_under_whichever_epoch_they_stand() -> None:
    """Each source rotates with its own next load."""
    others = (
        record(BEFORE, reference="courier/1"),
        record(BEFORE, source="agreements", site_id=None),
        record(BEFORE, valid_from=datetime(2027, 1, 1, tzinfo=UTC)),
    )
    assert matched(record(BOTH), *others) == [
        ("bus-17", "k2"),
        ("courier/1", "k1"),
        ("bus-17", "k1"),
        ("bus-17", "k1"),
    ]
