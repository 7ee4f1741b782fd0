"""Driver and support texts: the reason table's sentences, filled with what an attempt knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from models.attempt import Attempt, Facts, Match
from models.entitlement import next_admission
from models.feed_age import oldest_age
from models.reasons import REASON_TABLE, Reason
from models.record import UtcDatetime
from models.site import IdentityClass, IdentityState
from models.zones import zone

DRIVER_TEXT_MAX_CHARS = 512
"""OCPP 2.0.1 MessageContentType.content."""

_SENTENCE = re.compile(r"(?<=\.)\s+")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_A_DAY = timedelta(hours=24)

_UNITS_S = (("days", 86_400), ("h", 3_600), ("min", 60))


class _Sentence(NamedTuple):
    text: str
    needs: frozenset[str]


def _sentences(text: str) -> tuple[_Sentence, ...]:
    return tuple(
        _Sentence(sentence, frozenset(_PLACEHOLDER.findall(sentence)))
        for sentence in _SENTENCE.split(text)
    )


_DRIVER = {row.reason: _sentences(row.driver_text) for row in REASON_TABLE}
_FIXED = {row.reason: row.driver_text for row in REASON_TABLE if "{" not in row.driver_text}
"""Driver texts that need nothing: most of what is told."""

_FIXED_SUPPORT = {
    row.reason: row.support_text for row in REASON_TABLE if "{" not in row.support_text
}
_SUPPORT = {row.reason: _sentences(row.support_text) for row in REASON_TABLE}


def driver_text(
    reason: Reason,
    attempt: Attempt,
    facts: Facts,
    matches: tuple[Match, ...],
    change_at: UtcDatetime | None,
) -> str:
    """What the charger shows: times in the site's zone, no identifier, no reference."""
    fixed = _FIXED.get(reason)
    if fixed is not None:
        return fixed
    values = {"holder": _holder(matches)}
    if change_at is not None:
        values["t"] = _local(change_at, attempt.event_at, facts.timezone)
    return _filled(_DRIVER[reason], values)[:DRIVER_TEXT_MAX_CHARS]


def support_text(reason: Reason, attempt: Attempt, facts: Facts, matches: tuple[Match, ...]) -> str:
    """What the person who answers the phone reads."""
    fixed = _FIXED_SUPPORT.get(reason)
    if fixed is not None:
        return fixed
    values = {"id": attempt.request_id, "n": str(len(matches))}
    time_of = _TIME_OF.get(reason)
    about = time_of(attempt, facts, matches) if time_of else None
    if about is not None:
        values["t"] = _local(about, attempt.event_at, facts.timezone, date=True)
    age = oldest_age(facts, matches, attempt.event_at) if facts.feeds else None
    if age is not None:
        values["age"] = age_in_words(age)
    if reason is Reason.NOT_ENTITLED_NOW:
        values |= _next_window(matches, attempt.event_at)
    pseudonym = matches[0].pseudonym if matches else attempt.token.pseudonym
    if pseudonym is not None:
        values["pseudonym"] = pseudonym
    return _filled(_SUPPORT[reason], values)


def _until(_attempt: Attempt, facts: Facts, _matches: tuple[Match, ...]) -> UtcDatetime | None:
    return facts.schedule.ends_at if facts.schedule else None


def _revoked_since(_: Attempt, _facts: Facts, matches: tuple[Match, ...]) -> UtcDatetime | None:
    return _state_since(matches, IdentityState.REVOKED)


def _suspended_since(_: Attempt, _facts: Facts, matches: tuple[Match, ...]) -> UtcDatetime | None:
    return _state_since(matches, IdentityState.SUSPENDED)


def _ended(attempt: Attempt, _facts: Facts, matches: tuple[Match, ...]) -> UtcDatetime | None:
    ends = (m.valid_to for m in matches if m.valid_to)
    return max((end for end in ends if end <= attempt.event_at), default=None)


def _starts(attempt: Attempt, _facts: Facts, matches: tuple[Match, ...]) -> UtcDatetime | None:
    starts = (m.valid_from for m in matches if m.valid_from > attempt.event_at)
    return min(starts, default=None)


_TIME_OF: Mapping[Reason, Callable[[Attempt, Facts, tuple[Match, ...]], UtcDatetime | None]] = {
    Reason.FREEVEND_OPEN: _until,
    Reason.REVOKED: _revoked_since,
    Reason.SUSPENDED: _suspended_since,
    Reason.AGREEMENT_EXPIRED: _ended,
    Reason.AGREEMENT_NOT_YET: _starts,
}
"""The {t} of a support text: of a state, its `state_since`; of an interval, its end."""


def _next_window(matches: tuple[Match, ...], at: UtcDatetime) -> dict[str, str]:
    """The {w} of a support text: the window of the access rule that will admit first (rule 28)."""
    found = [each for each in (next_admission(match, at) for match in matches) if each]
    return {"w": min(found, key=lambda each: each.starts_at).window} if found else {}


def _state_since(matches: tuple[Match, ...], state: IdentityState) -> UtcDatetime | None:
    known = (match.state_since for match in matches if match.state == state)
    return max((since for since in known if since is not None), default=None)


def age_in_words(age: timedelta) -> str:
    """An age as people say it: the largest unit of which there are at least two."""
    seconds = int(age.total_seconds())
    for unit, length_s in _UNITS_S:
        if seconds >= 2 * length_s:
            return f"{seconds // length_s} {unit}"
    return f"{seconds} s"


def _holder(matches: tuple[Match, ...]) -> str:
    """The AGREEMENT rows also serve own-fleet records outside their validity."""
    own = any(match.identity_class == IdentityClass.OWN_FLEET for match in matches)
    return "Card" if own else "Agreement"


def _filled(sentences: tuple[_Sentence, ...], values: dict[str, str]) -> str:
    """The text without the sentences that need a value that does not exist."""
    return " ".join(
        [
            sentence.text.format_map(values)
            for sentence in sentences
            if sentence.needs <= values.keys()
        ]
    )


def _local(at: UtcDatetime, seen_at: datetime, timezone: str, *, date: bool = False) -> str:
    """A time as people at the site say it: the day is named when it is not within 24 hours."""
    local = at.astimezone(zone(timezone))
    if date:
        return f"{local:%Y-%m-%d %H:%M}"
    return f"{local:%H:%M}" if abs(at - seen_at) < _A_DAY else f"{local:%a %d %b %H:%M}"
