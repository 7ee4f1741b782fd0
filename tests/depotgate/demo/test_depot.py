"""The demo's depot is a folder as an operator writes one, and nothing it says is left to chance."""

from __future__ import annotations

import csv
import random
import stat
from collections import Counter
from pathlib import Path

from connectors.feeds.depot_folder import read_depot
from depotgate.demo.depot import DemoDepot, write_demo_depot
from models.identifiers import KeyEpoch, Pseudonymiser, normalise
from models.schedule import Mode, Schedule
from tests.depotgate.demo.histories import WRITTEN_AT
from tests.yaml_files import read_yaml

PSEUDONYMISER = Pseudonymiser((KeyEpoch("k1", bytes(range(32))),), "default")


def rows(depot: DemoDepot, name: str) -> list[dict[str, str]]:
    with (depot.folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_loader_takes_it_without_a_word_and_finds_what_the_demo_judges_by(
    depot: DemoDepot,
) -> None:
    read = read_depot(depot.folder, PSEUDONYMISER, WRITTEN_AT)
    assert read.notices == ()
    assert read.site.model_copy(update={"revision": depot.site.revision}) == depot.site
    unloaded = {"verifier": None, "revision": depot.site.revision}
    assert [row.record.model_copy(update=unloaded) for row in read.chargers] == [*depot.chargers]
    for row in read.chargers:
        charger_id, verifier = row.record.charger_id, row.record.verifier
        assert verifier is not None
        password = depot.passwords[charger_id]
        assert PSEUDONYMISER.verify_credential(charger_id, password, verifier)
    known = [(card.display, *card.row) for card in depot.cards if card.row is not None]
    assert [row[3:10] for row in read.identities.values()] == known


def test_chargers_speak_every_version_and_one_cannot_be_switched(
    depot: DemoDepot,
) -> None:
    written = rows(depot, "chargers.csv")
    assert Counter(row["ocpp"] for row in written) == {"1.6": 12, "2.0.1": 13, "2.1": 2}
    fixed = [charger for charger in depot.chargers if not depot.switchable(charger)]
    assert [(charger.ocpp, charger.profile) for charger in fixed] == [("1.6", "schneider")]


def test_one_charger_s_profile_is_left_to_be_found(depot: DemoDepot) -> None:
    unnamed = [row["charger_id"] for row in rows(depot, "chargers.csv") if not row["profile"]]
    assert unnamed == [*depot.boots]
    (charger,) = (each for each in depot.chargers if each.charger_id in depot.boots)
    assert depot.profile(charger).name == "microocpp"
    assert depot.switchable(charger)


def test_secrets_are_readable_by_their_owner_alone(depot: DemoDepot) -> None:
    for row in rows(depot, "chargers.csv"):
        kind, _, path = row["credential"].partition(":")
        assert kind == "file"
        secret = depot.folder / path
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        charger_id = next(c.charger_id for c in depot.chargers if c.charger_id == row["charger_id"])
        assert secret.read_text().strip() == depot.passwords[charger_id]
    assert len(set(depot.passwords.values())) == 27


def test_the_site_file_says_what_the_depot_holds(depot: DemoDepot) -> None:
    site = read_yaml(depot.folder / "site.yaml")
    # Not strict: in a file dates and modes are texts.
    written = [Schedule.model_validate(each, strict=False) for each in site["schedules"]]
    assert written == list(depot.site.schedules)
    assert (site["stage"], site["fail"], site["edge"]) == ("enforce", "closed", "finish")
    assert site.keys().isdisjoint({"access", "overstay", "feed", "identify_within_s"})


def test_all_the_time_two_groups_stay_as_they_are(depot: DemoDepot) -> None:
    for group, mode in (("bus-lane", Mode.MANAGED), ("street-side", Mode.FREEVEND)):
        for charger in depot.chargers:
            if charger.group == group:
                line = depot.timeline(charger.charger_id)
                assert line.mode_at(WRITTEN_AT) is mode
                assert line.next_change(WRITTEN_AT) is None


def test_cards_have_a_readable_form_and_show_different_tails(depot: DemoDepot) -> None:
    for card in depot.cards:
        assert normalise(card.card.id_type, card.card.token) == card.card.token
    assert len({card.display for card in depot.cards}) == len(depot.cards)


def test_records_of_known_cards_are_written_and_no_other(depot: DemoDepot) -> None:
    written = {row["identifier"] for row in rows(depot, "identities.csv")}
    known = {card.card.token for card in depot.cards if card.card.label != "unknown"}
    assert written == known
    assert {row["state"] for row in rows(depot, "identities.csv")} == {
        "active",
        "suspended",
        "revoked",
    }


def test_the_same_chance_gives_the_same_cards(tmp_path: Path, depot: DemoDepot) -> None:
    again = write_demo_depot(tmp_path / "again", WRITTEN_AT, rng=random.Random(7))
    assert again.cards == depot.cards
    assert again.passwords != depot.passwords
