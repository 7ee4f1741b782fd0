"""site.yaml: checked whole, each problem with its line (rules 1–8, 27–29)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path as Folder
from typing import Annotated, Any, NamedTuple, Self

import orjson
from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from connectors.feeds.access_checks import WrittenOverstay, WrittenRule, access_faults
from connectors.feeds.holidays import with_holidays
from connectors.feeds.places import BadRows, Problems
from connectors.feeds.site_checks import faults_of, vanishing
from connectors.feeds.site_wording import sentence_of
from connectors.feeds.yaml_lines import Document, Path, read_yaml
from models.assisted import ASSISTED_TAG
from models.errors import Problem
from models.identifiers import FREE_TYPES_MAX, free_type
from models.languages import ENGLISH, LANGUAGES, LANGUAGES_MAX
from models.record import Frozen
from models.schedule import Schedule
from models.site import (
    CLOCK_LIMIT_S,
    IDENTIFY_WITHIN_S,
    NO_IDENTIFICATION_AFTER_S,
    CardByteOrder,
    EdgeAction,
    ExpiredFeed,
    FeedPolicy,
    Group,
    OfflinePolicy,
    Posture,
    Reboot,
    Stage,
)

FILE = "site.yaml"

SITE_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""It is a topic key, a part of other keys between / and |, and a metric's label."""

TAG_CHARS = range(5, 21)
"""The longest idTag of OCPP 1.6 is 20 characters; some chargers take none under 5 (Easee)."""

SECONDS_MAX = 366 * 86_400


def _freevend_tag(written: str) -> str:
    outer = written != written.strip()
    if len(written) not in TAG_CHARS or outer or not (written.isascii() and written.isprintable()):
        raise ValueError("expected 5 to 20 printable ASCII characters (an OCPP 1.6 idTag, rule 17)")
    if written.casefold() == ASSISTED_TAG.casefold():
        raise ValueError("expected another tag: this one is of the sessions that depotgate starts")
    return written


def _free_type(written: str) -> str:
    name = free_type(written)
    if name is None:
        raise ValueError(
            "expected 1 to 20 letters and digits, and no type that OCPP names (OCPP 2.1, rule 17)"
        )
    return name


def _language(written: str) -> str:
    if written not in LANGUAGES:
        raise ValueError(f"expected a language of {', '.join(LANGUAGES)}")
    return written


def _each_once(written: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(written)) < len(written):
        raise ValueError("expected each language once")
    return written


Seconds = Annotated[int, Field(gt=0, le=SECONDS_MAX)]


class WrittenFeed(Frozen):
    """How old a feed may be (rule 22)."""

    fresh_for_s: Seconds = FeedPolicy().fresh_for_s
    stale_for_s: Seconds = FeedPolicy().stale_for_s
    expired: ExpiredFeed = ExpiredFeed.OWN_FLEET

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.stale_for_s < self.fresh_for_s:
            raise ValueError(
                f"stale_for_s: expected at least fresh_for_s ({self.fresh_for_s}), "
                f"got {self.stale_for_s}: a feed is fresh, then stale, then expired (rule 22)"
            )
        return self

    def policy(self) -> FeedPolicy:
        """What is published of it."""
        return FeedPolicy(**dict(self))


class WrittenIdentities(Frozen):
    """How identities.csv is read; bad rows that are left out count as not there."""

    bad_rows: BadRows = "stop"


class WrittenSite(Frozen):
    """site.yaml as it is written, without what this version does not have."""

    site: Annotated[str, Field(pattern=SITE_ID)]
    name: str = ""
    timezone: str
    stage: Stage = Stage.SHADOW
    fail: Posture = Posture.CLOSED
    offline: OfflinePolicy = OfflinePolicy.CLOSED
    edge: EdgeAction = EdgeAction.FINISH
    freevend_tag: Annotated[str, AfterValidator(_freevend_tag)] | None = None
    card_byte_order: CardByteOrder = CardByteOrder.AS_READ
    identifier_types: Annotated[
        tuple[Annotated[str, AfterValidator(_free_type)], ...], Field(max_length=FREE_TYPES_MAX)
    ] = ()
    languages: Annotated[
        tuple[Annotated[str, AfterValidator(_language)], ...],
        Field(min_length=1, max_length=LANGUAGES_MAX),
        AfterValidator(_each_once),
    ] = (ENGLISH,)
    schedules: Annotated[tuple[Schedule, ...], Field(min_length=1)]
    groups: tuple[Group, ...] = ()
    schedule: str | None = None
    access: tuple[WrittenRule, ...] = ()
    overstay: WrittenOverstay = WrittenOverstay()
    feed: WrittenFeed = WrittenFeed()
    identities: WrittenIdentities = WrittenIdentities()
    clock_limit_s: Seconds = CLOCK_LIMIT_S
    identify_within_s: Seconds = IDENTIFY_WITHIN_S
    no_identification_after_s: Seconds = NO_IDENTIFICATION_AFTER_S
    reboot: Reboot = Reboot.NEVER


class References(NamedTuple):
    """What rows of chargers.csv may name; read even from a site.yaml that is refused.

    Attributes:
        schedules: ids; None where they cannot be read, and then nothing is said about them.
        groups: id to schedule; None likewise.
    """

    schedules: tuple[str, ...] | None = None
    groups: Mapping[str, str | None] | None = None
    site_schedule: str | None = None


class SiteFile(NamedTuple):
    """A site.yaml that was read.

    Attributes:
        written: None when something keeps it from being loaded.
        document: where everything stands, for what is said of it later.
    """

    written: WrittenSite | None = None
    references: References = References()
    notices: tuple[Problem, ...] = ()
    document: Document | None = None


def read_site(
    text: str, today: date, problems: Problems, folder: Folder, file: str = FILE
) -> SiteFile:
    """Check a site.yaml; what is wrong is noted.

    Args:
        today: windows that vanish are looked for from here on.
        folder: where the calendars are that it names.
        file: its name, for messages.
    """
    document = read_yaml(file, text, problems)
    if document is None:
        return SiteFile()
    if not isinstance(document.content, dict):
        problems.add(document.file, 1, "expected keys and values, beginning with `site: NAME`")
        return SiteFile()
    document = with_holidays(document, folder, problems)
    site = _validated(document.content, document, problems)
    references = _references(document.content)
    if site is None:
        return SiteFile(None, references)
    for path, message in (*faults_of(site, document), *access_faults(site.access, site.groups)):
        problems.add(document.file, document.line(path), message)
    if problems.names(document.file):
        return SiteFile(None, references)
    notices = tuple(_vanishing(site, document, today))
    return SiteFile(site, references, notices, document)


def _validated(
    content: dict[str, Any], document: Document, problems: Problems
) -> WrittenSite | None:
    file = document.file
    try:
        # As JSON, strictly: enums, dates and lists come from text, and nothing else is converted.
        return WrittenSite.model_validate_json(orjson.dumps(content), by_alias=True, by_name=False)
    except orjson.JSONEncodeError:
        problems.add(file, 0, "expected text, got half of a character (\\ud800 to \\udfff)")
    except ValidationError as fault:
        errors = fault.errors(include_url=False)
        for error in errors:
            path: Path = tuple(error["loc"])
            if not _follows(error, errors):
                problems.add(file, document.line(path), sentence_of(error, WrittenSite, []))
    return None


def _follows(error: ErrorDetails, errors: Iterable[ErrorDetails]) -> bool:
    """Whether a list counts as too short only because items of it are wrong."""
    path = error["loc"]
    return error["type"] == "too_short" and any(
        other["loc"][: len(path)] == path and len(other["loc"]) > len(path) for other in errors
    )


def _references(content: dict[str, Any]) -> References:
    schedules, groups = _ids(content.get("schedules")), _ids(content.get("groups", []))
    site_schedule = content.get("schedule")
    return References(
        tuple(schedules) if schedules is not None else None,
        groups,
        site_schedule if isinstance(site_schedule, str) else None,
    )


def _ids(items: Any) -> dict[str, str | None] | None:
    """Each item's id, and the schedule that it names; None when one of them has no id."""
    if not isinstance(items, list):
        return None
    found: dict[str, str | None] = {}
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("id"), str):
            return None
        schedule = item.get("schedule")
        found[item["id"]] = schedule if isinstance(schedule, str) else None
    return found


def _vanishing(site: WrittenSite, document: Document, today: date) -> Iterator[Problem]:
    for path, message in vanishing(site.schedules, site.timezone, today):
        yield Problem(document.file, document.line(path), message)
