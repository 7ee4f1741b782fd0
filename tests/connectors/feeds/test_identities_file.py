"""identities.csv: what is read, and each problem with its line; nothing of a row is repeated."""
# ruff: noqa: E501 - a table, one problem a line with its whole sentence

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.feeds import identities_file
from connectors.feeds.depot_folder import read_depot
from connectors.feeds.identities_file import content_revision
from connectors.feeds.places import NOTICES_KEPT
from models.identifiers import Candidate
from models.site import IdentityClass, IdentityState
from tests.connectors.feeds.folders import (
    CARD,
    CHARGERS,
    IDENTITIES,
    KEYS,
    NOW,
    SITE,
    begin_with,
    problems_of,
    read,
    spoilt,
    write,
)

HEADER = IDENTITIES.partition("\n")[0]
ROW = IDENTITIES.splitlines()[1]
FROM = "2025-03-01T00:00:00+11:00"
ANOTHER_FORM = "expected a time such as 2026-03-01T00:00:00+11:00, got another form"


def test_rows_become_pseudonyms(tmp_path: Path) -> None:
    """Rules 17, 18, 26."""
    bus, courier = read(write(tmp_path)).identities.values()
    assert bus.pseudonym == KEYS.current(Candidate("ISO14443", CARD))
    assert (bus.identity_class, bus.reference) == (IdentityClass.OWN_FLEET, "bus-17")
    assert bus.valid_from == datetime(2025, 2, 28, 13, 0, tzinfo=UTC)
    assert (bus.valid_to, bus.state, bus.state_since) == (None, IdentityState.ACTIVE, None)
    assert courier.display == "eMAID DE/8AA…78"
    assert courier.valid_to == datetime(2026, 12, 31, tzinfo=UTC)


def test_a_state_may_say_since_when(tmp_path: Path) -> None:
    lines = IDENTITIES.splitlines()
    identities = f"{lines[0]},state_since\n{lines[1]},2026-05-01T00:00:00Z\n{lines[2]},\n"
    bus, courier = read(write(tmp_path, identities=identities)).identities.values()
    assert (bus.state_since, courier.state_since) == (datetime(2026, 5, 1, tzinfo=UTC), None)


# fmt: off
PROBLEMS = [
    # written                     instead of   every problem, or how it begins
    # The text
    ("",                          IDENTITIES,  [f"identities.csv:1: expected the header {HEADER}, got an empty file"]),
    ("",                          f"{HEADER}\n", [f"identities.csv:1: expected the header {HEADER}, got another line"]),
    ("typ,",                      "type,",     ["identities.csv:1: expected a column 'type', and there is none",
                                                "identities.csv:1: column 1 has no known name; did you mean 'type'?"]),
    ("state,note",                "state",     ["identities.csv:1: column 8 has no known name"]),
    (f"{ROW},",                   ROW,         ["identities.csv:2: expected 7 fields, got 8"]),
    (f'"{ROW}',              ROW,         ["identities.csv:2: expected a quoted field to begin with"]),
    ("\x00ISO14443",              "ISO14443",  ["identities.csv:2: expected printable text, got U+0000"]),
    # Fields
    ("ISO14444,",                 "ISO14443,", ["identities.csv:2: type: expected ISO14443, ISO15693, MacAddress, EVCCID, eMAID, VIN, KeyCode, Local, Central, DirectPayment or NEMA, "
                                                "or one that site.yaml names among its identifier_types, got another word; did you mean 'ISO14443'?"]),
    (f"{CARD},ISO14443,",         f"ISO14443,{CARD},", ["identities.csv:2: type: expected ISO14443"]),
    (f",{CARD},",                 f"ISO14443,{CARD},", ["identities.csv:2: type: expected ISO14443, ISO15693, MacAddress, EVCCID, eMAID, VIN, KeyCode, Local, Central, DirectPayment or NEMA, or one that site.yaml names among its identifier_types, got nothing"]),
    ("04A1B2,own",                f"{CARD},own", ["identities.csv:2: identifier: expected the form of ISO14443, got another"]),
    (",own",                      f"{CARD},own", ["identities.csv:2: identifier: expected the form of ISO14443, got another"]),
    (",own,",                     ",own_fleet,", ["identities.csv:2: class: expected own_fleet or agreement, got another word"]),
    (",own_flet,",                ",own_fleet,", ["identities.csv:2: class: expected own_fleet or agreement, got another word; did you mean 'own_fleet'?"]),
    (",,2025-03-01",              ",bus-17,2025-03-01", ["identities.csv:2: reference: expected 1 to 200 printable characters"]),
    (f",{'x' * 201},2025-03-01",  ",bus-17,2025-03-01", ["identities.csv:2: reference: expected 1 to 200 printable characters"]),
    (",,blocked",                 ",,active",  ["identities.csv:2: state: expected active, suspended or revoked, got another word"]),
    (",,",                        ",,active",  ["identities.csv:2: state: expected active, suspended or revoked, got nothing"]),
    # Times (rule 18)
    (",bus-17,,",                 f",bus-17,{FROM},", ["identities.csv:2: valid_from: expected a time, got nothing: a record without a beginning never allows (rule 18)"]),
    ("2025-03-01T00:00:00,",      f"{FROM},",  ["identities.csv:2: valid_from: expected a time such as 2026-03-01T00:00:00+11:00, "
                                                "got one without its offset from UTC; add it, or Z for UTC"]),
    ("2025-03-01,",               f"{FROM},",  ["identities.csv:2: valid_from: expected a time such as 2026-03-01T00:00:00+11:00, got one without its offset"]),
    ("01.03.2025,",               f"{FROM},",  [f"identities.csv:2: valid_from: {ANOTHER_FORM}"]),
    (f"{CARD},",                  f"{FROM},",  [f"identities.csv:2: valid_from: {ANOTHER_FORM}"]),
    ("2025-03-01T00:00:00.5Z,",   f"{FROM},",  ["identities.csv:2: valid_from: expected a time such as 2026-03-01T00:00:00+11:00, got a fraction of a second; leave it out"]),
    ("0001-01-01T00:00:00+11:00,", f"{FROM},", ["identities.csv:2: valid_from: expected a time such as 2026-03-01T00:00:00+11:00, got a year before 1970"]),
    ("9999-12-31T23:59:59-11:00", "2026-12-31T00:00:00Z", ["identities.csv:3: valid_to: expected a time such as 2026-03-01T00:00:00+11:00, got the last day of the calendar"]),
    ("2025-12-31T00:00:00Z",      "2026-12-31T00:00:00Z", ["identities.csv:3: valid_to: expected a time after valid_from, or nothing (open-ended)"]),
    ("2026-01-01T01:00:00+01:00", "2026-12-31T00:00:00Z", ["identities.csv:3: valid_to: expected a time after valid_from"]),
    # Keys
    (f"{ROW}\n{ROW.replace(CARD, '04:a1:b2:c3:d4:e5:f6')}", ROW,
                                               ["identities.csv:3: the same identifier, reference and valid_from as on line 2; keep one"]),
    # Freevend tags (rule 17): the site's, and what a microocpp charger presents without one
    ("Local,depotgatefree,own_fleet,x,2025-03-01T00:00:00Z,,active\neMAID", "eMAID",
                                               ["identities.csv:3: identifier: it is a reserved freevend tag (rule 17)"]),
    ("ISO14443,A0:00:00:00,own_fleet,x,2025-03-01T00:00:00Z,,active\neMAID", "eMAID",
                                               ["identities.csv:3: identifier: it is a reserved freevend tag (rule 17)"]),
    # A reference is in every decision, so it must not hold what a pseudonym hides (rule 26).
    (f",{CARD},2025-03-01",       ",bus-17,2025-03-01", ["identities.csv:2: reference: expected a vehicle or a contract, got the identifier itself"]),
    (",card 04a1b2c3d4e5f6,2025-03-01", ",bus-17,2025-03-01", ["identities.csv:2: reference: expected a vehicle or a contract, got the identifier itself"]),
    (",card 04:A1-b2 c3d4e5f6 of bus 17,2025-03-01", ",bus-17,2025-03-01", ["identities.csv:2: reference: expected a vehicle or a contract, got the identifier itself"]),
    (",04:a1:b2:c3:d4:e5:f6,2025-03-01", ",bus-17,2025-03-01", ["identities.csv:2: reference: expected a vehicle or a contract, got the identifier itself"]),
    # Several in one row
    ("x,x,x,,x,x,x",              ROW,         ["identities.csv:2: type:", "identities.csv:2: reference:", "identities.csv:2: class:",
                                                "identities.csv:2: state:", "identities.csv:2: valid_from:", "identities.csv:2: valid_to:"]),
]
# fmt: on


@pytest.mark.parametrize(("written", "instead_of", "expected"), PROBLEMS)
def test_each_problem_is_named_by_line_and_never_by_what_the_row_holds(
    tmp_path: Path, written: str, instead_of: str, expected: list[str]
) -> None:
    found = problems_of(write(tmp_path, identities=spoilt(IDENTITIES, instead_of, written)))
    assert begin_with(found, expected), "\n".join(found)


SKIPPING = SITE + "identities: {bad_rows: skip}\n"


def rows(sound_count: int, bad: str) -> str:
    """So many sound rows, and then bad ones."""
    sound = [ROW.replace(CARD, f"04A1B2{number:02X}") for number in range(sound_count)]
    return "\n".join([HEADER, *sound, bad, ""])


def test_bad_rows_are_left_out_and_named_where_the_site_has_it_so(tmp_path: Path) -> None:
    """Two rows, three problems; a row that cannot be read at all is one."""
    depot = read(
        write(tmp_path, site=SKIPPING, identities=rows(8, f"{CARD},x,x,y,{FROM},,active\n\x00"))
    )
    assert len(depot.identities) == 8
    assert depot.left_out_count == 2
    lines = [(problem.file, problem.line) for problem in depot.notices]
    assert lines == [("identities.csv", 10), ("identities.csv", 10), ("identities.csv", 11)]


def test_rule_22_more_bad_rows_than_may_vanish_from_a_feed_stop_the_load(tmp_path: Path) -> None:
    folder = write(tmp_path, site=SKIPPING, identities=rows(7, "x\nx"))
    assert problems_of(folder) == [
        "identities.csv: expected at most 20% bad rows, which are left out, got 2 of 9",
        "identities.csv:9: expected 7 fields, got 1",
        "identities.csv:10: expected 7 fields, got 1",
    ]


@pytest.mark.parametrize("header", ["", f"{ROW}\n", f"\x00{HEADER}\n"])
def test_a_file_without_its_header_is_refused_whatever_the_site_says(
    tmp_path: Path, header: str
) -> None:
    folder = write(tmp_path, site=SKIPPING, identities=header)
    assert problems_of(folder)[-1].startswith("identities.csv:1: expected ")


def test_rows_beyond_the_limit_are_never_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities_file, "IDENTITIES_MAX", 8)
    assert problems_of(write(tmp_path, site=SKIPPING, identities=rows(8, ROW))) == [
        "identities.csv:10: expected at most 8 rows; what follows is not read"
    ]


@pytest.mark.parametrize("shift", range(1, 7))
def test_an_identifier_in_any_other_column_is_not_repeated(tmp_path: Path, shift: int) -> None:
    """Rule 26. `problems_of` looks for the card's number in every problem."""
    fields = ROW.split(",")
    identities = spoilt(IDENTITIES, ROW, ",".join(fields[shift:] + fields[:shift]))
    assert problems_of(write(tmp_path, identities=identities))


def test_a_header_that_is_a_row_is_not_repeated(tmp_path: Path) -> None:
    (problem,) = problems_of(write(tmp_path, identities=f"{ROW}\n{ROW}\n"))
    assert problem == f"identities.csv:1: expected the header {HEADER}, got another line"


def test_a_default_tag_of_a_make_that_is_not_here_is_a_card_like_any_other(tmp_path: Path) -> None:
    """Rule 17 reserves what this depot's chargers present, not what any maker ever chose."""
    identities = spoilt(IDENTITIES, CARD, "A0000000")
    chargers = spoilt(CHARGERS, "microocpp", "easee").replace("CP-3,,,0,,,", "CP-3,,,0,,standard,")
    assert len(read(write(tmp_path, chargers=chargers, identities=identities)).identities) == 2


@pytest.mark.parametrize(("ocpp", "reserved"), [("", True), ("1.6", True), ("2.0.1", False)])
def test_rule_17_a_profile_that_may_be_found_reserves_its_tag_at_once(
    tmp_path: Path, ocpp: str, reserved: bool
) -> None:
    """No card is loaded that a charger's first boot would make the freevend tag."""
    identities = spoilt(IDENTITIES, CARD, "A0000000")
    chargers = spoilt(CHARGERS, "microocpp", "easee").replace("CP-3,,,0", f"CP-3,,{ocpp},0")
    folder = write(tmp_path, chargers=chargers, identities=identities)
    if reserved:
        (problem,) = problems_of(folder)
        assert problem.startswith("identities.csv:2: identifier: it is a reserved freevend tag")
        assert "profile microocpp" in problem
        assert "name the profile of each charger" in problem
    else:
        assert len(read(folder).identities) == 2


def test_a_renewal_stands_beside_what_it_renews(tmp_path: Path) -> None:
    identities = f"{IDENTITIES}{ROW.replace(FROM, '2026-03-01T00:00:00+11:00')}\n"
    assert len(read(write(tmp_path, identities=identities)).identities) == 3


def test_more_identities_than_a_worker_is_made_for_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities_file, "IDENTITIES_MAX", 1)
    assert problems_of(write(tmp_path)) == [
        "identities.csv:3: expected at most 1 rows; what follows is not read"
    ]


def test_progress_ends_with_every_row(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    read_depot(write(tmp_path), KEYS, NOW, lambda done, total: told.append((done, total)))
    assert told == [(0, 2), (2, 2)]


def test_the_revision_is_of_what_rows_say_in_any_order(tmp_path: Path) -> None:
    rows = read(write(tmp_path)).identities
    assert read(write(tmp_path)).identity_revision == content_revision(rows)
    (bus_key, bus), (courier_key, courier) = rows.items()
    assert content_revision({courier_key: courier, bus_key: bus}) == content_revision(rows)
    moved = {bus_key: bus._replace(line=7), courier_key: courier}
    assert content_revision(moved) == content_revision(rows)
    assert content_revision({bus_key: bus}) != content_revision(rows)
    revoked = {bus_key: bus._replace(state=IdentityState.REVOKED), courier_key: courier}
    assert content_revision(revoked) != content_revision(rows)


@pytest.mark.parametrize("written", ["FleetCard", "fleetcard"])
def test_a_free_type_is_read_where_site_yaml_names_it(tmp_path: Path, written: str) -> None:
    """Rule 17, OCPP 2.1."""
    site = f"{SITE}identifier_types: [FLEETcard]\n"
    identities = spoilt(IDENTITIES, "ISO14443", written)
    bus, _ = read(write(tmp_path, site=site, identities=identities)).identities.values()
    assert bus.pseudonym == KEYS.current(Candidate("FLEETCARD", CARD))
    assert bus.display == "FLEETCARD …5F6"


def test_a_free_type_that_a_refused_site_may_name_is_no_problem_of_its_row(tmp_path: Path) -> None:
    site = spoilt(SITE, "Europe/Berlin", "Europe/Nowhere")
    identities = spoilt(IDENTITIES, "ISO14443", "FleetCard")
    found = problems_of(write(tmp_path, site=site, identities=identities))
    assert [line.partition(":")[0] for line in found] == ["site.yaml"]


@pytest.mark.parametrize("name", ["iso14443", "fleet card", "", "A" * 21])
def test_a_free_type_that_is_none_is_refused_in_site_yaml(tmp_path: Path, name: str) -> None:
    (problem,) = problems_of(write(tmp_path, site=f'{SITE}identifier_types: ["{name}"]\n'))
    assert "expected 1 to 20 letters and digits, and no type that OCPP names" in problem


def test_a_site_may_read_cards_from_either_end(tmp_path: Path) -> None:
    depot = read(write(tmp_path, site=f"{SITE}card_byte_order: either\n"))
    assert depot.site.forms.either_byte_order
    assert not read(write(tmp_path)).site.forms.either_byte_order
    (problem,) = problems_of(write(tmp_path, site=f"{SITE}card_byte_order: reversed\n"))
    assert problem.startswith("site.yaml:")


def test_a_wrong_check_digit_is_told_and_loaded_and_told_of_few(tmp_path: Path) -> None:
    contract = IDENTITIES.splitlines()[2]
    rows = "".join(
        f"{contract}\n".replace("DE-8AA-C12345678-D", f"DE-8AA-C{number:08}-0")
        for number in range(2, 30)
    )
    depot = read(write(tmp_path, identities=f"{IDENTITIES}{rows}"))
    assert len(depot.identities) == 30
    told = [str(notice) for notice in depot.notices]
    assert told[0].startswith("identities.csv:4: identifier: its check digit is not the one")
    assert len(told) == NOTICES_KEPT + 1
    assert told[-1].endswith("notices more in this file")
