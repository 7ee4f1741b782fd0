"""Whatever bytes a calendar has: it is read, or refused in sentences with a line (rule 1)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import DepotRefusedError, Problem
from tests.connectors.feeds.calendars import calendar, event, read_calendar
from tests.connectors.feeds.test_calendars_of_programs import APPLE, GOOGLE, OUTLOOK

RICH = calendar(
    event(
        "DTSTART;TZID=Europe/London:20260105T180000\nDURATION:P1DT2H\n"
        "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU;COUNT=9\n"
        "RDATE;TZID=Europe/London:20260113T180000\nEXDATE:20260119T180000Z"
    ),
    event("DTSTART:20261025T020000\nDTEND:20261025T033000\nSUMMARY:a\\, b", "u2"),
    event("DTSTART;VALUE=DATE:20261224\nRRULE:FREQ=DAILY;UNTIL=20261226", "u3"),
)
SOUND = tuple(text.replace("\n", "\r\n").encode() for text in (OUTLOOK, GOOGLE, APPLE, RICH))

# fmt: off
SIGNS = (
    b"\n", b"\r\n", b"\r\n ", b"\t", b":", b";", b",", b"=", b'"', b"\\", b"-", b"0", b"9", b"Z",
    b"T", b"P", b"19691231", b"99991231T235960Z", b"BEGIN:VEVENT\r\n", b"END:VEVENT\r\n",
    b"BEGIN:", b"END:", b";TZID=", b";VALUE=DATE", b";VALUE=DATE-TIME", b"COUNT=99999;",
    b"INTERVAL=9999;", b"FREQ=DAILY;", b"UNTIL=22001231T000000Z;", b"X-DEPOTGATE-LAYER:window\r\n",
    b"X-DEPOTGATE-BEGINS:ALWAYS\r\n", b"X-DEPOTGATE-MODE:freevend\r\n", b"\x00", b"\xff", b"\xc3",
    "\u2028".encode(), "\u0660".encode(), "İ".encode(),
)
# fmt: on
PIECES = st.one_of(st.binary(max_size=3), st.sampled_from(SIGNS))


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A sound calendar with a few pieces put in, taken out or doubled."""
    content = draw(st.sampled_from(SOUND))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 0, 1, 5, 40])))
        content = content[:start] + draw(PIECES) + content[end:]
    return content


def problems_of(content: bytes) -> tuple[Problem, ...]:
    try:
        read_calendar(content)
    except DepotRefusedError as refused:
        return refused.problems
    return ()


@given(spoilt())
@settings(max_examples=5 * settings().max_examples)
def test_a_spoilt_calendar_is_read_or_refused(content: bytes) -> None:
    problems = problems_of(content)
    lines = content.count(b"\n") + 1
    assert all(0 <= each.line <= lines for each in problems)
    assert all(each.message.isprintable() for each in problems)


@given(st.binary(max_size=200))
def test_what_is_no_calendar_is_refused(content: bytes) -> None:
    assert problems_of(content)
