"""What a replay counts: small, addable, and bounded however many attempts there are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from models.replaying import FieldDifference

NAMED_MAX = 1_000
"""Differences that are kept by name; all of them are counted."""

ATTEMPTS_REMEMBERED = 100_000
"""Authorize and the start it leads to share an attempt within minutes; they count once."""


class Differing(NamedTuple):
    """A stored decision that comes out another way from its own record."""

    decision_id: str
    charger_id: str
    event_at: str
    differences: tuple[FieldDifference, ...]


class Changed(NamedTuple):
    """An attempt that a draft would have answered another way."""

    decision_id: str
    attempt_id: str
    charger_id: str
    event_at: str
    token: str
    from_answer: str
    from_reason: str
    to_answer: str
    to_reason: str


@dataclass
class Tally:
    """Of some stored decisions.

    Attributes:
        decisions_count: that were decided again.
        attempts_count: of these, those that began an attempt.
        unreadable: causes, by how often; records that are no decisions.
        other_rules: decisions made by another rules version, by that version.
        other_rules_differing: those of them that come out another way: no finding.
        retired: attempts by key epoch that no key file has any more.
        differing: named ones; `differing_count` counts all.
        changed: by what a draft would have answered.
        absent: attempts by charger that the draft does not have.
        other_sites_count: attempts at sites that were not asked for.
        overridden_count: attempts under an override or a lock, which was kept.
    """

    decisions_count: int = 0
    attempts_count: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    other_rules: Counter[str] = field(default_factory=Counter)
    other_rules_differing: Counter[str] = field(default_factory=Counter)
    retired: Counter[str] = field(default_factory=Counter)
    differing: list[Differing] = field(default_factory=list)
    differing_count: int = 0
    changed: list[Changed] = field(default_factory=list)
    absent: Counter[str] = field(default_factory=Counter)
    other_sites_count: int = 0
    overridden_count: int = 0


class Total:
    """The tallies of all batches, added up."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.reasons: Counter[tuple[str, str, str, str]] = Counter()
        self.chargers: Counter[tuple[str, str, str, str, str]] = Counter()
        self.changed_count = 0
        self._attempts: dict[str, None] = {}

    def add(self, batch: Tally) -> None:
        """Add one batch; of what is named only as much is kept as can be shown."""
        tally = self.tally
        tally.decisions_count += batch.decisions_count
        tally.attempts_count += batch.attempts_count
        tally.differing_count += batch.differing_count
        tally.other_sites_count += batch.other_sites_count
        tally.overridden_count += batch.overridden_count
        for name in ("unreadable", "other_rules", "other_rules_differing", "retired", "absent"):
            getattr(tally, name).update(getattr(batch, name))
        tally.differing += batch.differing[: NAMED_MAX - len(tally.differing)]
        for each in batch.changed:
            self._add_changed(each)

    def _add_changed(self, each: Changed) -> None:
        if each.attempt_id in self._attempts:
            return
        if len(self._attempts) >= ATTEMPTS_REMEMBERED:
            del self._attempts[next(iter(self._attempts))]
        self._attempts[each.attempt_id] = None
        self.changed_count += 1
        how = (each.from_answer, each.from_reason, each.to_answer, each.to_reason)
        self.reasons[how] += 1
        self.chargers[each.charger_id, *how] += 1
        if len(self.tally.changed) < NAMED_MAX:
            self.tally.changed.append(each)
