"""site.yaml: checked whole, each problem with its line (rules 1–8, 27)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.feeds.places import Problems, near
from connectors.feeds.yaml_lines import Document, Path, read_yaml
from models.errors import Problem, ScheduleError
from models.occurrences import contradictions, vanished
from models.schedule import Schedule
from models.site import Group, Posture, Stage
from models.zones import zone

FILE = "site.yaml"

REFUSED: Mapping[str, str] = {
    "access": "access rules (rule 28)",
    "overstay": "overstays (rule 29)",
}
"""Keys whose rules change who may charge, and that are not built: refused rather than ignored."""

NOTICED: Mapping[str, str] = {
    "feed": "it concerns feeds that age, and a depot folder does not (rule 22)",
    "identify_within_s": "it belongs to `edge: identify` (rule 12)",
    "no_identification_after_s": "occupations without a card are not recorded yet (rule 24)",
}
"""Keys that are checked and loaded without effect: they change nobody's access."""

VANISHED_DAYS = 400
"""How far ahead vanishing windows are looked for: every clock change of a year, and a bit."""

SITE_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class _Feed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fresh_for_s: int = Field(default=900, gt=0)
    stale_for_s: int = Field(default=86_400, gt=0)
    expired: Literal["own_fleet", "closed", "open"] = "own_fleet"


class WrittenSite(BaseModel):
    """site.yaml as it is written, in what this version does."""

    # Numbers are no text: `id: 12` and `name: yes` are mistakes that YAML invites.
    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field(pattern=SITE_ID)
    name: str = ""
    timezone: str
    stage: Stage = Stage.SHADOW
    fail: Posture = Posture.CLOSED
    edge: Literal["finish"] = "finish"
    freevend_tag: str | None = Field(default=None, min_length=5, max_length=20)
    schedules: tuple[Schedule, ...] = Field(min_length=1)
    groups: tuple[Group, ...] = ()
    schedule: str | None = None
    feed: _Feed = _Feed()
    identify_within_s: int = Field(default=300, gt=0)
    no_identification_after_s: int = Field(default=180, gt=0)


class SiteFile(NamedTuple):
    """A checked site.yaml."""

    written: WrittenSite
    notices: tuple[Problem, ...]


def read_site(text: str, problems: Problems, today: date) -> SiteFile | None:
    """Check a site.yaml; None when something is wrong, which is then among the problems.

    Args:
        today: vanishing windows are looked for from here on.
    """
    document = read_yaml(FILE, text, problems)
    if document is None:
        return None
    if not isinstance(document.content, dict):
        problems.add(FILE, 1, "expected keys and values, for instance `site: north-depot`")
        return None
    site = _validated(document, problems)
    if site is None:
        return None
    sound = _references_hold(site, document, problems)
    if not sound:
        return None
    notices = (*_without_effect(document), *_vanishing(site, document, today))
    return SiteFile(site, notices)


def _validated(document: Document, problems: Problems) -> WrittenSite | None:
    content = {key: value for key, value in document.content.items() if key not in REFUSED}
    later = [*_not_built(document, problems)]
    try:
        # Not strict: YAML has no enums and no tuples.
        site = WrittenSite.model_validate(
            _without(content, later), strict=False, by_alias=True, by_name=False
        )
    except ValidationError as fault:
        for error in fault.errors(include_url=False):
            _explain(error, document, problems)
        return None
    return None if later else site


def _not_built(document: Document, problems: Problems) -> Iterator[Path]:
    """What this version does not do yet: named by key and line, and then left aside."""
    content = document.content
    for key, what in REFUSED.items():
        if key in content:
            problems.add(FILE, document.line((key,)), f"{key}: {what} are not built yet; remove it")
            yield (key,)
    edge = content.get("edge")
    if edge in {"stop", "identify"}:
        problems.add(
            FILE,
            document.line(("edge",)),
            f"edge: {edge} (rule 12) is not built yet; expected finish",
        )
        yield ("edge",)
    schedules = content.get("schedules")
    for place, schedule in enumerate(schedules if isinstance(schedules, list) else []):
        if isinstance(schedule, dict) and "holidays" in schedule:
            path = ("schedules", place, "holidays")
            problems.add(
                FILE, document.line(path), "holidays: (rules 1 and 8) are not built yet; remove it"
            )
            yield path


def _without(content: dict[str, Any], paths: list[Path]) -> dict[str, Any]:
    """The content without those paths, so that everything else is checked as well."""
    left = dict(content)
    for path in paths:
        if len(path) == 1:
            left.pop(str(path[0]), None)
        else:
            _, place, key = path
            assert isinstance(place, int)
            schedules = list(left["schedules"])
            schedules[place] = {k: v for k, v in schedules[place].items() if k != key}
            left["schedules"] = schedules
    return left


_ALIASES = {"start": "from", "end": "to", "on": "date"}


def _explain(error: Any, document: Document, problems: Problems) -> None:
    path: Path = tuple(error["loc"])
    key = str(path[-1]) if path else ""
    line = document.line(path)
    match error["type"]:
        case "extra_forbidden":
            message = f"there is no key {key!r} here{near(key, _keys_beside(path))}"
        case "missing":
            message = f"{_ALIASES.get(key, key)} is missing"
        case "string_type":
            message = f"{key}: expected text (in quotes), got {_shown(key, error['input'])}"
        case "value_error":
            message = f"{_place(path)}: {error['ctx']['error']}"
        case _:
            said = str(error["msg"]).removeprefix("Input should be ")
            message = f"{_place(path)}: expected {said}, got {_shown(key, error['input'])}"
    problems.add(FILE, line, message)


def _place(path: Path) -> str:
    named = [str(part) for part in path if not isinstance(part, int)]
    return named[-1] if named else FILE


def _shown(key: str, value: object) -> str:
    if key == "freevend_tag":
        return "something else"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _keys_beside(path: Path) -> list[str]:
    inside = {
        "schedules": ["id", "default", "valid_from", "valid_to", "windows", "exceptions"],
        "windows": ["name", "days", "from", "to", "mode"],
        "exceptions": ["name", "date", "from", "to", "mode"],
        "groups": ["id", "schedule"],
        "feed": [*_Feed.model_fields],
    }
    around = next((part for part in reversed(path[:-1]) if isinstance(part, str)), "")
    return inside.get(around, [*WrittenSite.model_fields])


def _references_hold(site: WrittenSite, document: Document, problems: Problems) -> bool:
    found = [
        *_zone_fault(site),
        *_repeated("schedules", [each.id for each in site.schedules]),
        *_repeated("groups", [each.id for each in site.groups]),
        *_unknown_schedules(site),
        *_conflicts(site, document),
    ]
    for path, message in found:
        problems.add(FILE, document.line(path), message)
    return not found


Fault = tuple[Path, str]


def _zone_fault(site: WrittenSite) -> Iterator[Fault]:
    try:
        zone(site.timezone)
    except ScheduleError as fault:
        yield ("timezone",), str(fault)


def _repeated(where: str, ids: list[str]) -> Iterator[Fault]:
    for place, each in enumerate(ids):
        if each in ids[:place]:
            yield (where, place, "id"), f"{each!r} is in {where} already"


def _unknown_schedules(site: WrittenSite) -> Iterator[Fault]:
    known = {schedule.id for schedule in site.schedules}
    named: list[tuple[Path, str | None]] = [(("schedule",), site.schedule)]
    named += [(("groups", n, "schedule"), group.schedule) for n, group in enumerate(site.groups)]
    for path, schedule in named:
        if schedule is not None and schedule not in known:
            yield path, f"there is no schedule {schedule!r}{near(schedule, known)}"


def _conflicts(site: WrittenSite, document: Document) -> Iterator[Fault]:
    """Rule 6: both windows are named, at the line of the later one."""
    for place, schedule in enumerate(site.schedules):
        for fault in contradictions(schedule):
            layer = f"{fault.layer}s"
            first = document.line(("schedules", place, layer, fault.first))
            yield (
                ("schedules", place, layer, fault.second),
                f"schedule {schedule.id!r}: {fault.message}; the other one is in line {first}",
            )


def _without_effect(document: Document) -> Iterator[Problem]:
    for key, why in NOTICED.items():
        if key in document.content:
            yield Problem(FILE, document.line((key,)), f"{key} is loaded without effect: {why}")


def _vanishing(site: WrittenSite, document: Document, today: date) -> Iterator[Problem]:
    """Rule 4: windows that a clock change reduces to nothing are reported."""
    until = today + timedelta(days=VANISHED_DAYS)
    for place, schedule in enumerate(site.schedules):
        for source in vanished(schedule, zone(site.timezone), today, until):
            layer = f"{source.layer}s"
            entries = schedule.windows if source.layer == "window" else schedule.exceptions
            labels = [each.label for each in entries]
            line = document.line(("schedules", place, layer, labels.index(source.name)))
            yield Problem(
                FILE,
                line,
                f"schedule {schedule.id!r}: {source.layer} {source.name!r} vanishes on "
                f"{source.date}, when the clocks change (rule 4)",
            )
