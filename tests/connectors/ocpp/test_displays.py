"""Managed windows are announced on displays, and cleared at the edge (rules 25 and 27)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connectors.ocpp.displays import FIRST_MESSAGE_ID, announce
from models.display import reserved_texts
from models.governing import Governing
from models.languages import LANGUAGES, LANGUAGES_MAX
from models.schedule import Mode, Schedule
from models.site import Stage
from models.timeline import Timeline
from models.zones import zone
from tests.connectors.ocpp.calls import Rows, Stand, Wire, running, until
from tests.connectors.ocpp.chargers import site_record

EVENING = datetime(2026, 7, 14, 16, tzinfo=UTC)
MORNING = datetime(2026, 7, 15, 4, tzinfo=UTC)


@dataclass
class Governed(Rows):
    """Chargers that are in one mode all day."""

    mode: Mode = Mode.MANAGED

    def governing(self, charger_id: Any) -> Governing | None:
        site = next(iter(self.sites.values()))
        timeline = Timeline(Schedule(id="s", default=self.mode), zone("UTC"))
        return cast("Governing", SimpleNamespace(timeline=timeline, site=site, stage=site.stage))


def stand_at(
    stage: Stage = Stage.ENFORCE,
    languages: tuple[str, ...] = ("en",),
    mode: Mode = Mode.MANAGED,
) -> Stand:
    site = site_record().model_copy(update={"stage": stage, "languages": languages})
    stand = Stand(site=site)
    rows = Governed(stand.rows.sites, stand.rows.chargers, mode)
    stand.services = replace(stand.services, configuration=rows)
    return stand


def variables(available: str, formats: str = "ASCII,UTF8") -> dict[str, Any]:
    return {
        "getVariableResult": [
            {
                "component": {"name": "DisplayMessageCtrlr"},
                "variable": {"name": name},
                "attributeStatus": "Accepted",
                "attributeValue": value,
            }
            for name, value in (("Available", available), ("SupportedFormats", formats))
        ]
    }


async def said(stand: Stand, mode: Mode, answers: dict[str, Any], ocpp: Any = "2.0.1") -> Wire:
    """Everything that a charger is sent for a mode, answered by action."""
    async with running(stand, ocpp) as (connection, wire):
        task = asyncio.create_task(announce(connection, mode))
        place = 0
        while not task.done():
            await until(lambda place=place: task.done() or len(wire.sent) > place)  # type: ignore[misc]
            if len(wire.sent) > place:
                frame = wire.sent[place]
                wire.receive(3, frame[1], answers[frame[2]])
                place += 1
        await task
    return wire


ACCEPTED = {
    "GetVariables": variables("true"),
    "SetDisplayMessage": {"status": "Accepted"},
    "ClearDisplayMessage": {"status": "Unknown"},
}


@pytest.mark.parametrize("ocpp", ["2.0.1", "2.1"])
async def test_a_managed_window_is_announced_in_each_of_the_sites_languages(ocpp: Any) -> None:
    wire = await said(stand_at(languages=("de", "en")), Mode.MANAGED, ACCEPTED, ocpp)
    shown = [frame[3]["message"] for frame in wire.sent if frame[2] == "SetDisplayMessage"]
    assert [(one["message"]["language"], one["message"]["content"]) for one in shown] == [
        ("de", "Reserviert."),
        ("en", "Reserved."),
    ]
    assert [one["id"] for one in shown] == [FIRST_MESSAGE_ID, FIRST_MESSAGE_ID + 1]


async def test_the_announcement_is_cleared_in_so_many_words_at_the_edge_to_freevend() -> None:
    wire = await said(stand_at(mode=Mode.FREEVEND), Mode.FREEVEND, ACCEPTED)
    cleared = [frame[3]["id"] for frame in wire.sent if frame[2] == "ClearDisplayMessage"]
    assert cleared == [FIRST_MESSAGE_ID + place for place in range(LANGUAGES_MAX)]


@pytest.mark.parametrize("display", [variables("false"), variables("true", "URI")])
async def test_a_charger_that_shows_no_text_is_sent_none(display: dict[str, Any]) -> None:
    wire = await said(stand_at(), Mode.MANAGED, ACCEPTED | {"GetVariables": display})
    assert [frame[2] for frame in wire.sent] == ["GetVariables"]


async def test_a_window_that_is_over_by_now_is_not_announced() -> None:
    assert (await said(stand_at(mode=Mode.FREEVEND), Mode.MANAGED, {})).sent == []


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
async def test_rule_27_no_display_message_is_sent_outside_enforce(stage: Stage) -> None:
    assert (await said(stand_at(stage), Mode.MANAGED, {})).sent == []


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_a_window_is_named_by_its_hours_in_the_sites_zone(code: str) -> None:
    (text,) = reserved_texts(EVENING, MORNING, EVENING, "Europe/Berlin", (code,))
    assert text.language == code
    assert "18" in text.text
    assert "06" in text.text


def test_in_english_a_window_reads_as_people_say_it() -> None:
    (text,) = reserved_texts(EVENING, MORNING, EVENING, "Europe/Berlin", ("en",))
    assert text.text == "Reserved from 18:00 to 06:00."
