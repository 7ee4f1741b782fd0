"""A batch of stored decisions, decided again: what the processes of a replay do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from connectors.feeds.identities_file import SOURCE
from depotgate.draft import Draft
from depotgate.replaying.tally import Changed, Differing, Tally
from models.attempt import Attempt, Decision
from models.epochs import unmatchable
from models.errors import UndecodableRecordError
from models.replaying import PastAttempt, redecide, what_if


class Judge(Protocol):
    """Decides a batch again."""

    def __call__(self, values: list[bytes]) -> Tally:
        """Raises nothing: what cannot be read is counted."""


class OwnRecord(NamedTuple):
    """Decides attempts again from their own records.

    Attributes:
        site_id: the only site that counts; None = every site.
        epochs: of the key file; None where none is named, and none is missed then.
    """

    site_id: str | None
    epochs: frozenset[str] | None

    def __call__(self, values: list[bytes]) -> Tally:
        """Decide a batch."""
        tally = Tally()
        for value in values:
            try:
                stored = Decision.decode(value)
            except UndecodableRecordError as fault:
                tally.unreadable[str(fault)] += 1
                continue
            if self.site_id is not None and stored.attempt.site_id != self.site_id:
                tally.other_sites_count += 1
                continue
            attempt = stored.attempt
            gone = unmatchable(attempt.token, self.epochs) if self.epochs is not None else ()
            _count(attempt, gone, tally)
            _compare(stored, tally)
        return tally


def _compare(stored: Decision, tally: Tally) -> None:
    again = redecide(stored)
    if not again.same_rules:
        tally.other_rules[stored.rules_version] += 1
        tally.other_rules_differing[stored.rules_version] += bool(again.differences)
    elif again.differences:
        attempt = stored.attempt
        tally.differing_count += 1
        tally.differing.append(
            Differing(
                attempt.request_id,
                attempt.charger_id,
                attempt.event_at.isoformat(),
                again.differences,
            )
        )


class InDraft(NamedTuple):
    """Decides attempts as if a draft had been in force."""

    draft: Draft
    epochs: frozenset[str]

    def __call__(self, values: list[bytes]) -> Tally:
        """Decide a batch."""
        tally = Tally()
        for past in _pasts(values, tally):
            attempt = past.attempt
            if attempt.site_id != self.draft.site.site_id:
                tally.other_sites_count += 1
            elif attempt.charger_id not in self.draft.chargers:
                tally.absent[attempt.charger_id] += _begins(attempt)
            else:
                self._compare(past, tally)
        return tally

    def _compare(self, past: PastAttempt, tally: Tally) -> None:
        attempt = past.attempt
        gone = unmatchable(attempt.token, self.epochs)
        _count(attempt, gone, tally)
        if gone:
            return
        then = what_if(past, self.draft, SOURCE)
        tally.overridden_count += then.kept_override
        before = (str(past.verdict.answer), str(past.verdict.reason))
        if before != (then.answer, then.reason):
            tally.changed.append(
                Changed(
                    attempt.request_id,
                    attempt.attempt_id,
                    attempt.charger_id,
                    attempt.event_at.isoformat(),
                    attempt.token.display,
                    *before,
                    then.answer,
                    then.reason,
                )
            )


def _pasts(values: list[bytes], tally: Tally) -> Iterator[PastAttempt]:
    for value in values:
        try:
            yield PastAttempt.decode(value)
        except UndecodableRecordError as fault:
            tally.unreadable[str(fault)] += 1


def _count(attempt: Attempt, gone: Iterable[str], tally: Tally) -> None:
    """Count a decision, also by key epochs that are gone with which alone it could be matched."""
    tally.decisions_count += 1
    tally.attempts_count += _begins(attempt)
    for kid in gone:
        tally.retired[kid] += _begins(attempt)


def _begins(attempt: Attempt) -> bool:
    """Whether it is the first of its attempt: the start that follows an Authorize shares its id."""
    return str(attempt.request_id) == attempt.attempt_id
