"""Driver and support texts: the reason table's sentences, filled with what an attempt knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache

from models.attempt import Attempt, DriverText, Facts, Match
from models.concerns import concerned
from models.entitlement import next_admission
from models.feed_age import oldest_age
from models.languages import (
    DRIVER_TEXT_MAX_CHARS,
    Language,
    Sentence,
    placeholders_of,
    sentences_of,
    spoken,
)
from models.localtime import repeated
from models.reasons import REASON_TABLE, Reason
from models.record import UtcDatetime
from models.site import IdentityClass, IdentityState
from models.zones import on_the_wall, zone

_UNITS_S = (("days", 86_400), ("h", 3_600), ("min", 60))


FIXED_TEXTS_MAX = 1024
"""Remembered: every such reason for some seventy lists of languages that sites may have."""

DATES_MAX = 1024
"""Remembered: most attempts tell of the end of one of the windows that a few hundred sites have."""

_FIXED = frozenset(row.reason for row in REASON_TABLE if not placeholders_of(row.driver_text))
"""Reasons whose text needs no value, in any language: most of what is told."""

_FIXED_SUPPORT = {
    row.reason: row.support_text for row in REASON_TABLE if not placeholders_of(row.support_text)
}
_WHOSE = frozenset(
    row.reason for row in REASON_TABLE if placeholders_of(row.support_text) == {"pseudonym"}
)
"""Reasons whose text needs only whose card it is: every accept by identity."""
_SUPPORT = {row.reason: sentences_of(row.support_text) for row in REASON_TABLE}


def driver_texts(
    reason: Reason,
    attempt: Attempt,
    facts: Facts,
    matches: tuple[Match, ...],
    change_at: UtcDatetime | None,
) -> tuple[DriverText, ...]:
    """What the charger shows, in each language of the site: times in its zone, no identifier."""
    if reason in _FIXED:
        return fixed_texts(reason, facts.languages)
    return tuple(
        [
            DriverText.model_construct(
                language=language.code,
                text=_driver_text(language, reason, attempt, facts, matches, change_at),
            )
            for language in spoken(facts.languages)
        ]
    )


def _driver_text(  # noqa: PLR0917 - what is told, of what, and in which language
    language: Language,
    reason: Reason,
    attempt: Attempt,
    facts: Facts,
    matches: tuple[Match, ...],
    change_at: UtcDatetime | None,
) -> str:
    values = {"holder": _holder(concerned(reason, matches, attempt.event_at), language)}
    if change_at is not None:
        values["t"] = language.when(change_at, attempt.event_at, facts.timezone)
    return _filled(language.sentences[reason], values)[:DRIVER_TEXT_MAX_CHARS]


@lru_cache(maxsize=FIXED_TEXTS_MAX)
def fixed_texts(reason: Reason, languages: tuple[str, ...]) -> tuple[DriverText, ...]:
    """What is told of a reason whose text needs no value: without a decision nothing is known."""
    return tuple(
        DriverText(language=language.code, text=_filled(language.sentences[reason], {}))
        for language in spoken(languages)
    )


def support_text(reason: Reason, attempt: Attempt, facts: Facts, matches: tuple[Match, ...]) -> str:
    """What the person who answers the phone reads."""
    fixed = _FIXED_SUPPORT.get(reason)
    if fixed is not None:
        return fixed
    pseudonym = matches[0].pseudonym if matches else attempt.token.pseudonym
    if pseudonym is not None and reason in _WHOSE:
        return _filled(_SUPPORT[reason], {"pseudonym": pseudonym})
    values = {"id": attempt.request_id, "n": str(len(matches))}
    time_of = _TIME_OF.get(reason)
    about = time_of(attempt, facts, matches) if time_of else None
    if about is not None:
        values["t"] = _dated(about, facts.timezone)
    age = oldest_age(facts, matches, attempt.event_at) if facts.feeds else None
    if age is not None:
        values["age"] = age_in_words(age)
    if reason is Reason.NOT_ENTITLED_NOW:
        values |= _next_window(matches, attempt.event_at)
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
    ended = concerned(Reason.AGREEMENT_EXPIRED, matches, attempt.event_at)
    return max((match.valid_to for match in ended if match.valid_to), default=None)


def _starts(attempt: Attempt, _facts: Facts, matches: tuple[Match, ...]) -> UtcDatetime | None:
    to_begin = concerned(Reason.AGREEMENT_NOT_YET, matches, attempt.event_at)
    return min((match.valid_from for match in to_begin), default=None)


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


def _holder(matches: tuple[Match, ...], language: Language) -> str:
    """The AGREEMENT rows also serve own-fleet records outside their validity."""
    own = any(match.identity_class == IdentityClass.OWN_FLEET for match in matches)
    return language.holder.card if own else language.holder.agreement


def _filled(sentences: tuple[Sentence, ...], values: dict[str, str]) -> str:
    """The text without the sentences that need a value that does not exist."""
    return " ".join(
        [
            sentence.text.format_map(values)
            for sentence in sentences
            if sentence.needs <= values.keys()
        ]
    )


@lru_cache(maxsize=DATES_MAX)
def _dated(at: UtcDatetime, timezone: str) -> str:
    """A time at the site as support reads it; in an hour that is repeated it says which."""
    local = on_the_wall(at, zone(timezone))
    return f"{local:%Y-%m-%d %H:%M %Z}" if repeated(local) else f"{local:%Y-%m-%d %H:%M}"
