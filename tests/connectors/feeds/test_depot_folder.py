"""A depot folder is loaded whole or refused with every problem by file and line."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.feeds.depot_folder import folder_signature, read_depot
from models.identifiers import KeyEpoch, Pseudonymiser
from models.schedule import Mode
from models.site import IdentityState, Posture, Stage
from tests.connectors.feeds.folders import (
    CARD,
    CHARGERS,
    IDENTITIES,
    KEYS,
    NOW,
    PASSWORD,
    SITE,
    problems_of,
    read,
    write,
)

ROOT = Path(__file__).parents[3]


def test_a_sound_folder_is_read_whole(tmp_path: Path) -> None:
    depot = read(write(tmp_path))
    assert depot.site.site_id == "depot"
    assert depot.site.stage is Stage.ENFORCE
    assert [row.record.charger_id for row in depot.chargers] == ["CP-1", "CP-2", "CP-3"]
    first, second, third = (row.record for row in depot.chargers)
    assert first.verifier is not None
    assert KEYS.verify_credential("CP-1", PASSWORD, first.verifier)
    assert second.verifier != first.verifier, "the same password of another charger looks different"
    assert (third.verifier, third.ocpp, third.profile) == (None, None, "standard")
    bus, courier = depot.identities
    assert bus.valid_from == datetime(2025, 2, 28, 13, 0, tzinfo=UTC)
    assert bus.valid_to is None
    assert courier.display == "eMAID DE/8AA…78"
    assert bus.state is IdentityState.ACTIVE
    assert depot.notices == ()


def test_what_is_left_out_has_the_safe_default(tmp_path: Path) -> None:
    """Rule 27: a new site starts in shadow; without a decision it stays closed."""
    site = SITE.replace("stage: enforce\n", "")
    depot = read(write(tmp_path, site=site))
    assert depot.site.stage is Stage.SHADOW
    assert depot.site.fail is Posture.CLOSED


@pytest.mark.parametrize("stage", ["off", "shadow", "enforce"])
def test_stages_are_words(tmp_path: Path, stage: str) -> None:
    """In YAML 1.1 `off` would be a boolean."""
    site = SITE.replace("stage: enforce", f"stage: {stage}")
    assert read(write(tmp_path, site=site)).site.stage == stage


def test_times_need_no_quotes(tmp_path: Path) -> None:
    """In YAML 1.1 18:00 would be the number 1080."""
    site = SITE.replace('"18:00"', "18:00").replace('"06:00"', "06:00")
    (window,) = read(write(tmp_path, site=site)).site.schedules[0].windows
    assert (window.start, window.end, window.mode) == ("18:00", "06:00", Mode.MANAGED)


SITE_PROBLEMS = [
    # (what is written, in place of what, the problem)
    ("", SITE, r"site.yaml:1: expected keys and values"),
    ("- a\n", SITE, r"site.yaml:1: expected keys and values"),
    ("site: [", "site: depot", r"site.yaml:\d+: expected YAML"),
    ("site: depot\nsite: two", "site: depot", r"site.yaml:2: 'site' is here a second time.*line 1"),
    ("site: a b", "site: depot", r"site.yaml:1: site: expected"),
    ("site: 12", "site: depot", r"site.yaml:1: site: expected text"),
    ("", "timezone: Europe/Berlin\n", r"site.yaml:1: timezone is missing"),
    ("Europe/Belin", "Europe/Berlin", r"site.yaml:2: .*did you mean Europe/Berlin"),
    ("stage: enforced", "stage: enforce", r"site.yaml:3: stage: expected 'off', 'shadow' or"),
    ("stag: enforce", "stage: enforce", r"site.yaml:3: there is no key 'stag'.*'stage'"),
    ("freevend_tag: FREE", "freevend_tag: DEPOTGATEFREE", r"site.yaml:4: freevend_tag: expected"),
    ("defalt: freevend", "default: freevend", r"site.yaml:7: there is no key 'defalt'.*'default'"),
    ("days: [mon, sund]", "days: [mon]", r"site.yaml:9: days: expected .*'sund'"),
    ("days: []", "days: [mon]", r"site.yaml:9: days: "),
    ('from: "24:00"', 'from: "18:00"', r"site.yaml:9: from: expected a local time"),
    ('start: "18:00"', 'from: "18:00"', r"site.yaml:9: (from is missing|there is no key 'start')"),
    ("mode: closed", "mode: managed", r"site.yaml:9: mode: expected 'freevend' or 'managed'"),
    ('to: "15:00"', 'to: "23:00"', r"site.yaml:11: .*an exception ends on its own date.*rule 8"),
    ("date: 2026-13-18", "date: 2026-12-18", r"site.yaml:11: date: expected"),
    ("id: nights, default", "id: always, default", r"site.yaml:12: 'nights' is in schedules"),
    (
        "schedule: alway}",
        "schedule: always}",
        r"site.yaml:14: there is no schedule 'alway'.*always",
    ),
    ("schedule: night", "schedule: nights", r"site.yaml:15: there is no schedule 'night'"),
    ("edge: stop\nschedule: nights", "schedule: nights", r"site.yaml:15: edge: stop \(rule 12\)"),
    ("access: []\nschedule: nights", "schedule: nights", r"site.yaml:15: access: .*rule 28"),
    ("overstay: {}\nschedule: nights", "schedule: nights", r"site.yaml:15: overstay: .*rule 29"),
    (
        "holidays: {file: h.ics, mode: freevend}\n    windows:",
        "windows:",
        r"site.yaml:8: holidays: .*rules 1 and 8",
    ),
    ("feed: {fresh_for_s: 0}\nschedule: nights", "schedule: nights", r"site.yaml:15: fresh_for_s"),
    (
        "      - {name: late, days: [mon], from: 20:00, to: 22:00, mode: freevend}\n    exceptions",
        "    exceptions",
        r"site.yaml:10: schedule 'nights': .*'late'.*'night'.*rule 6.*line 9",
    ),
    ("x: &a [1]\ny: *a\nsite: depot", "site: depot", r"site.yaml:2: aliases"),
    ("x: " + "[" * 500_000 + "\nsite: depot", "site: depot", r"site.yaml:1: more than 32 levels"),
    ("- " * 500_000, SITE, r"site.yaml:1: more than 32 levels"),
]


@pytest.mark.parametrize(("written", "instead_of", "said"), SITE_PROBLEMS)
def test_a_problem_of_the_site_is_named_by_line(
    tmp_path: Path, written: str, instead_of: str, said: str
) -> None:
    assert instead_of in SITE
    found = problems_of(write(tmp_path, site=SITE.replace(instead_of, written, 1)))
    assert any(re.match(said, line) for line in found), found


CHARGER_PROBLEMS = [
    ("charger,", "charger_id,", r"chargers.csv:1: .*'charger_id'"),
    (
        "CP-1,buses,1.6,1,file:secrets/CP-1,microocpp",
        "CP-1,buses,1.6,1,file:secrets/CP-1,microocpp,",
        r"chargers.csv:2: expected 7 fields, got 6",
    ),
    ("CP-1,,2.0.1", "CP-2,,2.0.1", r"chargers.csv:3: CP-1 is in line 2 already"),
    ("CP/1,", "CP-1,buses", r"chargers.csv:2: charger_id: expected"),
    ("CP-1,bus,", "CP-1,buses,", r"chargers.csv:2: there is no group 'bus' .*'buses'"),
    (",2.1,1,", ",2.0.1,1,", r"chargers.csv:3: ocpp: OCPP 2.1 is not built yet"),
    (",2.0,1,", ",2.0.1,1,", r"chargers.csv:3: ocpp: expected 1.6, 2.0.1 or nothing"),
    (",1.6,2,", ",1.6,1,", r"chargers.csv:2: security_profile 2 \(TLS\) is not built yet"),
    (",1.6,3,", ",1.6,1,", r"chargers.csv:2: security_profile 3 \(TLS\) is not built yet"),
    (",1.6,,", ",1.6,1,", r"chargers.csv:2: security_profile: expected 1 or 0"),
    ("file:secrets/none,micro", "file:secrets/CP-1,micro", r"chargers.csv:2: credential: cannot"),
    ("file:../../etc/passwd,micro", "file:secrets/CP-1,micro", r"chargers.csv:2: .*inside"),
    ("secret,micro", "file:secrets/CP-1,micro", r"chargers.csv:2: credential: expected file:PATH"),
    ("hash:argon2id$x,micro", "file:secrets/CP-1,micro", r"chargers.csv:2: .*argon2id is not"),
    ("hash:hmac-sha256:k1:ab,micro", "file:secrets/CP-1,micro", r"chargers.csv:2: .*64 hex"),
    (
        "hash:hmac-sha256:k9:" + "a" * 64 + ",micro",
        "file:secrets/CP-1,micro",
        r"chargers.csv:2: credential: its KID",
    ),
    (",0,file:secrets/CP-1,,", ",0,,,", r"chargers.csv:4: credential: expected none"),
    ("mikroocpp", "microocpp", r"chargers.csv:2: there is no profile 'mikroocpp'.*'microocpp'"),
    ("standard,alway", "standard,always", r"chargers.csv:3: there is no schedule 'alway'"),
    ('"CP-1,buses', "CP-1,buses", r"chargers.csv:\d+: expected comma-separated values"),
]


@pytest.mark.parametrize(("written", "instead_of", "said"), CHARGER_PROBLEMS)
def test_a_problem_of_a_charger_is_named_by_line(
    tmp_path: Path, written: str, instead_of: str, said: str
) -> None:
    assert instead_of in CHARGERS
    found = problems_of(write(tmp_path, chargers=CHARGERS.replace(instead_of, written, 1)))
    assert any(re.match(said, line) for line in found), found


def test_a_charger_that_no_schedule_governs_is_refused(tmp_path: Path) -> None:
    """Rule 7: its own, else its group's, else its site's."""
    site = SITE.replace("schedule: nights\n", "")
    assert problems_of(write(tmp_path, site=site)) == [
        "chargers.csv:4: no schedule governs it: not its own, its group's or the site's (rule 7)"
    ]


def test_a_credential_that_others_may_read_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "secrets" / "CP-1").chmod(0o644)
    assert "chmod 600" in problems_of(folder)[0]


@pytest.mark.parametrize(
    "password", ["short", "x" * 41, "pässwort-mit-umlaut", "two\nlines-of-it-all"]
)
def test_a_password_outside_of_what_chargers_take_is_refused(tmp_path: Path, password: str) -> None:
    folder = write(tmp_path)
    (folder / "secrets" / "CP-1").write_text(password)
    found = problems_of(folder)
    assert "16 to 40 printable" in found[0]
    assert password not in "".join(found)


IDENTITY_PROBLEMS = [
    ("typ,", "type,", r"identities.csv:1: there is no column 'type'"),
    ("state,note", "state", r"identities.csv:1: column 'note' is not known"),
    ("ISO14444,", "ISO14443,", r"identities.csv:2: type: expected .*'ISO14443'"),
    ("04A1B2,own", f"{CARD},own", r"identities.csv:2: identifier: .*form of a ISO14443"),
    (",own,", ",own_fleet,", r"identities.csv:2: class: expected own_fleet or agreement"),
    (",,2025-03-01", ",bus-17,2025-03-01", r"identities.csv:2: reference: expected"),
    (
        "bus-17,,",
        "bus-17,2025-03-01T00:00:00+11:00,",
        r"identities.csv:2: valid_from is missing.*18",
    ),
    (
        "2025-03-01T00:00:00,",
        "2025-03-01T00:00:00+11:00,",
        r"identities.csv:2: valid_from: .*offset",
    ),
    ("01.03.2025,", "2025-03-01T00:00:00+11:00,", r"identities.csv:2: valid_from: expected a time"),
    ("2025-12-31T00:00:00Z", "2026-12-31T00:00:00Z", r"identities.csv:3: valid_to: .*after"),
    (",,blocked", ",,active", r"identities.csv:2: state: expected active, suspended, revoked"),
    (
        "active\nISO14443,04:a1:b2:c3:d4:e5:f6,own_fleet,bus-17,2025-03-01T00:00:00+11:00,,active\ne",
        "active\ne",
        r"identities.csv:3: the same identifier, reference and valid_from as line 2",
    ),
    (
        "Local,depotgatefree,own_fleet,x,2025-03-01T00:00:00Z,,active\neMAID",
        "eMAID",
        r"identities.csv:3: identifier: it is a reserved freevend tag",
    ),
    ("\x00ISO14443", "ISO14443", r"identities.csv: .*NUL"),
]


@pytest.mark.parametrize(("written", "instead_of", "said"), IDENTITY_PROBLEMS)
def test_a_problem_of_an_identity_is_named_by_line_and_never_by_itself(
    tmp_path: Path, written: str, instead_of: str, said: str
) -> None:
    assert instead_of in IDENTITIES
    found = problems_of(write(tmp_path, identities=IDENTITIES.replace(instead_of, written, 1)))
    assert any(re.match(said, line) for line in found), found


def test_every_problem_of_every_file_is_said_at_once(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        site=SITE.replace("enforce", "enforced"),
        chargers=CHARGERS.replace("microocpp", "x"),
        identities=IDENTITIES.replace("own_fleet", "x"),
    )
    files = [line.partition(":")[0] for line in problems_of(folder)]
    assert files == ["chargers.csv", "identities.csv", "site.yaml"]


def test_files_as_other_systems_write_them_are_read(tmp_path: Path) -> None:
    """With a byte order mark, CRLF, blank lines, quoted fields, columns in another order."""
    swapped = "\ufeffidentifier,type,class,reference,valid_from,valid_to,state\r\n\r\n"
    swapped += f'"{CARD}",ISO14443,own_fleet,"bus, 17",2025-03-01T00:00:00Z,,active\r\n\r\n'
    depot = read(write(tmp_path, site=SITE.replace("\n", "\r\n"), identities=swapped))
    assert [row.reference for row in depot.identities] == ["bus, 17"]


def test_what_is_no_text_or_not_there_is_said(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "site.yaml").write_bytes(b"site: depot\nname: \xff\xfe\n")
    (folder / "chargers.csv").unlink()
    found = problems_of(folder)
    assert found[0].startswith("chargers.csv: cannot be read")
    assert found[1].startswith("site.yaml:2: expected UTF-8")


def test_settings_without_effect_are_loaded_with_a_notice(tmp_path: Path) -> None:
    site = SITE + "feed: {fresh_for_s: 900}\nidentify_within_s: 60\nno_identification_after_s: 60\n"
    notices = [str(notice) for notice in read(write(tmp_path, site=site)).notices]
    assert [notice.partition(" is loaded without effect")[0] for notice in notices] == [
        "site.yaml:16: feed",
        "site.yaml:17: identify_within_s",
        "site.yaml:18: no_identification_after_s",
    ]


def test_a_window_that_a_clock_change_swallows_is_a_notice(tmp_path: Path) -> None:
    """Rule 4: 02:00 to 03:00 does not exist on 2027-03-28 in Berlin."""
    site = SITE.replace(
        'days: [mon], from: "18:00", to: "06:00"', 'days: [sun], from: "02:00", to: "03:00"'
    )
    (notice,) = read(write(tmp_path, site=site)).notices
    assert str(notice).startswith(
        "site.yaml:9: schedule 'nights': window 'night' vanishes on 2027-03-28"
    )


def test_the_revision_is_one_of_content(tmp_path: Path) -> None:
    folder = write(tmp_path)
    first = read(folder).site.revision
    later = read_depot(folder, KEYS, datetime(2027, 1, 1, tzinfo=UTC))
    assert later.site.revision == first
    write(folder, site=SITE.replace("18:00", "19:00"))
    assert read(folder).site.revision != first


def test_the_signature_changes_with_every_file_and_with_nothing_else(tmp_path: Path) -> None:
    folder = write(tmp_path)
    seen = folder_signature(folder)
    assert folder_signature(folder) == seen
    for name in ("site.yaml", "secrets/CP-1"):
        path = folder / name
        path.write_text(path.read_text() + "\n")
        assert folder_signature(folder) != seen
        seen = folder_signature(folder)


def test_north_depot_is_refused_for_what_is_not_built_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "north-depot"
    shutil.copytree(ROOT / "tests" / "examples" / "north-depot", folder)
    (folder / "secrets").mkdir()
    for number in (1, 2, 3, 5, 6):
        path = folder / "secrets" / f"ND-{number:03}"
        path.touch(mode=0o600)
        path.write_text(PASSWORD)
    assert [
        line.partition(" is not")[0].partition(" are not")[0] for line in problems_of(folder)
    ] == [
        "chargers.csv:4: security_profile 2 (TLS)",
        "chargers.csv:5: security_profile 3 (TLS)",
        "chargers.csv:6: ocpp: OCPP 2.1",
        "chargers.csv:6: security_profile 2 (TLS)",
        "site.yaml:25: holidays: (rules 1 and 8)",
        "site.yaml:33: access: access rules (rule 28)",
        "site.yaml:36: overstay: overstays (rule 29)",
    ]


def test_the_first_depot_of_the_examples_is_sound(tmp_path: Path) -> None:
    folder = tmp_path / "first-depot"
    shutil.copytree(ROOT / "examples" / "first-depot", folder)
    (folder / "secrets").mkdir()
    for name in ("FD-001", "FD-002", "FD-003"):
        path = folder / "secrets" / name
        path.touch(mode=0o600)
        path.write_text(PASSWORD)
    depot = read_depot(folder, KEYS, NOW)
    assert len(depot.chargers) == 3
    assert depot.site.stage is Stage.SHADOW


def test_a_hash_of_a_retired_epoch_is_kept_as_written(tmp_path: Path) -> None:
    two = Pseudonymiser((KeyEpoch("k2", b"n" * 32), KeyEpoch("k1", b"k" * 32)), "default")
    verifier = KEYS.credential_verifier("CP-1", PASSWORD)
    chargers = CHARGERS.replace("file:secrets/CP-1,micro", f"{verifier},micro")
    depot = read_depot(write(tmp_path, chargers=chargers), two, NOW)
    assert depot.chargers[0].record.verifier == verifier
    assert two.verify_credential("CP-1", PASSWORD, verifier)
