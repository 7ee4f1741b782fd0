"""chargers.csv: what is read, and each problem with its line; passwords stay in their files."""
# ruff: noqa: E501 - a table, one problem a line with its whole sentence

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.feeds import chargers_file
from connectors.feeds.chargers_file import revision_of
from connectors.feeds.depot_folder import read_depot
from models.identifiers import KeyEpoch, Pseudonymiser
from models.site import ChargerRecord
from tests.connectors.feeds.folders import (
    CHARGERS,
    KEYS,
    NOW,
    PASSWORD,
    SITE,
    begin_with,
    problems_of,
    read,
    spoilt,
    write,
)

HEADER = CHARGERS.partition("\n")[0]
CREDENTIAL = "file:secrets/CP-1,micro"


def test_rows_become_records_with_a_verifier_each(tmp_path: Path) -> None:
    first, second, third = (row.record for row in read(write(tmp_path)).chargers)
    assert (first.charger_id, first.site_id, first.group) == ("CP-1", "depot", "buses")
    assert (first.ocpp, first.profile, first.schedule) == ("1.6", "microocpp", None)
    assert (second.group, second.schedule) == (None, "always")
    assert first.verifier is not None
    assert KEYS.verify_credential("CP-1", PASSWORD, first.verifier)
    assert second.verifier != first.verifier, "the same password of another charger looks different"
    assert (third.verifier, third.ocpp, third.profile) == (None, None, "standard")


# fmt: off
PROBLEMS = [
    # written                     instead of    every problem, or how it begins
    # The text
    ("",                          CHARGERS,     [f"chargers.csv:1: expected the header {HEADER}, got an empty file"]),
    ("\n",                        CHARGERS,     [f"chargers.csv:1: expected the header {HEADER}, got another line"]),
    (CHARGERS.replace(",", ";"),  CHARGERS,     [f"chargers.csv:1: expected the header {HEADER}, got a line with semicolons instead of commas"]),
    (CHARGERS.replace(",", "\t"), CHARGERS,     [f"chargers.csv:1: expected the header {HEADER}, got a line with tabs instead of commas"]),
    ("",                          f"{HEADER}\n", [f"chargers.csv:1: expected the header {HEADER}, got another line"]),
    ("charger,",                  "charger_id,", ["chargers.csv:1: expected a column 'charger_id', and there is none",
                                                 "chargers.csv:1: column 1 has no known name; did you mean 'charger_id'?"]),
    ("schedule,note\n",           "schedule\n", ["chargers.csv:1: column 8 has no known name"]),
    ("schedule,ocpp\n",           "schedule\n", ["chargers.csv:1: column 'ocpp' is there twice"]),
    (",microocpp",                ",microocpp,", ["chargers.csv:2: expected 7 fields, got 6"]),
    (",microocpp,,",              ",microocpp,", ["chargers.csv:2: expected 7 fields, got 8"]),
    ('"CP-1,buses',               "CP-1,buses", ["chargers.csv:2: expected a quoted field to begin with"]),
    ('"CP"-1,buses',              "CP-1,buses", ["chargers.csv:2: expected a quoted field to begin with"]),
    ("CP-1\x00,",                 "CP-1,",      ["chargers.csv:2: expected printable text, got U+0000 (a control character) at place 5"]),
    ("CP-1\r,",                   "CP-1,",      ["chargers.csv:2: expected printable text, got U+000D"]),
    ("x" * 5_000 + "\nCP-1,",     "CP-1,",      ["chargers.csv:2: expected a line of at most 4,096 bytes"]),
    # Fields
    ("CP/1,",                     "CP-1,",      ["chargers.csv:2: charger_id: expected 1 to 48 letters, digits"]),
    ("CP:1,",                     "CP-1,",      ["chargers.csv:2: charger_id: expected 1 to 48 letters, digits"]),
    (",buses",                    "CP-1,buses", ["chargers.csv:2: charger_id: expected 1 to 48 letters, digits"]),
    ("C" * 49 + ",",              "CP-1,",      ["chargers.csv:2: charger_id: expected 1 to 48 letters, digits"]),
    ("CP-1,,2.0.1",               "CP-2,,2.0.1", ["chargers.csv:3: charger_id: the same as on line 2; expected each once"]),
    (",2.0,1,",                   ",2.0.1,1,",  ["chargers.csv:3: ocpp: expected 1.6, 2.0.1, 2.1 or nothing (any version), got something else"]),
    (",1.6,,",                    ",1.6,1,",    ["chargers.csv:2: security_profile: expected 1 (HTTP Basic), 2 (TLS and HTTP Basic), 3 (client certificate) or 0 (no authentication), got nothing"]),
    ("mikroocpp",                 "microocpp",  ["chargers.csv:2: profile: expected one of docs/profiles.md, got another; did you mean 'microocpp'?"]),
    ("CP-1,bus,",                 "CP-1,buses,", ["chargers.csv:2: group: expected one of site.yaml, got another; did you mean 'buses'?"]),
    ("standard,alway",            "standard,always", ["chargers.csv:3: schedule: expected one of site.yaml, got another; did you mean 'always'?"]),
    # Credentials
    (f"{PASSWORD},micro",         CREDENTIAL,   ["chargers.csv:2: credential: expected file:PATH, hash:hmac-sha256:KID:HEX or hash:argon2id:HASH, got another form"]),
    (",micro",                    CREDENTIAL,   ["chargers.csv:2: credential: expected file:PATH, hash:hmac-sha256:KID:HEX or hash:argon2id:HASH with security_profile 1, got nothing"]),
    ("file:secrets/none,micro",   CREDENTIAL,   ["chargers.csv:2: credential: expected a file with the password, and it cannot be read: No such file"]),
    ("file:,micro",               CREDENTIAL,   ["chargers.csv:2: credential: expected a file, got a folder, a pipe or a device"]),
    ("file:secrets,micro",        CREDENTIAL,   ["chargers.csv:2: credential: expected a file, got a folder, a pipe or a device"]),
    ("file:../outside,micro",     CREDENTIAL,   ["chargers.csv:2: credential: expected a file inside the depot folder, got one outside"]),
    ("file:/etc/passwd,micro",    CREDENTIAL,   ["chargers.csv:2: credential: expected a file inside the depot folder, got one outside"]),
    (f"file:{'x' * 300},micro",   CREDENTIAL,   ["chargers.csv:2: credential: expected a file with the password, and it cannot be read: File name too long"]),
    ("hash:argon2id$x,micro",     CREDENTIAL,   ["chargers.csv:2: credential: expected hash:hmac-sha256:KID:HEX"]),
    ("hash:argon2id:x,micro",     CREDENTIAL,   ["chargers.csv:2: credential: hash:argon2id: expected hash:argon2id: and a hash as argon2 prints it"]),
    ('"hash:argon2id:$argon2i$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ",micro', CREDENTIAL, ["chargers.csv:2: credential: hash:argon2id: expected the variant argon2id"]),
    ('"hash:argon2id:$argon2id$v=19$m=1048576,t=3,p=4$c29tZXNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ",micro', CREDENTIAL, ["chargers.csv:2: credential: hash:argon2id: expected at most m=65536, t=10 and p=8"]),
    ("hash:hmac-sha256:k1:ab,micro", CREDENTIAL, ["chargers.csv:2: credential: expected hash:hmac-sha256:KID:HEX, with 64"]),
    (f"hash:hmac-sha256:k1:{'A' * 64},micro", CREDENTIAL, ["chargers.csv:2: credential: expected hash:hmac-sha256:KID:HEX, with 64"]),
    (f"hash:hmac-sha256:k9:{'a' * 64},micro", CREDENTIAL, ["chargers.csv:2: credential: its KID is no epoch of the pseudonym key file; expected one of k1"]),
    (",0,file:secrets/CP-1,,",    ",0,,,",      ["chargers.csv:4: credential: expected none with security_profile 0 (no authentication)"]),
    (",1.6,3,file:secrets/CP-1,micro", f",1.6,1,{CREDENTIAL}", ["chargers.csv:2: credential: expected none with security_profile 3: its client certificate says who it is"]),
    (",1.6,2,,micro",             f",1.6,1,{CREDENTIAL}", ["chargers.csv:2: credential: expected file:PATH, hash:hmac-sha256:KID:HEX or hash:argon2id:HASH with security_profile 2, got nothing"]),
    # Several in one row
    ("CP/1,bus,1.7,4,file:none,x,y", "CP-1,buses,1.6,1,file:secrets/CP-1,microocpp,",
        ["chargers.csv:2: charger_id:", "chargers.csv:2: ocpp:", "chargers.csv:2: security_profile:",
         "chargers.csv:2: profile:", "chargers.csv:2: group:", "chargers.csv:2: schedule:"]),
]
# fmt: on


@pytest.mark.parametrize(("written", "instead_of", "expected"), PROBLEMS)
def test_each_problem_is_named_by_line_and_no_other_is(
    tmp_path: Path, written: str, instead_of: str, expected: list[str]
) -> None:
    found = problems_of(write(tmp_path, chargers=spoilt(CHARGERS, instead_of, written)))
    assert begin_with(found, expected), "\n".join(found)


def test_a_password_in_a_column_that_is_shifted_is_not_repeated(tmp_path: Path) -> None:
    """Its comma makes one column more of it, and a missing last one hides that."""
    first, last = PASSWORD.split("-", 1)
    chargers = spoilt(CHARGERS, "file:secrets/CP-1,microocpp,", f"{first},{last},standard")
    (problem,) = problems_of(write(tmp_path, chargers=chargers))
    assert first not in problem
    assert last not in problem


def test_a_charger_that_no_schedule_governs_is_refused(tmp_path: Path) -> None:
    """Rule 7: its own, else its group's, else its site's."""
    site = spoilt(SITE, "schedule: nights\n", "")
    assert problems_of(write(tmp_path, site=site)) == [
        "chargers.csv:4: no schedule governs it: expected one of its own, of its group or of the "
        "site (rule 7)"
    ]


def test_more_chargers_than_a_site_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chargers_file, "CHARGERS_MAX", 2)
    assert problems_of(write(tmp_path)) == [
        "chargers.csv:4: expected at most 2 rows; what follows is not read"
    ]


def unreadable(path: Path) -> None:
    path.chmod(0o644)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def link_outside(path: Path) -> None:
    outside = path.parents[2] / "outside"
    path.rename(outside)
    path.symlink_to(outside)


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


# fmt: off
FILES: list[tuple[Callable[[Path], None], str]] = [
    (unreadable,   "expected mode 0600 of secrets/CP-1, got 0644: others may read it; chmod 600 secrets/CP-1"),
    (pipe,         "expected a file, got a folder, a pipe or a device"),
    (link_outside, "expected a file inside the depot folder, got one outside"),
    (loop,         "expected a file inside the depot folder, got one outside"),
]
# fmt: on


@pytest.mark.parametrize(("spoil", "said"), FILES)
def test_a_credential_file_that_is_not_safe_is_refused(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    folder = tmp_path / "depot"
    folder.mkdir()
    spoil(write(folder) / "secrets" / "CP-1")
    assert problems_of(folder) == [f"chargers.csv:{line}: credential: {said}" for line in (2, 3)]


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "secrets" / "CP-1").rename(folder / "secrets" / "real")
    (folder / "secrets" / "CP-1").symlink_to("real")
    verifier = read(folder).chargers[0].record.verifier
    assert verifier is not None
    assert KEYS.verify_credential("CP-1", PASSWORD, verifier)


PASSWORDS = {
    "short-by-one-15": "OCPP allows 16 to 40 printable ASCII characters",
    "x" * 41: "OCPP allows 16 to 40 printable ASCII characters",
    "pässwort-mit-umlaut": "OCPP allows 16 to 40 printable ASCII characters",
    "with-a\ttabulator-in": "OCPP allows 16 to 40 printable ASCII characters",
    "": "OCPP allows 16 to 40 printable ASCII characters",
    "two-lines-of\nsixteen-characters": "expected one line in secrets/CP-1, got more",
}


@pytest.mark.parametrize(("password", "said"), PASSWORDS.items())
def test_a_password_that_chargers_do_not_take_is_refused_and_not_shown(
    tmp_path: Path, password: str, said: str
) -> None:
    folder = write(tmp_path)
    (folder / "secrets" / "CP-1").write_text(password)
    found = problems_of(folder)
    assert len(found) == 2
    assert all(said in line for line in found)
    assert not password or all(part not in "".join(found) for part in password.split("\n"))


@pytest.mark.parametrize("password", ["sixteen-chars-16", "x" * 40, "with blanks inside "])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_password_is_one_line_as_it_stands(tmp_path: Path, password: str, end: str) -> None:
    folder = write(tmp_path)
    (folder / "secrets" / "CP-1").write_text(password + end, newline="")
    verifier = read(folder).chargers[0].record.verifier
    assert verifier is not None
    assert KEYS.verify_credential("CP-1", password, verifier)


def test_a_hash_of_a_retired_epoch_is_kept_as_written(tmp_path: Path) -> None:
    two = Pseudonymiser((KeyEpoch("k2", b"n" * 32), KeyEpoch("k1", b"k" * 32)), "default")
    verifier = KEYS.credential_verifier("CP-1", PASSWORD)
    chargers = spoilt(CHARGERS, CREDENTIAL, f"{verifier},micro")
    depot = read_depot(write(tmp_path, chargers=chargers), two, NOW)
    assert depot.chargers[0].record.verifier == verifier
    assert two.verify_credential("CP-1", PASSWORD, verifier)


def test_a_charger_s_revision_is_of_what_it_says(tmp_path: Path) -> None:
    before = [row.record.revision for row in read(write(tmp_path)).chargers]
    assert [row.record.revision for row in read(write(tmp_path)).chargers] == before
    for old, new, changed in (
        ("microocpp", "easee", [True, False, False]),
        # The default, written out, says more: nothing is found any more.
        ("CP-3,,,0,,,", "CP-3,,,0,,standard,", [False, False, True]),
    ):
        chargers = spoilt(CHARGERS, old, new)
        after = [row.record.revision for row in read(write(tmp_path, chargers=chargers)).chargers]
        assert [one != other for one, other in zip(before, after, strict=True)] == changed


def test_a_field_of_a_later_version_changes_a_revision_only_where_it_says_something(
    tmp_path: Path,
) -> None:
    class LaterRecord(ChargerRecord):
        bay: str | None = None

    (first, *_) = (row.record for row in read(write(tmp_path)).chargers)
    later = LaterRecord.model_validate(first.model_dump() | {"revision": ""}, strict=False)
    assert revision_of(later) == first.revision
    assert revision_of(later.model_copy(update={"bay": "7"})) != first.revision


def test_a_profile_is_named_or_left_to_be_found(tmp_path: Path) -> None:
    records = [row.record for row in read(write(tmp_path)).chargers]
    assert [(each.profile, each.profile_named) for each in records] == [
        ("microocpp", True),
        ("standard", True),
        ("standard", False),
    ]
