"""Key epochs: a rotation without a gap, and what still depends on an old one (rule 26)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.attempt import PseudonymousCandidate, Token, TokenKind
from models.epochs import (
    DECISIONS_KEPT,
    READ_WITHIN,
    Uses,
    announced,
    hindrances,
    needed_by_decisions,
    unmatchable,
)
from models.errors import PseudonymKeyError
from models.identifiers import ACTIVE_EPOCHS_MAX, Candidate, KeyEpoch, Pseudonymiser
from models.ids import Pseudonym
from models.topics import DECISIONS

MAY, JUNE, JULY = (datetime(2026, month, 1, tzinfo=UTC) for month in (5, 6, 7))
K1 = KeyEpoch("k1", b"1" * 32, MAY)
K2 = KeyEpoch("k2", b"2" * 32, JUNE)
CARD = Candidate("ISO14443", "04A1B2C3")


def retired(epoch: KeyEpoch) -> KeyEpoch:
    return epoch._replace(retired_at=JULY)


def token(*kids: str) -> Token:
    pseudonyms = tuple(Pseudonym(f"{kid}:{'0' * 32}") for kid in kids)
    reading = PseudonymousCandidate(identifier_type="ISO14443", pseudonyms=pseudonyms)
    return Token(kind=TokenKind.IDENTIFIED, display="", candidates=(reading,))


def test_a_retired_epoch_is_looked_up_for_what_was_decided_and_for_nothing_new() -> None:
    both = Pseudonymiser((K2, K1), "default")
    after = Pseudonymiser((K2, retired(K1)), "default")
    assert (both.kids, after.kids) == (("k2", "k1"), ("k2",))
    assert after.all(CARD) == (after.current(CARD),)
    assert (
        after.earlier(CARD)
        == both.earlier(CARD)
        == (Pseudonymiser((K1,), "default").current(CARD),)
    )


def test_a_credential_of_a_retired_epoch_opens_nothing() -> None:
    verifier = Pseudonymiser((K1,), "default").credential_verifier("CP-1", "password-of-cp-1")
    both = Pseudonymiser((K2, K1), "default")
    assert both.earlier_verifiers("CP-1", "password-of-cp-1") == (verifier,)
    assert both.verify_credential("CP-1", "password-of-cp-1", verifier)
    after = Pseudonymiser((K2, retired(K1)), "default")
    assert not after.verify_credential("CP-1", "password-of-cp-1", verifier)
    assert after.earlier_verifiers("CP-1", "password-of-cp-1") == ()


def test_the_newest_epoch_cannot_be_retired_and_few_are_in_use() -> None:
    with pytest.raises(PseudonymKeyError, match="file is retired"):
        Pseudonymiser((retired(K2), K1), "default")
    many = tuple(KeyEpoch(f"k{n}", bytes([n]) * 32) for n in range(ACTIVE_EPOCHS_MAX + 1))
    with pytest.raises(PseudonymKeyError, match="retire the oldest"):
        Pseudonymiser(many, "default")
    assert Pseudonymiser((*many[:-1], retired(many[-1])), "default").kids[0] == "k0"


def test_a_key_is_never_shown() -> None:
    assert "1111" not in repr(K1) + str((K1,))


@pytest.mark.parametrize(
    ("stored", "kids", "gone"),
    [
        (("k1",), {"k2", "k1"}, set()),
        (("k2", "k1"), {"k3", "k2"}, set()),
        (("k1",), {"k2"}, {"k1"}),
        (("k2", "k1"), {"k4"}, {"k1", "k2"}),
        ((), {"k2"}, set()),  # a freevend tag
    ],
)
def test_an_attempt_of_epochs_that_are_gone_cannot_be_matched(
    stored: tuple[str, ...], kids: set[str], gone: set[str]
) -> None:
    assert unmatchable(token(*stored), kids) == gone


def test_a_token_without_a_pseudonym_needs_no_epoch() -> None:
    assert not unmatchable(Token(kind=TokenKind.UNREADABLE, display="unreadable"), {"k9"})


def test_a_new_epoch_is_looked_up_before_anything_is_written_under_it() -> None:
    """So that no load writes a pseudonym that a gateway does not know yet."""
    assert announced((K1, K2)) == K2
    assert announced((K2, K1)) is None
    assert announced((K1,)) is None
    assert announced((K1._replace(made_at=None), K2)) == K2
    assert announced((K2, K1._replace(made_at=None))) is None


@pytest.mark.parametrize(
    ("oldest", "needed"),
    [
        (None, False),
        (MAY, True),
        (JUNE + READ_WITHIN - timedelta(seconds=1), True),
        (JUNE + READ_WITHIN, False),
    ],
)
def test_an_epoch_is_needed_while_decisions_from_before_the_next_one_are_kept(
    oldest: datetime | None, needed: bool
) -> None:
    assert needed_by_decisions((K2, K1), "k1", oldest) is needed


def test_without_the_time_of_the_next_epoch_any_decision_needs_it() -> None:
    epochs = (K2._replace(made_at=None), K1)
    assert needed_by_decisions(epochs, "k1", JULY)
    assert "does not say until when" in " ".join(hindrances(epochs, "k1", Uses({}, 0), JULY))


def test_what_hinders_retiring_is_said_source_by_source() -> None:
    uses = Uses({"folder/north": 2, "own-fleet": 1_000}, 3)
    assert [line.split(":")[0] for line in hindrances((K2, K1), "k1", uses, MAY)] == [
        "2 identities of folder/north stand under it",
        "1,000 identities of own-fleet stand under it",
        "3 chargers' passwords are verified under it",
        "decisions are kept that only it can match, until 2027-07-06",
    ]
    assert hindrances((K2, K1), "k1", Uses({}, 0), JULY) == ()


def test_decisions_are_kept_as_long_as_their_topic_says() -> None:
    assert DECISIONS.retention_days is not None
    assert timedelta(days=DECISIONS.retention_days) == DECISIONS_KEPT
