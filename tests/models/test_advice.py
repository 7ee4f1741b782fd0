"""Every reason and flag has words for the person who answers the phone."""

from __future__ import annotations

import re

from models.advice import FLAG_HELP, REASON_HELP
from models.reasons import ROW_OF, Answer, Flag, Reason

PLACEHOLDERS = {
    *("charger", "until", "references", "since", "count", "problem", "deadline"),
    *("s", "is", "has"),
}


def test_every_reason_has_help_in_the_order_of_the_reason_table() -> None:
    assert [row.reason for row in REASON_HELP] == list(Reason)


def test_every_flag_has_a_meaning() -> None:
    assert [row.flag for row in FLAG_HELP] == list(Flag)
    assert all(row.meaning.endswith(".") for row in FLAG_HELP)


def test_whoever_is_not_let_in_is_told_what_to_do_next() -> None:
    for row in REASON_HELP:
        assert bool(row.advice) is (ROW_OF[row.reason].answer is not Answer.ALLOW), row.reason


def test_a_sentence_names_only_values_that_exist() -> None:
    for row in REASON_HELP:
        assert set(re.findall(r"\{(\w+)\}", row.why)) <= PLACEHOLDERS, row.reason
        assert row.why.endswith(".")
