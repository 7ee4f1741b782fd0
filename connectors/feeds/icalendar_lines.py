"""An iCalendar file as components with the lines on which they stand (RFC 5545, section 3.1).

A line may be folded anywhere, within a character too, so bytes are unfolded before they are read.
What a property says is taken apart with the `icalendar` package; only those are whose name is
asked for, so that pictures and invitations cost nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from icalendar.parser import Contentline

from connectors.feeds.places import Problems

CALENDAR_BYTES_MAX = 4 * 1024 * 1024
"""Ten thousand events as Outlook writes them; twenty years of holidays take 50 kB."""

LINES_MAX = 200_000
"""Unfolded; each is kept while the file is read."""

DEPTH_MAX = 8
"""A STANDARD in a VTIMEZONE in a VCALENDAR is three deep."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_NAME = re.compile(r"[A-Za-z0-9-]{1,100}(?=[;:])")
_UNQUOTED = re.compile(r"\A([A-Z-]+(?:;[^\":;]*)*;TZID=)(tzone://[^\":;]*)", re.IGNORECASE)
"""As Exchange writes some zones: the colon should be in quotes (RFC 5545, section 3.1)."""


class CalendarFault(Exception):  # noqa: N818 - it never leaves the reading of one calendar
    """What is wrong in a calendar, and on which line."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        self.message = message
        super().__init__(message)


class Property(NamedTuple):
    """A line of a component.

    Attributes:
        name: in upper case.
        line: 1-based, of its beginning.
    """

    name: str
    text: str
    line: int

    @property
    def value(self) -> str:
        """What is behind the colon, as written."""
        return self._parts()[1]

    def parameter(self, name: str) -> str | None:
        """A parameter's text without quotes; None where it is not there."""
        found = self._parts()[0].get(name)
        return found if found is None or isinstance(found, str) else ",".join(found)

    def _parts(self) -> tuple[dict[str, str | list[str]], str]:
        try:
            text = _UNQUOTED.sub(r'\1"\2"', self.text, count=1)
            _, parameters, value = Contentline(text).parts()  # type: ignore[no-untyped-call]
        except ValueError:
            raise CalendarFault(self.line, f"expected {self.name};PARAMETER=…:VALUE") from None
        return parameters, value


@dataclass(slots=True)
class Component:
    """What stands between BEGIN and END.

    Attributes:
        name: in upper case.
        line: 1-based, of its BEGIN.
    """

    name: str
    line: int
    properties: list[Property] = field(default_factory=list)
    inner: list[Component] = field(default_factory=list)

    def all(self, name: str) -> list[Property]:
        """Its lines of that name."""
        return [each for each in self.properties if each.name == name]

    def one(self, name: str) -> Property | None:
        """Its line of that name; None without. CalendarFault for a second one."""
        found = self.all(name)
        if len(found) > 1:
            raise CalendarFault(found[1].line, f"expected {name} once, got it again")
        return found[0] if found else None


def read_components(file: BinaryIO, name: str, problems: Problems) -> list[Component]:
    """The calendars of a file; empty where it is none, which is noted."""
    try:
        return _calendars(_lines(file))
    except CalendarFault as fault:
        problems.add(name, fault.line, fault.message)
        return []


def _calendars(lines: Iterator[tuple[int, bytes]]) -> list[Component]:
    outermost = Component("", 0)
    open_: list[Component] = [outermost]
    for number, raw in lines:
        line = _property(number, raw)
        if line.name == "BEGIN":
            if len(open_) > DEPTH_MAX:
                raise CalendarFault(number, f"expected at most {DEPTH_MAX} components in another")
            begun = Component(_word(line), number)
            if len(open_) == 1 and begun.name != "VCALENDAR":
                raise CalendarFault(number, f"expected BEGIN:VCALENDAR, got BEGIN:{begun.name}")
            open_[-1].inner.append(begun)
            open_.append(begun)
        elif len(open_) == 1:
            raise CalendarFault(number, f"expected BEGIN:VCALENDAR, got {line.name}")
        elif line.name == "END":
            if _word(line) != open_.pop().name:
                raise CalendarFault(number, f"END:{_word(line)} ends nothing that was begun")
        else:
            open_[-1].properties.append(line)
    if len(open_) > 1:
        raise CalendarFault(open_[-1].line, f"BEGIN:{open_[-1].name} has no END")
    if not outermost.inner:
        raise CalendarFault(1, "expected an iCalendar file, beginning with BEGIN:VCALENDAR")
    return outermost.inner


def _property(number: int, raw: bytes) -> Property:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise CalendarFault(number, "expected UTF-8, got other bytes; save it with that") from None
    named = _NAME.match(text)
    if named is None:
        raise CalendarFault(number, "expected NAME:VALUE as iCalendar has it (RFC 5545)")
    return Property(named[0].upper(), text, number)


def _word(line: Property) -> str:
    """Of a BEGIN or END, fit for a message."""
    word = line.text.partition(":")[2].strip().upper()
    return word if word.isprintable() and len(word) <= 40 else "?"


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Each line, unfolded, with the number of the one that it begins on."""
    parts: list[bytes] = []
    begun = count = 0
    for number, physical in enumerate(file, start=1):
        raw = physical.removesuffix(b"\n").removesuffix(b"\r")
        if number == 1:
            if raw.startswith(_UTF16_MARKS):
                raise CalendarFault(1, "expected UTF-8, got UTF-16; save it with that encoding")
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        if parts and raw[:1] in (b" ", b"\t"):
            parts.append(raw[1:])
            continue
        if parts:
            yield begun, b"".join(parts)
        parts, begun = ([raw], number) if raw.strip() else ([], number)
        count += bool(parts)
        if count > LINES_MAX:
            raise CalendarFault(number, f"expected at most {LINES_MAX:,} lines")
    if parts:
        yield begun, b"".join(parts)
