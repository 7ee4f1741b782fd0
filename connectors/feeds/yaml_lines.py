"""YAML with the line of every key and item, so that a problem can be named where it stands.

What is read is YAML 1.2's core: words and numbers are what they look like. PyYAML reads 1.1, where
`off` is a boolean and 18:00 the number 1080; so its events are taken and not its values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import yaml

from connectors.feeds.places import Problems

Path = tuple[str | int, ...]
"""Keys and list places from the root to a value, as pydantic's `loc` has them."""

DEPTH_MAX = 16
"""A site.yaml is six levels deep. Looked at while reading: PyYAML takes hours over deep ones."""

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
"""libyaml reads a megabyte in half a second, Python in twenty."""

# YAML 1.2.2, section 10.3.2: the core schema, without octal and hexadecimal numbers.
_PLAIN: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (re.compile(r"|~|null|Null|NULL"), lambda _text: None),
    (re.compile(r"true|True|TRUE"), lambda _text: True),
    (re.compile(r"false|False|FALSE"), lambda _text: False),
    # Longer ones are no numbers that anybody means, and Python refuses thousands of digits.
    (re.compile(r"[-+]?[0-9]{1,18}"), int),
    (re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}"), float),
)


class Document(NamedTuple):
    """A YAML document.

    Attributes:
        content: plain Python values.
        lines: 1-based line of every key (where the key stands) and item.
        file: its name, for messages.
    """

    content: Any
    lines: dict[Path, int]
    file: str

    def line(self, path: Path) -> int:
        """The line of a value, or of the nearest thing around it that is in the file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


class _RefusedError(Exception):
    """What the text has that is not read, and its line."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


def read_yaml(file: str, text: str, problems: Problems) -> Document | None:
    """The document; None where it is no YAML, which is noted.

    Anchors, aliases and tags are refused: with them a few lines can stand for gigabytes, or for
    something else than they say. A key that is there twice is noted, and its first value taken.
    """
    reader = _Reader(file, _events(text), problems)
    try:
        content = reader.document()
    except _RefusedError as fault:
        problems.add(file, fault.line, str(fault))
        return None
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 0
        # libyaml puts the end of a text on a line of its own.
        line = min(line, text.count("\n") + 1)
        problems.add(file, line, f"expected YAML: {fault.problem or fault.context}{_begun(fault)}")
        return None
    except yaml.YAMLError:
        problems.add(file, 0, "expected YAML, got characters that it does not allow")
        return None
    return Document(content, reader.lines, file)


def _begun(fault: yaml.MarkedYAMLError) -> str:
    """Where a list, keys or a text began that does not end as it should."""
    if fault.context_mark is None or fault.problem is None:
        return ""
    return f" ({fault.context}, begun on line {fault.context_mark.line + 1})"


def _events(text: str) -> Iterator[yaml.Event]:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = _line(event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _RefusedError(line, "anchors (&name) and aliases (*name): write it out instead")
        if getattr(event, "tag", None):
            raise _RefusedError(line, "tags (!name) are not read; leave it out")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            raise _RefusedError(line, f"expected at most {DEPTH_MAX} levels of nesting")
        yield event


class _Reader:
    """Builds plain values from events. Its recursion is bounded by DEPTH_MAX."""

    def __init__(self, file: str, events: Iterator[yaml.Event], problems: Problems) -> None:
        self._file = file
        self._events = events
        self._problems = problems
        self.lines: dict[Path, int] = {}

    def document(self) -> Any:
        """The one document; None where there is none."""
        content = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _RefusedError(_line(event), "expected one document; leave the --- out")
                content = self._value(next(self._events), ())
        return content

    def _value(self, event: yaml.Event, path: Path) -> Any:
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        assert isinstance(event, yaml.ScalarEvent), "aliases are refused before"
        return event.value if event.style else _plain(event.value)

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            place = (*path, len(items))
            self.lines[place] = _line(event)
            items.append(self._value(event, place))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        content: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _RefusedError(_line(event), "expected a word as key, got a list or keys")
            key, line = event.value, _line(event)
            place = (*path, key)
            if key in content:
                self._problems.add(
                    self._file, line, f"{key!r} is here a second time, first on {self._said(place)}"
                )
                place = (*path, f"{key} again")
            self.lines[place] = line
            value = self._value(next(self._events), place)
            content.setdefault(key, value)
        return content

    def _said(self, place: Path) -> str:
        return f"line {self.lines[place]}; keep one"


def _plain(text: str) -> Any:
    for pattern, read in _PLAIN:
        if pattern.fullmatch(text):
            return read(text)
    return text


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
