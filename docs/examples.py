"""Worked examples of the pages, from the golden cases: what a test has judged cannot be wrong here.

A case is an example of the rule that its `example` names (tests/rules/cases/), and of the reason
that it expects. Where none names a rule, the first case about it is the example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from models.reasons import REASON_TABLE

RULE_NUMBERS = range(1, 31)
"""The rules of access, rules.md."""

CASES = Path(__file__).parent.parent / "tests" / "rules" / "cases"

Case = Mapping[str, Any]

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
"""libyaml takes a tenth of the time."""

_ABOUT = ("name", "rules", "example", "kind", "expect")
"""Keys that are not given to the rules."""

NONE_YET = "*No example yet: this is not built.*"


def example_of_rule(number: int) -> str:
    """The worked example of a rule."""
    about = [case for case in _cases() if number in case["rules"]]
    chosen = [case for case in about if case.get("example") == number]
    found = next(iter(chosen or about), None)
    return _told(found) if found else NONE_YET


def reason_examples() -> str:
    """One worked example for each row of the reason table."""
    return "\n\n".join(f"`{row.reason}`\n\n{_of_reason(row.reason)}" for row in REASON_TABLE)


def _of_reason(reason: str) -> str:
    about = [case for case in _cases() if case["expect"].get("reason") == reason]
    # A case that says what the driver reads tells more than one that does not.
    about.sort(key=lambda case: not {"driver_text", "text"} & case["expect"].keys())
    return _told(about[0]) if about else NONE_YET


@cache
def _cases() -> tuple[Case, ...]:
    return tuple(
        case
        for path in sorted(CASES.glob("*.yaml"))
        for case in yaml.load(path.read_text(), _LOADER)  # noqa: S506 - both are safe
    )


def _told(case: Case) -> str:
    name = case["name"][0].upper() + case["name"][1:]
    given = ", ".join(_given(case))
    lines = [f"*{name}.*", "", *_files(case), f"{given} → {_expected(case)}".removeprefix(" ")]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _files(case: Case) -> Iterator[str]:
    for name, content in case.get("files", {}).items():
        yield f"`{name}`:"
        yield ""
        yield "```yaml" if name.endswith(".yaml") else "```csv"
        yield from content.rstrip().split("\n")
        yield "```"
        yield ""


def _given(case: Case) -> Iterator[str]:
    for key, value in case.items():
        if key not in (*_ABOUT, "files"):
            yield _WORDS.get(key, lambda value, key=key: f"{_spaced(key)} {_said(value)}")(value)


def _expected(case: Case) -> str:
    expected: Iterable[tuple[str, Any]] = case["expect"].items()
    return "; ".join(f"{_spaced(key)} {_said(value)}" for key, value in expected)


def _token(token: Mapping[str, Any]) -> str:
    if token.get("kind") == "freevend_tag":
        return "the freevend tag"
    number = str(token["id"]).strip()
    stated = f" as {token['type']}" if "type" in token else ""
    return f"card `{number}`{stated}" if number else "a card without a number"


_WORDS: Mapping[str, Callable[[Any], str]] = {
    "at": lambda at: f"{at:%a} {at.day} {at:%b %Y, %H:%M:%S}".removesuffix(":00"),
    "charger": lambda charger: f"at `{charger}`",
    "token": _token,
    "replayed": lambda _: "told later, by the charger's own memory",
    "decision": lambda decision: f"decision {decision} in time" if decision == "none" else decision,
}
"""Inputs that have words of their own; all others are said by their key."""


def _spaced(key: str) -> str:
    return key.replace("_", " ")


def _said(value: Any) -> str:
    """A value of a case as a person reads it."""
    if value is None or value in ([], ()):
        return "none"
    saying = next((say for kind, say in _SAYINGS if isinstance(value, kind)), str)
    return saying(value)


def _word(text: str) -> str:
    """Codes and ids as code, sentences and references in quotes."""
    code = text.isupper() or not {" ", "/"} & set(text)
    return f"`{text}`" if code else f"“{text}”"


_SAYINGS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (bool, lambda value: "yes" if value else "no"),
    (datetime, lambda value: f"{value:%Y-%m-%d %H:%M}{value.isoformat()[-6:]}"),
    (list, lambda value: ", ".join(map(_said, value))),
    (
        dict,
        lambda value: ", ".join(f"{_spaced(str(k))} {_said(each)}" for k, each in value.items()),
    ),
    (str, _word),
)
"""How each kind of value is said; a bool is an int, and comes first."""
