"""Stages by flags (rule 27): whose word counts, and what a reading changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.governing import Governing
from models.ids import SiteId
from models.schedule import Mode, Schedule
from models.site import Stage
from models.stages import EVERY_CHARGER, Reading, StageRecord, as_found_before, stage_change, staged
from models.timeline import Timeline
from models.zones import zone
from tests.connectors.ocpp.chargers import SITE, charger_record, site_record

NOW = datetime(2026, 7, 14, 20, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(days=1)
CHARGER, OWNER = charger_record(), site_record(loaded_at=BEFORE)
RULE = StageRecord(stage=Stage.SHADOW, since=BEFORE, provider="p")
UNREADABLE = Reading(None, "the flag could not be read (GENERAL)")


def row(stage: Stage | str, **fields: object) -> StageRecord:
    known: dict[str, object] = {
        "charger_id": CHARGER.charger_id,
        "site_id": SITE,
        "stage": stage,
        "since": BEFORE,
        "provider": "p",
    }
    return StageRecord.model_validate(known | fields)


def by_flags(*rows: StageRecord) -> dict[str, StageRecord]:
    return {EVERY_CHARGER: RULE} | {str(each.charger_id): each for each in rows}


def test_without_flags_the_stage_is_the_sites_since_it_was_loaded() -> None:
    assert staged(CHARGER.charger_id, OWNER, {}) == (Stage.ENFORCE, OWNER.loaded_at)


def test_rows_mean_nothing_where_flags_do_not_rule() -> None:
    rows = {str(CHARGER.charger_id): row(Stage.OFF)}
    assert staged(CHARGER.charger_id, OWNER, rows).stage is Stage.ENFORCE


def test_where_flags_rule_the_row_says_the_stage_and_since_when() -> None:
    found = staged(CHARGER.charger_id, OWNER, by_flags(row(Stage.OFF)))
    assert found == (Stage.OFF, BEFORE)


@pytest.mark.parametrize(
    "rows",
    [by_flags(), by_flags(row(Stage.ENFORCE, site_id=SiteId("south"))), by_flags(row("canary"))],
    ids=["no row", "a row of another site", "a stage of a newer version"],
)
def test_a_charger_that_no_row_speaks_of_is_in_shadow(rows: dict[str, StageRecord]) -> None:
    assert staged(CHARGER.charger_id, OWNER, rows).stage is Stage.SHADOW


def test_a_governed_charger_has_the_stage_of_its_site_until_told_another() -> None:
    timeline = Timeline(Schedule(id="day", default=Mode.MANAGED), zone("UTC"))
    governing = Governing(CHARGER, OWNER, "day", "site", timeline)
    assert (governing.stage, governing.stage_since) == (Stage.ENFORCE, OWNER.loaded_at)
    told = governing._replace(staged=staged(CHARGER.charger_id, OWNER, by_flags(row(Stage.OFF))))
    assert (told.stage, told.stage_since) == (Stage.OFF, BEFORE)


def changed(reading: Reading, rows: dict[str, StageRecord]) -> tuple[str, str] | None:
    """Stage before and after; None where nothing is written."""
    change = stage_change(CHARGER, OWNER, reading, rows, provider="p", now=NOW)
    return (change.before.value, str(change.row.stage)) if change else None


# fmt: off
CHANGES = [
    # flag                                  rows                           before and after
    (Reading(Stage.ENFORCE, "STATIC"),      by_flags(row(Stage.SHADOW)),   ("shadow", "enforce")),
    (Reading(Stage.ENFORCE, "STATIC"),      by_flags(row(Stage.ENFORCE)),  None),
    (Reading(Stage.OFF, "STATIC"),          by_flags(),                    ("shadow", "off")),
    # Until the first row is written site.yaml's stage holds.
    (Reading(Stage.SHADOW, "STATIC"),       {},                            ("enforce", "shadow")),
    (Reading(Stage.ENFORCE, "STATIC"),      {},                            ("enforce", "enforce")),
    # A flag that cannot be read keeps the last known stage; with none, shadow.
    (UNREADABLE,                            by_flags(row(Stage.ENFORCE)),  None),
    (UNREADABLE,                            by_flags(row(Stage.OFF)),      None),
    (UNREADABLE,                            by_flags(),                    ("shadow", "shadow")),
    (UNREADABLE,                            {},                            ("enforce", "shadow")),
    # A row that another site's flag wrote is no last known stage of this one.
    (UNREADABLE, by_flags(row(Stage.ENFORCE, site_id=SiteId("south"))),    ("shadow", "shadow")),
]
# fmt: on


@pytest.mark.parametrize(("reading", "rows", "expected"), CHANGES)
def test_rule_27_a_reading_changes_the_stage_only_where_it_says_one(
    reading: Reading, rows: dict[str, StageRecord], expected: tuple[str, str] | None
) -> None:
    assert changed(reading, rows) == expected


def test_a_change_says_since_when_by_whom_and_why() -> None:
    reading = Reading(Stage.OFF, "TARGETING_MATCH")
    change = stage_change(CHARGER, OWNER, reading, by_flags(), provider="unleash", now=NOW)
    assert change is not None
    assert change.row == row(Stage.OFF, since=NOW, provider="unleash", cause="TARGETING_MATCH")
    assert change.changes


def test_a_change_that_could_not_be_written_keeps_the_time_at_which_it_was_found() -> None:
    reading, later = Reading(Stage.OFF, "x"), NOW + timedelta(minutes=1)
    first = stage_change(CHARGER, OWNER, reading, {}, provider="p", now=NOW)
    again = stage_change(CHARGER, OWNER, reading, {}, provider="p", now=later)
    other = stage_change(CHARGER, OWNER, Reading(Stage.SHADOW, "x"), {}, provider="p", now=later)
    assert first is not None
    assert again is not None
    assert other is not None
    unwritten = {str(CHARGER.charger_id): first.row}
    assert as_found_before(again, unwritten).row.since == NOW
    assert as_found_before(again, {}).row.since == later
    assert as_found_before(other, unwritten) == other, "another stage is another change"
