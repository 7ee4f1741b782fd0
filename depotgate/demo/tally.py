"""The books of a run: what drivers did on one side, what the topics say on the other.

Bounded however long it runs: counters over the depot's own vocabulary, and what is still open.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from depotgate.demo.depot import DemoDepot
from depotgate.demo.events import Event
from depotgate.demo.session import Attempted
from models.attempt import Denial, Outcome
from models.charger import ModeFact, ModeFactKind
from models.denials import denial_of
from models.ids import RequestId
from models.reasons import Answer

LATENCIES_MAX = 20_000
"""The newest answers: an hour and a half of a depot of twenty chargers."""


class Account(NamedTuple):
    """An answered attempt as both sides can tell it: they have no id in common.

    A charger knows neither its connection's id nor pseudonyms, of which ids are made. So both
    sides are counted by all that they both know, and have to come out even.
    """

    charger_id: str
    action: str
    label: str
    status: str
    text: str | None


class Tally:
    """Counts a run.

    Attributes:
        answers: outcomes by answer and reason; answer `none` and reason of the posture where
            nothing was decided in time.
        denials_count: denial records.
        switches: mode switches that were read back, by mode.
        switches_failed_count: chargers given up on.
        edges: instants of the mode edges that were noticed; the timetable has 120.
        unanswered: attempts that got no answer, by what went wrong.
    """

    def __init__(self, depot: DemoDepot) -> None:
        self._depot = depot
        self._accounts: Counter[Account] = Counter()
        self._denials_due: Counter[RequestId] = Counter()
        self._latencies_s: deque[float] = deque(maxlen=LATENCIES_MAX)
        self.attempts_count = 0
        self.answers: Counter[tuple[str, str]] = Counter()
        self.denials_count = 0
        self.switches: Counter[str] = Counter()
        self.switches_failed_count = 0
        self.edges: set[datetime] = set()
        self.unanswered: Counter[str] = Counter()

    def hear(self, event: Event) -> None:
        """Take it into the books."""
        match event:
            case Attempted():
                self._attempted(event)
            case Outcome():
                self._ended(event)
            case Denial():
                self.denials_count += 1
                self._settle_denial(event.denial_id, -1)
            case ModeFact():
                self._mode(event)
            case _:
                pass

    @property
    def outcomes_count(self) -> int:
        """Outcomes of any answer."""
        return self.answers.total()

    @property
    def allowed_count(self) -> int:
        """Outcomes that the rules allowed."""
        return sum(self.by_reason(Answer.ALLOW).values())

    @property
    def denied_count(self) -> int:
        """Outcomes that the rules denied."""
        return sum(self.by_reason(Answer.DENY).values())

    @property
    def lost_count(self) -> int:
        """Attempts without an answer, and answers without an outcome."""
        return self.unanswered.total() + len(self.lost)

    @property
    def lost(self) -> tuple[Account, ...]:
        """Answers that drivers got and no outcome tells of; those of the last moments may come."""
        return tuple((+self._accounts).elements())

    @property
    def denials_missing_count(self) -> int:
        """Denied outcomes without a denial record."""
        return (+self._denials_due).total()

    @property
    def latencies_s(self) -> Sequence[float]:
        """Socket to socket, as the chargers measured them, of the newest answers."""
        return tuple(self._latencies_s)

    def by_reason(self, answer: str) -> dict[str, int]:
        """How often each reason gave this answer, most frequent first."""
        found = Counter({r: count for (a, r), count in self.answers.items() if a == answer})
        return dict(found.most_common())

    def _attempted(self, attempted: Attempted) -> None:
        self.attempts_count += 1
        result = attempted.result
        if result is None:
            self.unanswered[attempted.error or "unknown"] += 1
            return
        self._latencies_s.append(result.latency_s)
        account = Account(
            attempted.charger_id, result.action, attempted.label, result.status, result.text
        )
        self._settle_account(account, +1)

    def _ended(self, outcome: Outcome) -> None:
        verdict, told = outcome.verdict, outcome.told
        answer = verdict.answer if verdict else "none"
        self.answers[str(answer), str(outcome.reason or "none")] += 1
        if denial_of(outcome) is not None:
            self._settle_denial(outcome.request_id, +1)
        if told is None:
            return  # the socket was gone: nobody was answered, and the driver says so
        attempt = outcome.attempt
        label = self._depot.label_of(attempt.token)
        account = Account(attempt.charger_id, str(attempt.kind), label, told.status, told.text)
        self._settle_account(account, -1)

    def _settle_account(self, account: Account, by: int) -> None:
        self._accounts[account] += by
        if not self._accounts[account]:
            del self._accounts[account]

    def _settle_denial(self, denial_id: RequestId, by: int) -> None:
        # Outcomes and denials come from partitions of their own: either may be heard first.
        self._denials_due[denial_id] += by
        if not self._denials_due[denial_id]:
            del self._denials_due[denial_id]

    def _mode(self, fact: ModeFact) -> None:
        match fact.kind:
            case ModeFactKind.SWITCHED:
                self.switches[str(fact.observed)] += 1
            case ModeFactKind.SWITCH_FAILED:
                self.switches_failed_count += 1
            case ModeFactKind.EDGE:
                edge_at = self._depot.timeline(fact.charger_id).at(fact.at).start
                self.edges |= {edge_at} if edge_at else set()
            case _:
                pass


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of all are not above (nearest rank).

    Returns:
        None of no values.
    """
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
