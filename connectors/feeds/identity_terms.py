"""What a row of identities.csv says besides whose it is: class, state and times (rules 18, 19).

No message here repeats anything that a row holds (see identities_file).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import NamedTuple, TypeVar

from connectors.feeds.places import near, one_of
from models.site import IdentityClass, IdentityState

YEARS = range(1970, 10_000)
"""9999-12-31 is how people write "for ever"; years before 1970 are typing errors."""

_REMEMBERED = 10_000
"""A fleet's cards begin and end on few dates: to look a row's terms up takes a fifth of the time
of reading them."""

_EXAMPLE = "2026-03-01T00:00:00+11:00"

E = TypeVar("E", IdentityClass, IdentityState)


class Terms(NamedTuple):
    """Checked: valid in [from, to), in UTC and to the second.

    Attributes:
        valid_to: None = open-ended.
        state_since: None where the row does not say.
    """

    identity_class: IdentityClass
    state: IdentityState
    valid_from: datetime
    valid_to: datetime | None
    state_since: datetime | None


@lru_cache(maxsize=_REMEMBERED)
def read_terms(
    identity_class: str, state: str, valid_from: str, valid_to: str, state_since: str
) -> tuple[Terms | None, tuple[str, ...]]:
    """The terms that are written so, None when something is wrong; and what that is."""
    faults: list[str] = []
    word = _word("class", identity_class, IdentityClass, faults)
    holds = _word("state", state, IdentityState, faults)
    begins = _time("valid_from", valid_from, faults)
    ends = _time("valid_to", valid_to, faults)
    since = _time("state_since", state_since, faults)
    if not valid_from:
        faults.append(
            "valid_from: expected a time, got nothing: a record without a beginning never "
            "allows (rule 18)"
        )
    if begins and ends and ends <= begins:
        faults.append("valid_to: expected a time after valid_from, or nothing (open-ended)")
    if faults or not (word and holds and begins):
        return None, tuple(faults)
    return Terms(word, holds, begins, ends, since), ()


def _word(column: str, written: str, words: type[E], faults: list[str]) -> E | None:
    known: dict[str, E] = _members(words)
    word = known.get(written)
    if word is None:
        got = "another word" if written else "nothing"
        expected = one_of([*known])
        faults.append(f"{column}: expected {expected}, got {got}{near(written, known)}")
    return word


@cache
def _members(words: type[E]) -> dict[str, E]:
    """An enum by its values: calling it takes three times as long."""
    return {each.value: each for each in words}


def _time(column: str, written: str, faults: list[str]) -> datetime | None:
    if not written:
        return None
    try:
        return _instant(written)
    except _NoInstantError as fault:
        faults.append(f"{column}: expected a time such as {_EXAMPLE}, {fault}")
        return None


class _NoInstantError(ValueError):
    """Why a text is no instant; never holds it."""


@lru_cache(maxsize=_REMEMBERED)
def _instant(written: str) -> datetime:
    """UTC, to the second.

    Raises:
        _NoInstantError: saying what came.
    """
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise _NoInstantError("got another form") from None
    if at.tzinfo is None:
        raise _NoInstantError("got one without its offset from UTC; add it, or Z for UTC")
    if at.microsecond:
        raise _NoInstantError("got a fraction of a second; leave it out")
    if at.year not in YEARS:
        raise _NoInstantError(f"got a year before {YEARS[0]}")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise _NoInstantError("got the last day of the calendar; leave the column empty") from None
