"""What is made of an iCalendar file, and what is refused of it by name (rules 1, 4, 5, 8)."""
# ruff: noqa: E501 - tables, one case a line

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from connectors.feeds.icalendar_lines import LINES_MAX
from models.schedule import Mode
from tests.connectors.feeds.calendars import calendar, event, read_calendar, refusals_of
from tests.connectors.feeds.folders import begin_with

NIGHT = "DTSTART;TZID=Europe/Berlin:20260105T180000\nDTEND;TZID=Europe/Berlin:20260106T060000\n"
"""A Monday's; line 5 and 6 of a calendar with one event."""
DAY = "DTSTART;VALUE=DATE:20260105\n"
EVERY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def said(text: str, **how: Any) -> dict[str, Any]:
    """The schedule without what it says by default."""
    schedule = read_calendar(text, **how).schedule
    found = schedule.model_dump(mode="json", exclude_defaults=True)
    for key in ("windows", "exceptions", "holidays"):
        for each in found.get(key, ()):
            assert each.pop("mode") == "managed"
    return {key: value for key, value in found.items() if key not in ("id", "default")}


# fmt: off
READ = [
    # What an event says                                                           what becomes of it
    # Rules
    (NIGHT + "RRULE:FREQ=WEEKLY",
        {"valid_from": "2026-01-05", "windows": [{"days": ["mon"], "from": "18:00", "to": "06:00"}]}),
    (NIGHT + "RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR;UNTIL=20261231T225959Z",
        {"valid_from": "2026-01-05", "valid_to": "2026-12-31",
         "windows": [{"days": ["mon", "wed", "fri"], "from": "18:00", "to": "06:00"}]}),
    (NIGHT + "RRULE:FREQ=DAILY;COUNT=3",
        {"valid_from": "2026-01-05", "valid_to": "2026-01-07",
         "windows": [{"days": EVERY, "from": "18:00", "to": "06:00"}]}),
    (NIGHT + "RRULE:FREQ=DAILY;BYDAY=MO,TU",
        {"valid_from": "2026-01-05", "windows": [{"days": ["mon", "tue"], "from": "18:00", "to": "06:00"}]}),
    # UNTIL is an instant, and inclusive: the start of the 12th, and a second before it.
    (NIGHT + "RRULE:FREQ=WEEKLY;UNTIL=20260112T170000Z",
        {"valid_from": "2026-01-05", "valid_to": "2026-01-12", "windows": [{"days": ["mon"], "from": "18:00", "to": "06:00"}]}),
    (NIGHT + "RRULE:FREQ=WEEKLY;UNTIL=20260112T165959Z",
        {"valid_from": "2026-01-05", "valid_to": "2026-01-11", "windows": [{"days": ["mon"], "from": "18:00", "to": "06:00"}]}),
    # An UNTIL of another kind than DTSTART, where it means one date to everybody.
    (NIGHT + "RRULE:FREQ=WEEKLY;UNTIL=20260115",
        {"valid_from": "2026-01-05", "valid_to": "2026-01-13", "windows": [{"days": ["mon"], "from": "18:00", "to": "06:00"}]}),
    (NIGHT + "RRULE:FREQ=WEEKLY;UNTIL=20260112T190000",
        {"valid_from": "2026-01-05", "valid_to": "2026-01-12", "windows": [{"days": ["mon"], "from": "18:00", "to": "06:00"}]}),
    (DAY + "RRULE:FREQ=WEEKLY;UNTIL=20260115T080000Z",
        {"valid_from": "2026-01-05", "valid_to": "2026-01-14", "windows": [{"days": ["mon"], "from": "00:00", "to": "00:00"}]}),
    (DAY + "RRULE:FREQ=WEEKLY;UNTIL=20260112T000000",
        {"valid_from": "2026-01-05", "valid_to": "2026-01-12", "windows": [{"days": ["mon"], "from": "00:00", "to": "00:00"}]}),
    (NIGHT + "RRULE:FREQ=WEEKLY;INTERVAL=2",
        {"windows": [{"days": ["mon"], "from": "18:00", "to": "06:00", "every_weeks": 2, "valid_from": "2026-01-05"}]}),
    # The example of RFC 5545, 3.3.10, with Sunday's week beginning on Sunday.
    (NIGHT + "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU",
        {"windows": [{"days": ["mon"], "from": "18:00", "to": "06:00", "every_weeks": 2, "valid_from": "2026-01-05"},
                     {"days": ["sun"], "from": "18:00", "to": "06:00", "every_weeks": 2, "valid_from": "2026-01-18"}]}),
    # Every second day is a pattern of two weeks.
    (NIGHT + "RRULE:FREQ=DAILY;INTERVAL=2",
        {"windows": [{"days": ["mon", "wed", "fri", "sun"], "from": "18:00", "to": "06:00", "every_weeks": 2, "valid_from": "2026-01-05"},
                     {"days": ["tue", "thu", "sat"], "from": "18:00", "to": "06:00", "every_weeks": 2, "valid_from": "2026-01-13"}]}),
    (DAY + "RRULE:FREQ=WEEKLY;UNTIL=20260112",
        {"valid_from": "2026-01-05", "valid_to": "2026-01-12", "windows": [{"days": ["mon"], "from": "00:00", "to": "00:00"}]}),
    # More dates, and fewer
    (NIGHT + "RRULE:FREQ=WEEKLY\nEXDATE;TZID=Europe/Berlin:20260112T180000,20260119T180000",
        {"valid_from": "2026-01-05", "windows": [{"days": ["mon"], "from": "18:00", "to": "06:00", "except_dates": ["2026-01-12", "2026-01-19"]}]}),
    (NIGHT + "RRULE:FREQ=WEEKLY\nEXDATE:20260112T170000Z\nEXDATE;VALUE=DATE:20260119",
        {"valid_from": "2026-01-05", "windows": [{"days": ["mon"], "from": "18:00", "to": "06:00", "except_dates": ["2026-01-12", "2026-01-19"]}]}),
    (NIGHT + "RRULE:FREQ=WEEKLY\nRDATE;TZID=Europe/Berlin:20260106T200000",
        {"valid_from": "2026-01-05", "windows": [{"days": ["mon"], "from": "18:00", "to": "06:00"}],
         "exceptions": [{"date": "2026-01-06", "from": "20:00"}, {"date": "2026-01-07", "to": "08:00"}]}),
    # Whole days without those that begin at a midnight: of a zone, or as UTC has it.
    (DAY + "RRULE:FREQ=WEEKLY\nEXDATE;TZID=Europe/Berlin:20260112T000000\nEXDATE:20260118T230000Z,20260126T000000Z",
        {"valid_from": "2026-01-05", "windows": [{"days": ["mon"], "from": "00:00", "to": "00:00", "except_dates": ["2026-01-12", "2026-01-19", "2026-01-26"]}]}),
    # Moved within its date: only the one that is named goes.
    (NIGHT + "RRULE:FREQ=WEEKLY\nEXDATE;TZID=Europe/Berlin:20260112T180000\nRDATE;TZID=Europe/Berlin:20260112T200000",
        {"valid_from": "2026-01-05", "windows": [{"days": ["mon"], "from": "18:00", "to": "06:00", "except_dates": ["2026-01-12"]}],
         "exceptions": [{"date": "2026-01-12", "from": "20:00"}, {"date": "2026-01-13", "to": "08:00"}]}),
    (DAY + "RDATE;VALUE=DATE:20260107\nEXDATE;VALUE=DATE:20260105", {"exceptions": [{"date": "2026-01-07"}]}),
    # Longer than a day: each day of it is a window, and EXDATE takes all of them.
    ("DTSTART;TZID=Europe/Berlin:20260109T180000\nDTEND;TZID=Europe/Berlin:20260112T060000\nRRULE:FREQ=WEEKLY\nEXDATE;TZID=Europe/Berlin:20260116T180000",
        {"windows": [
            {"days": ["fri"], "from": "18:00", "to": "00:00", "valid_from": "2026-01-09", "except_dates": ["2026-01-16"]},
            {"days": ["sat"], "from": "00:00", "to": "00:00", "valid_from": "2026-01-10", "except_dates": ["2026-01-17"]},
            {"days": ["sun"], "from": "00:00", "to": "00:00", "valid_from": "2026-01-11", "except_dates": ["2026-01-18"]},
            {"days": ["mon"], "from": "00:00", "to": "06:00", "valid_from": "2026-01-12", "except_dates": ["2026-01-19"]}]}),
    # More weeks than a window's: written out.
    (NIGHT + "RRULE:FREQ=WEEKLY;INTERVAL=200;COUNT=2",
        {"exceptions": [{"date": "2026-01-05", "from": "18:00"}, {"date": "2026-01-06", "to": "06:00"},
                        {"date": "2029-11-05", "from": "18:00"}, {"date": "2029-11-06", "to": "06:00"}]}),
    # Once
    (NIGHT, {"exceptions": [{"date": "2026-01-05", "from": "18:00"}, {"date": "2026-01-06", "to": "06:00"}]}),
    (DAY, {"exceptions": [{"date": "2026-01-05"}]}),
    (DAY + "DTEND;VALUE=DATE:20260107", {"exceptions": [{"date": "2026-01-05"}, {"date": "2026-01-06"}]}),
    (DAY + "DURATION:P1W", {"exceptions": [{"date": f"2026-01-{day:02}"} for day in range(5, 12)]}),
    ("DTSTART:20260105T080000\nDURATION:PT90M", {"exceptions": [{"date": "2026-01-05", "from": "08:00", "to": "09:30"}]}),
    # Zones: UTC, another one, either name, and what programs put before it.
    ("DTSTART:20260105T070000Z\nDTEND:20260105T083000Z", {"exceptions": [{"date": "2026-01-05", "from": "08:00", "to": "09:30"}]}),
    ("DTSTART;TZID=Asia/Kathmandu:20260105T070000\nDURATION:PT1H", {"exceptions": [{"date": "2026-01-05", "from": "02:15", "to": "03:15"}]}),
    ("DTSTART;TZID=W. Europe Standard Time:20260105T080000\nDURATION:PT1H", {"exceptions": [{"date": "2026-01-05", "from": "08:00", "to": "09:00"}]}),
    ('DTSTART;TZID="GMT Standard Time":20260105T080000\nDURATION:PT1H', {"exceptions": [{"date": "2026-01-05", "from": "09:00", "to": "10:00"}]}),
    ("DTSTART;TZID=/mozilla.org/20050126_1/Europe/Lisbon:20260105T080000\nDURATION:PT1H", {"exceptions": [{"date": "2026-01-05", "from": "09:00", "to": "10:00"}]}),
    ("DTSTART;TZID=/freeassociation.sourceforge.net/Tzfile/America/Argentina/Salta:20260105T080000\nDURATION:PT1H", {"exceptions": [{"date": "2026-01-05", "from": "12:00", "to": "13:00"}]}),
    # Flying west: each end in its own zone.
    ("DTSTART;TZID=Europe/Berlin:20260105T080000\nDTEND;TZID=Europe/London:20260105T083000", {"exceptions": [{"date": "2026-01-05", "from": "08:00", "to": "09:30"}]}),
    # A rule in another zone whose clocks stay as far away: on the day after, where it passes midnight.
    ("DTSTART;TZID=Europe/London:20260105T233000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;BYDAY=MO,SU;INTERVAL=2;WKST=SU",
        {"windows": [{"days": ["mon", "tue"], "from": "00:30", "to": "01:30", "every_weeks": 2, "valid_from": "2026-01-06"}]}),
    # In UTC: up to the next clock change it stays as far away.
    ("DTSTART:20260105T070000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20260328T070000Z\nEXDATE:20260106T070000Z",
        {"valid_from": "2026-01-05", "valid_to": "2026-03-28", "windows": [{"days": EVERY, "from": "08:00", "to": "09:00", "except_dates": ["2026-01-06"]}]}),
    # Rule 5: as long on the wall clock, each night; once, hours are elapsed (25 October 2026).
    ("DTSTART;TZID=Europe/Berlin:20261024T220000\nDURATION:PT8H\nRRULE:FREQ=WEEKLY",
        {"valid_from": "2026-10-24", "windows": [{"days": ["sat"], "from": "22:00", "to": "06:00"}]}),
    ("DTSTART;TZID=Europe/Berlin:20261024T220000\nDURATION:PT8H",
        {"exceptions": [{"date": "2026-10-24", "from": "22:00"}, {"date": "2026-10-25", "to": "05:00"}]}),
    ("DTSTART;TZID=Europe/Berlin:20261024T220000\nDTEND;TZID=Europe/Berlin:20261025T060000",
        {"exceptions": [{"date": "2026-10-24", "from": "22:00"}, {"date": "2026-10-25", "to": "06:00"}]}),
    # What changes nothing of when it is.
    (DAY + "DESCRIPTION:RRULE:FREQ=YEARLY\nTRANSP:TRANSPARENT\nX-MOZ-GENERATION:1\nSTATUS:TENTATIVE\nCOLOR:red\nBEGIN:VALARM\nTRIGGER:-PT15M\nEND:VALARM",
        {"exceptions": [{"date": "2026-01-05"}]}),
    (DAY + r"SUMMARY:Christmas\, and\nNew  Year", {"exceptions": [{"date": "2026-01-05", "name": "Christmas, and New Year"}]}),
    (DAY + "SUMMARY:" + "x" * 101, {"exceptions": [{"date": "2026-01-05", "name": "x" * 99 + "…"}]}),
    (DAY + "SUMMARY:Fol\n ded", {"exceptions": [{"date": "2026-01-05", "name": "Folded"}]}),
]


@pytest.mark.parametrize(("says", "expected"), READ)
def test_an_event_becomes_what_the_grammar_says(says: str, expected: dict[str, Any]) -> None:
    assert said(calendar(event(says))) == expected


REFUSED = [
    # What an event says                             line, and how the message goes on
    (NIGHT + "RRULE:FREQ=MONTHLY",                   "7: event 'u1': RRULE FREQ=MONTHLY is not read; expected DAILY or WEEKLY (rule 1)"),
    (NIGHT + "RRULE:FREQ=YEARLY;BYMONTH=1",          "7: event 'u1': RRULE BYMONTH is not read"),
    (NIGHT + "RRULE:FREQ=HOURLY",                    "7: event 'u1': RRULE FREQ=HOURLY is not read"),
    (NIGHT + "RRULE:RSCALE=HEBREW;FREQ=WEEKLY",      "7: event 'u1': RRULE RSCALE is not read"),
    (NIGHT + "RRULE:FREQ=WEEKLY;BYDAY=MO;BYSETPOS=1", "7: event 'u1': RRULE BYSETPOS is not read"),
    (NIGHT + "RRULE:FREQ=WEEKLY;BYHOUR=8",           "7: event 'u1': RRULE BYHOUR is not read"),
    (NIGHT + "RRULE:FREQ=WEEKLY;BYDAY=1MO",          "7: event 'u1': RRULE BYDAY=1MO is not read"),
    (NIGHT + "RRULE:FREQ=WEEKLY;INTERVAL=0",         "7: event 'u1': RRULE INTERVAL: expected 1 to 10,000, got '0'"),
    (NIGHT + "RRULE:FREQ=WEEKLY;COUNT=1;UNTIL=20270101T000000Z", "7: event 'u1': RRULE: expected COUNT or UNTIL, got both"),
    (NIGHT + "RRULE:FREQ=WEEKLY;FREQ=DAILY",         "7: event 'u1': RRULE: expected FREQ once"),
    (NIGHT + "RRULE:COUNT=2",                        "7: event 'u1': RRULE FREQ= is not read"),
    (NIGHT + "RRULE:FREQ=WEEKLY;UNTIL=20261228",     "7: event 'u1': RRULE UNTIL: expected a time in UTC (20261231T225959Z), as DTSTART asks for"),
    (NIGHT + "RRULE:FREQ=WEEKLY;UNTIL=20261228T173000", "7: event 'u1': RRULE UNTIL: expected a time in UTC"),
    (DAY + "RRULE:FREQ=WEEKLY;UNTIL=20261228T000000Z", "6: event 'u1': RRULE UNTIL: expected a date"),
    (NIGHT + "RRULE:FREQ=WEEKLY;UNTIL=20250101T000000Z", "7: event 'u1': RRULE UNTIL: expected an end after DTSTART"),
    (NIGHT + "RRULE:FREQ=WEEKLY;BYDAY=TU",           "5: event 'u1': DTSTART (2026-01-05) is none of the dates of its RRULE"),
    (NIGHT + "RRULE:FREQ=WEEKLY\nRRULE:FREQ=DAILY",  "8: event 'u1': expected RRULE once, got it again"),
    (NIGHT + "EXRULE:FREQ=WEEKLY",                   "7: event 'u1': EXRULE is not read"),
    (NIGHT + "RDATE;VALUE=PERIOD:20260101T000000Z/PT1H", "7: event 'u1': RDATE;VALUE='PERIOD' is not read"),
    (NIGHT + "RDATE;VALUE=DATE:20260101",            "7: event 'u1': RDATE: expected dates or times as DTSTART has them"),
    (DAY + "EXDATE:20260105T080000Z",                "6: event 'u1': EXDATE: expected dates"),
    (NIGHT + "RECURRENCE-ID:20260105T170000Z",       "7: event 'u1': RECURRENCE-ID (one occurrence, changed) is not read"),
    (NIGHT + "STATUS:CANCELLED\nRECURRENCE-ID:20260105T170000Z", "8: event 'u1': RECURRENCE-ID"),
    (DAY + "RDATE;VALUE=DATE:" + ",".join(["20260106"] * 1001), "6: event 'u1': RDATE: expected at most 1,000 dates of an event"),
    (NIGHT + "X-MICROSOFT-RRULE;VALUE=RECUR:FREQ=WEEKLY", "7: event 'u1': X-MICROSOFT-RRULE is not read (rule 1)"),
    (NIGHT + "FREQUENTLY:yes",                       "7: event 'u1': FREQUENTLY is not read"),
    (NIGHT + "BEGIN:VTODO\nEND:VTODO",               "7: event 'u1': VTODO in an event is not read"),
    ("DTSTART:20260105T180000",                      "3: event 'u1': expected DTEND or DURATION, and both are missing"),
    ("DTEND:20260105T180000",                        "3: event 'u1': expected DTSTART, and it is missing"),
    (NIGHT + "DURATION:PT1H",                        "7: event 'u1': expected DTEND or DURATION, got both"),
    ("DTSTART:20260105T180000\nDTEND:20260105T180000", "6: event 'u1': expected an end after its start"),
    ("DTSTART:20260105T180000\nDURATION:-PT1H",      "6: event 'u1': DURATION: expected some time, got -PT1H"),
    ("DTSTART:20260105T180000\nDURATION:PT",         "6: event 'u1': DURATION: expected PT8H or P1D, got 'PT'"),
    ("DTSTART:20260105T180000\nDURATION:PT0S",       "6: event 'u1': DURATION: expected some time"),
    (DAY + "DURATION:PT8H",                          "6: event 'u1': DURATION: expected whole days"),
    (DAY + "DTEND:20260106T000000",                  "6: event 'u1': DTEND: expected a date or a time as DTSTART has it"),
    (DAY + "DTEND;VALUE=DATE:20270105\nRRULE:FREQ=WEEKLY", "6: event 'u1': expected at most 31 days of an event that recurs"),
    (DAY + "DTEND;VALUE=DATE:20300105",              "6: event 'u1': expected at most 1,000 days"),
    ("DTSTART:20260105T180030\nDURATION:PT1H",       "5: event 'u1': DTSTART: expected whole minutes, got '18:00:30'"),
    ("DTSTART:20260105T180000\nDURATION:PT90S",      "6: event 'u1': DURATION: expected whole minutes"),
    ("DTSTART:20261305T180000\nDURATION:PT1H",       "5: event 'u1': DTSTART: expected a date (20261218) or a time"),
    ("DTSTART:16010101T000000\nDURATION:PT1H",       "5: event 'u1': DTSTART: expected a date (20261218) or a time (20261218T180000, with Z in UTC) from 1970 to 2200"),
    ("DTSTART;VALUE=DATE:20260105T180000",           "5: event 'u1': DTSTART: expected a DATE, got"),
    ("DTSTART;VALUE=PERIOD:20260105T180000",         "5: event 'u1': DTSTART;VALUE='PERIOD' is not read"),
    ("DTSTART;TZID=Mars/Base:20260105T180000",       "5: event 'u1': TZID 'Mars/Base' is no time zone that is known here"),
    ("DTSTART;TZID=../../etc/passwd:20260105T180000", "5: event 'u1': TZID '../../etc/passwd' is no time zone"),
    ("DTSTART;TZID:20260105T180000",                 "5: event 'u1': expected DTSTART;PARAMETER=…:VALUE"),
    # Rule 4: a local time that comes twice means the first; the second has no name.
    ("DTSTART:20261025T010000Z\nDURATION:PT1H",      "5: event 'u1': DTSTART 20261025T010000Z is in the hour that comes twice in Europe/Berlin"),
    ("DTSTART:20261024T220000Z\nDTEND:20261025T013000Z", "6: event 'u1': DTEND 20261025T013000Z is in the hour that comes twice"),
    ("DTSTART:20260105T070000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY", "7: event 'u1': it recurs in UTC, whose clocks do not stay equally far from those of Europe/Berlin"),
    ("DTSTART:20260105T070000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20260329T070000Z", "7: event 'u1': it recurs in UTC"),
    ("DTSTART;TZID=America/New_York:20260105T070000\nDURATION:PT1H\nRRULE:FREQ=DAILY", "7: event 'u1': it recurs in America/New_York"),
    ("DTSTART;TZID=Europe/Berlin:20260105T070000\nDTEND;TZID=Europe/Paris:20260105T080000\nRRULE:FREQ=DAILY", "6: event 'u1': DTEND of an event that recurs: expected the zone of its DTSTART"),
    (NIGHT + "X-DEPOTGATE-MODE:closed",              "7: event 'u1': X-DEPOTGATE-MODE: expected freevend or managed, got 'closed'"),
    (NIGHT + "X-DEPOTGATE-LAYER:lock",               "7: event 'u1': X-DEPOTGATE-LAYER: expected exception, holiday, window"),
    (NIGHT + "RRULE:FREQ=WEEKLY;INTERVAL=200",       "3: event 'u1': it recurs for ever, and is written out date by date"),
    (NIGHT + "RRULE:FREQ=DAILY;COUNT=600\nX-DEPOTGATE-LAYER:exception", "3: event 'u1': expected at most 1,000 dates of a schedule"),
]


@pytest.mark.parametrize(("says", "expected"), REFUSED)
def test_what_is_not_read_is_refused_by_name_with_uid_and_line(says: str, expected: str) -> None:
    """Rule 1: never dropped."""
    found = refusals_of(calendar(event(says)))
    assert begin_with(found, [f"shifts.ics:{expected}"]), found


FILES: list[tuple[str | bytes, str]] = [
    # The file                                       how the message begins
    ("",                                             ":1: expected an iCalendar file, beginning with BEGIN:VCALENDAR"),
    ("site: depot\n",                                ":1: expected BEGIN:VCALENDAR, got SITE"),
    ("BEGIN:VEVENT\nEND:VEVENT\n",                   ":1: expected BEGIN:VCALENDAR, got BEGIN:VEVENT"),
    ("BEGIN:VCALENDAR\n",                            ":1: BEGIN:VCALENDAR has no END"),
    ("BEGIN:VCALENDAR\nEND:VEVENT\n",                ":2: END:VEVENT ends nothing that was begun"),
    ("BEGIN:VCALENDAR\nnothing\nEND:VCALENDAR\n",    ":2: expected NAME:VALUE as iCalendar has it"),
    (calendar().replace("2.0", "1.0"),               ":2: VERSION:1.0 is not read; expected 2.0"),
    (calendar(head="METHOD:CANCEL"),                 ":3: METHOD:CANCEL is not read; expected PUBLISH or REQUEST"),
    (calendar(head="CALSCALE:HEBREW"),               ":3: CALSCALE:HEBREW is not read"),
    (calendar("BEGIN:VTODO\nUID:t\nEND:VTODO"),      ":3: event 't': VTODO is not read; expected VEVENT"),
    (calendar("BEGIN:VFREEBUSY\nEND:VFREEBUSY"),     ":3: event without UID: VFREEBUSY is not read"),
    (calendar(event(NIGHT + "RRULE:FREQ=WEEKLY"), event(NIGHT + "RECURRENCE-ID:20260112T170000Z")),
                                                     ":13: event 'u1': RECURRENCE-ID (one occurrence, changed) is not read"),
    (calendar(event(DAY), event(DAY)),               ":8: event 'u1': its UID is that of the event on line 3; expected each once"),
    (b"BEGIN:VCALENDAR\r\nX-N:M\xfcnchen\r\nEND:VCALENDAR\r\n", ":2: expected UTF-8, got other bytes"),
    (calendar().encode("utf-16"),                    ":1: expected UTF-8, got UTF-16"),
    ("BEGIN:VCALENDAR\n" + "BEGIN:X\n" * 9,          ":9: expected at most 8 components in another"),
    ("BEGIN:VCALENDAR\n" + "X:\n" * LINES_MAX,       f":{LINES_MAX + 1}: expected at most 200,000 lines"),
]
# fmt: on


@pytest.mark.parametrize(("text", "expected"), FILES)
def test_what_is_no_calendar_is_said_in_a_sentence(text: str | bytes, expected: str) -> None:
    found = refusals_of(text)
    assert begin_with(found, [f"shifts.ics{expected}"]), found


def test_a_line_may_be_folded_within_a_character() -> None:
    """RFC 5545, 3.1: lines are folded by octets."""
    text = calendar(event(f"{DAY}SUMMARY:Müller")).encode()
    folded = text.replace(b"\xc3\xbc", b"\xc3\r\n \xbc").replace(b"\nSUMMARY", b"\nSUM\r\n\tMARY")
    (exception,) = read_calendar(folded).schedule.exceptions
    assert exception.name == "Müller"


def test_a_cancelled_event_is_skipped_and_reported() -> None:
    """Rule 1: whatever else it says."""
    cancelled = event(f"{DAY}STATUS:CANCELLED\nRRULE:FREQ=YEARLY", "gone")
    found = read_calendar(calendar(event(DAY), cancelled))
    assert len(found.schedule.exceptions) == 1
    assert [str(each) for each in found.notices] == [
        "shifts.ics:8: event 'gone' is cancelled: left out"
    ]


def test_what_takes_nothing_out_is_reported() -> None:
    """Rule 8: an EXDATE of a date on which none begins."""
    says = f"{NIGHT}RRULE:FREQ=WEEKLY\nEXDATE;VALUE=DATE:20260113"
    assert [str(each) for each in read_calendar(calendar(event(says))).notices] == [
        "shifts.ics:8: event 'u1': EXDATE 2026-01-13 takes nothing out: none begins then"
    ]


def test_times_without_a_zone_are_the_sites_and_another_intent_is_told() -> None:
    text = calendar(
        event("DTSTART:20260105T080000\nDURATION:PT1H"), head="X-WR-TIMEZONE:Asia/Tokyo"
    )
    found = read_calendar(text)
    assert found.schedule.exceptions[0].start == "08:00"
    assert [str(each) for each in found.notices] == [
        "shifts.ics:3: the calendar is of 'Asia/Tokyo'; its times without a zone are read in Europe/Berlin"
    ]


@pytest.mark.parametrize(
    ("made_by", "first_dates"),
    [
        # In one week, Monday to Sunday.
        ("-//Google Inc//Google Calendar 70.9054//EN", [date(2026, 1, 4)]),
        ("Microsoft Exchange Server 2010", [date(2026, 1, 4), date(2026, 1, 5)]),
    ],
)
def test_a_week_of_outlook_begins_on_sunday_where_none_is_said(
    made_by: str, first_dates: list[date]
) -> None:
    """[MS-OXCICAL] 2.1.3.2.1.9; RFC 5545 has Monday."""
    says = "DTSTART:20260104T180000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO"
    windows = read_calendar(calendar(event(says), head=f"PRODID:{made_by}")).schedule.windows
    assert [each.valid_from for each in windows] == first_dates


def test_events_of_opposite_modes_that_overlap_are_refused_with_both_named() -> None:
    """Rule 6."""
    says = f"{NIGHT}RRULE:FREQ=WEEKLY\nX-DEPOTGATE-MODE:"
    text = calendar(event(f"{says}managed"), event(f"{says}freevend", "u2"))
    assert refusals_of(text) == [
        "shifts.ics:10: event 'u2': window 'mon 18:00–06:00' (freevend) overlaps 'mon 18:00–06:00' "
        "(managed); opposite modes may touch, not overlap (rule 6); the other one is event 'u1' on line 3"
    ]


def test_events_that_begin_again_together_after_years_only_are_refused() -> None:
    thirteen, fifteen = (event(f"{NIGHT}RRULE:FREQ=WEEKLY;INTERVAL={n}", f"u{n}") for n in (13, 15))
    assert refusals_of(calendar(thirteen, fifteen)) == [
        "shifts.ics: expected events that begin again together within 104 weeks, got 195: the least "
        "common multiple of INTERVALs"
    ]


def test_as_holidays_all_events_are_dates() -> None:
    text = calendar(event(f"{DAY}RRULE:FREQ=WEEKLY;COUNT=2"), event(f"{DAY}DURATION:P1D", "u2"))
    schedule = read_calendar(text, mode=Mode.FREEVEND, holidays=True).schedule
    assert [each.on for each in schedule.holidays] == [
        date(2026, 1, 5),
        date(2026, 1, 12),
        date(2026, 1, 5),
    ]
    assert (schedule.windows, schedule.exceptions) == ((), ())


def test_a_schedule_has_a_limit_of_windows() -> None:
    says = f"{NIGHT}RRULE:FREQ=WEEKLY"
    found = refusals_of(calendar(*(event(says, f"u{number}") for number in range(201))))
    assert begin_with(found, ["shifts.ics:1203: event 'u200': expected at most 200 windows"]), found
