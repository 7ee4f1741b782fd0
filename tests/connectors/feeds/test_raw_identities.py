"""The identities file of a gateway: what is read of it, what is counted, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.feeds.raw_identities import RawIdentities, read_raw
from models.errors import ConfigurationError
from models.identifiers import Candidate
from tests.connectors.feeds.folders import CARD, IDENTITIES

HEADER = IDENTITIES.partition("\n")[0]


def read(folder: Path, content: str) -> RawIdentities:
    path = folder / "identities"
    path.write_text(content)
    return read_raw(path)


def test_bad_rows_are_counted_and_the_others_read(tmp_path: Path) -> None:
    """One of another form, one that is no row, one that is no text."""
    found = read(tmp_path, f"{IDENTITIES}ISO14443,04A1B2,,,,,\nx\n\x00\n")
    assert found.candidates[0] == Candidate("ISO14443", CARD)
    assert (len(found.candidates), found.faults_count) == (2, 3)
    assert CARD not in repr(found), "it is not printed (rule 26)"


def test_rule_17_identifiers_are_normalised_as_the_load_does_it(tmp_path: Path) -> None:
    """Else their pseudonyms would be those of nobody, and no local list would have them."""
    rows = (
        "ISO14443,04:a1:b2:c3:d4:e5:f6,,,,,\neMAID,DE-8AA-C12345678-D,,,,,\nFleetCard, 17 ,,,,,\n"
    )
    assert read(tmp_path, f"{HEADER}\n{rows}").candidates == (
        Candidate("ISO14443", CARD),
        Candidate("eMAID", "DE8AAC12345678"),
        Candidate("FLEETCARD", "17"),
    )


def test_a_document_of_a_feed_is_read(tmp_path: Path) -> None:
    item = f'{{"type": "ISO14443", "identifier": "{CARD}"}}'
    found = read(tmp_path, f'{{"identities": [{item}, {{"type": 7}}, "x"]}}')
    assert (found.candidates, found.faults_count) == ((Candidate("ISO14443", CARD),), 2)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", f"line 1: expected the header {HEADER}, got an empty file"),
        (f"{CARD};x\n", f"line 1: expected the header {HEADER}, got a line with semicolons"),
        (f"{HEADER}\nx\n", "line 2: expected 7 fields, got 1"),
        ("{", "expected JSON or CSV, got neither"),
        ('{"identities": 7}', 'expected {"identities": […]} of at most 1,000,000 items'),
    ],
)  # fmt: skip
def test_a_file_of_which_nothing_can_be_used_is_refused(
    tmp_path: Path, content: str, said: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, content)
    assert said in str(refused.value)
    assert CARD not in str(refused.value), "nothing of a row is repeated (rule 26)"
