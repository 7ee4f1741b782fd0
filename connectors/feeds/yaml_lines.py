"""YAML with the line of every key and item, so that a problem can be named where it stands."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml

from connectors.feeds.places import Problems

Path = tuple[str | int, ...]
"""Keys and list places from the root to a value, as pydantic's `loc` has them."""

DEPTH_MAX = 32
"""A site.yaml is five levels deep."""


class _Loader(yaml.SafeLoader):
    """Words and numbers as YAML 1.2 has them: in 1.1, which PyYAML reads, `off` is a boolean, 18:00
    the number 1080, and a date that does not exist the end of it all."""


_CORE = {
    "tag:yaml.org,2002:bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    "tag:yaml.org,2002:int": (r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    "tag:yaml.org,2002:float": (r"^[-+]?[0-9]+\.[0-9]+$", "-+0123456789"),
}
_Loader.yaml_implicit_resolvers = {
    letter: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in {*_CORE, "tag:yaml.org,2002:timestamp"}
    ]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, (_pattern, _letters) in _CORE.items():
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_letters))


class Document(NamedTuple):
    """A YAML document.

    Attributes:
        content: plain Python values.
        lines: 1-based line of every key (where the key stands) and item.
    """

    content: Any
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """The line of a value, or of the nearest thing around it that is in the file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


def read_yaml(file: str, text: str, problems: Problems) -> Document | None:
    """The document; None where it is no YAML, which is noted.

    Anchors and aliases are refused: with them a few lines can stand for gigabytes.
    """
    try:
        refusal = _refusal(text)
        if refusal is not None:
            problems.add(file, *refusal)
            return None
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            reader = _Reader(file, loader, problems)
            content = reader.value(node, ()) if node is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 0
        problems.add(file, line, f"expected YAML: {fault.problem or fault.context}")
        return None
    except (yaml.YAMLError, ValueError) as fault:
        problems.add(file, 0, f"expected YAML, and it cannot be read ({type(fault).__name__})")
        return None
    return Document(content, reader.lines)


def _refusal(text: str) -> tuple[int, str] | None:
    """Line and cause of what is refused before anything is built from it.

    Event by event: PyYAML takes a time that grows with the square of the depth, and a megabyte of
    opening brackets would keep it busy for hours.
    """
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent):
            return _line_of(event), "aliases (*name) are not supported; write it out"
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_MAX:
            return _line_of(event), f"more than {DEPTH_MAX} levels deep"
    return None


def _line_of(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


class _Reader:
    def __init__(self, file: str, loader: _Loader, problems: Problems) -> None:
        self._file = file
        self._loader = loader
        self._problems = problems
        self.lines: dict[Path, int] = {}

    def value(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*path, place)) for place, item in enumerate(node.value)]
        return self._loader.construct_object(node)

    def _item(self, node: yaml.Node, path: Path) -> Any:
        self.lines[path] = node.start_mark.line + 1
        return self.value(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                self._problems.add(self._file, line, "expected a word as key")
            elif key in content:
                first = self.lines[(*path, key)]
                self._problems.add(
                    self._file, line, f"{key!r} is here a second time (first in line {first})"
                )
            else:
                self.lines[(*path, key)] = line
                content[key] = self.value(value_node, (*path, key))
        return content
