"""The reason table is whole, and speaks the words of the specification (rule 25)."""

from __future__ import annotations

import re

import pytest
from ocpp.v16.enums import AuthorizationStatus
from ocpp.v201.enums import AuthorizationStatusEnumType

from models.languages import DRIVER_TEXT_MAX_CHARS
from models.reasons import PRECEDENCE, REASON_TABLE, ROW_OF, Answer, Reason, ReasonRow, wire_status

ACCEPTED = "Accepted"
DRIVER_WORDS = {"t", "holder"}
SUPPORT_WORDS = {"t", "id", "n", "age", "w", "pseudonym"}

rows = pytest.mark.parametrize("row", REASON_TABLE, ids=lambda row: row.reason)


def test_every_reason_has_one_row_in_its_order_of_precedence() -> None:
    assert [row.reason for row in REASON_TABLE] == list(Reason)
    assert list(ROW_OF) == list(Reason)
    assert sorted(PRECEDENCE, key=PRECEDENCE.__getitem__) == list(Reason)


@rows
def test_a_status_is_one_that_the_version_has(row: ReasonRow) -> None:
    statuses_16 = {status.value for status in AuthorizationStatus}
    statuses_2x = {status.value for status in AuthorizationStatusEnumType}
    if row.reason is Reason.NO_IDENTIFICATION:
        assert (row.status_16, row.status_2x) == (None, None), "nothing was presented"
    else:
        assert row.status_16 in statuses_16
        assert row.status_2x in statuses_2x
    # Depot cards are shared, so a second use of one is no reason to refuse.
    assert "ConcurrentTx" not in {row.status_16, row.status_2x}


@rows
def test_only_what_allows_is_accepted(row: ReasonRow) -> None:
    """But for C02.FR.02: a 2.x CSMS accepts NoAuthorization, and stops the session instead."""
    accepted_16, accepted_2x = row.status_16 == ACCEPTED, row.status_2x == ACCEPTED
    allows = row.answer is Answer.ALLOW
    assert accepted_16 is allows
    assert accepted_2x is (allows or row.reason is Reason.FREEVEND_TAG_IN_MANAGED)


@rows
def test_a_text_is_whole_sentences_of_known_words(row: ReasonRow) -> None:
    for text, words in ((row.driver_text, DRIVER_WORDS), (row.support_text, SUPPORT_WORDS)):
        assert text.endswith(".")
        assert set(re.findall(r"\{(\w+)\}", text)) <= words
        assert text.isascii()
        # Room for a date in place of each word.
        assert len(text) < DRIVER_TEXT_MAX_CHARS / 2


def test_a_driver_is_never_told_an_identity() -> None:
    """Rule 26: no identifier, no pseudonym, no reference in a driver's text."""
    assert not DRIVER_WORDS & {"id", "pseudonym", "reference"}


@pytest.mark.parametrize("ocpp", ["2.0.1", "2.1"])
def test_a_newer_version_is_told_what_2_0_1_is_told(ocpp: str) -> None:
    assert wire_status(Reason.NOT_ENTITLED_NOW, ocpp) == "NotAtThisTime"
    assert wire_status(Reason.NOT_ENTITLED_NOW, "1.6") == "Blocked"


def test_a_reason_of_a_newer_worker_has_no_status() -> None:
    assert wire_status("PREPAID_EMPTY", "1.6") is None
