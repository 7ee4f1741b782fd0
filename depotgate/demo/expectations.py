"""What must have happened in a run, and in words what did not."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from depotgate.demo.depot import DemoDepot
from depotgate.demo.events import Event
from depotgate.demo.judging import fault_of
from depotgate.demo.tally import Tally
from models.attempt import Outcome
from models.charger import ChargerState, ModeFact, ModeFactKind
from models.ids import ChargerId
from models.reasons import Reason
from models.site import ChargerRecord
from models.timeline import ModeEdge

SEEN_AT_LEAST_ONCE = (
    Reason.OWN_FLEET,
    Reason.AGREEMENT_ACTIVE,
    Reason.FREEVEND_OPEN,
    Reason.AGREEMENT_EXPIRED,
    Reason.AGREEMENT_NOT_YET,
    Reason.REVOKED,
    Reason.SUSPENDED,
    Reason.UNKNOWN_ID,
)
"""What a run of the usual length shows, with every card dealt to every group by turns."""

EDGE_WITHIN = timedelta(seconds=5)
"""Edges are looked for four times a second; a busy machine may take its time."""

SWITCHED_WITHIN = timedelta(seconds=20)
"""A switch is three calls of milliseconds; the repetition of one that was lost comes after 10 s."""

LOOKED_BACK = timedelta(minutes=8)
"""How far back edges are checked when a run ends."""

FACTS_KEPT = 64
"""Of a charger: an edge, a command and a switch for each minute of LOOKED_BACK, more than twice."""

FAULTS_MAX = 10
"""Of one kind: the first ones tell what is wrong, the count tells how much."""


class Expectations:
    """Compares what happens with what must happen.

    Attributes:
        begun_at: edges from then on must be noticed; None = not begun.
        rows: the newest state of each charger.
    """

    def __init__(self, depot: DemoDepot) -> None:
        self._depot = depot
        self.begun_at: datetime | None = None
        self.rows: dict[ChargerId, ChargerState] = {}
        self._facts: dict[ChargerId, deque[ModeFact]] = {
            charger.charger_id: deque(maxlen=FACTS_KEPT) for charger in depot.chargers
        }
        self._switched: set[ChargerId] = set()
        self._faults: Counter[str] = Counter()

    def hear(self, event: Event) -> None:
        """Judge it, or keep it until the end."""
        match event:
            case Outcome():
                self._judge(event)
            case ModeFact():
                self._facts[event.charger_id].append(event)
                if event.kind == ModeFactKind.SWITCHED:
                    self._switched.add(event.charger_id)
            case ChargerState():
                self.rows[event.charger_id] = event
            case _:
                pass

    def settled(self) -> bool:
        """Whether every charger is connected and, where it can be, seen in its mode."""
        return not any(self._unsettled())

    def broken(self, tally: Tally, now: datetime) -> tuple[str, ...]:
        """What by now has not happened, or not as it must."""
        return (
            *_most_of(f"{fault} (×{count})" for fault, count in self._faults.items()),
            *_unanswered(tally),
            *_open_accounts(tally),
            *_most_of(self._unsettled()),
            *_most_of(self._unswitched()),
            *_most_of(self._missed_edges(now)),
        )

    def unseen(self, tally: Tally, edge_at: datetime) -> tuple[str, ...]:
        """What a whole run has to show and this one has not."""
        shown = {reason for _, reason in tally.answers}
        missing = [reason for reason in SEEN_AT_LEAST_ONCE if reason not in shown]
        edge = f"the mode edge at {edge_at.astimezone(self._depot.zone):%H:%M} was not seen"
        return (
            *(f"no attempt ended with {reason}" for reason in missing),
            *([] if edge_at in tally.edges else [edge]),
        )

    def _judge(self, outcome: Outcome) -> None:
        fault = fault_of(self._depot, outcome)
        if fault is not None and (fault in self._faults or len(self._faults) <= FAULTS_MAX):
            self._faults[fault] += 1

    def _unsettled(self) -> Iterator[str]:
        for charger in self._depot.chargers:
            row = self.rows.get(charger.charger_id)
            if row is None or row.connection is None:
                yield f"{charger.charger_id} is not connected"
            elif self._depot.switchable(charger):
                seen = row.observed.mode if row.observed else "unknown"
                if seen != row.desired:
                    yield f"{charger.charger_id} is to be {row.desired}, and is seen as {seen}"

    def _unswitched(self) -> Iterator[str]:
        for charger in self._switchable():
            if charger.charger_id not in self._switched:
                yield f"{charger.charger_id} was never switched"

    def _missed_edges(self, now: datetime) -> Iterator[str]:
        for charger in self._depot.chargers:
            for edge in self._edges_due(charger, now, EDGE_WITHIN):
                if not self._noticed(charger, edge):
                    yield f"{self._edge(charger, edge)} was not noticed"
        for charger in self._switchable():
            for edge in self._edges_due(charger, now, SWITCHED_WITHIN):
                if not self._followed(charger, edge):
                    yield f"{self._edge(charger, edge)} was not followed by a switch"

    def _edges_due(
        self, charger: ChargerRecord, now: datetime, within: timedelta
    ) -> tuple[ModeEdge, ...]:
        if self.begun_at is None:
            return ()
        since = max(self.begun_at, now - LOOKED_BACK)
        until = now - within
        line = self._depot.timeline(charger.charger_id)
        return line.edges(since, until) if since < until else ()

    def _noticed(self, charger: ChargerRecord, edge: ModeEdge) -> bool:
        return any(
            fact.kind == ModeFactKind.EDGE
            and fact.desired is edge.mode
            and edge.at <= fact.at <= edge.at + EDGE_WITHIN
            for fact in self._facts[charger.charger_id]
        )

    def _followed(self, charger: ChargerRecord, edge: ModeEdge) -> bool:
        return any(
            fact.kind == ModeFactKind.SWITCHED
            and fact.observed is edge.mode
            and edge.at <= fact.at <= edge.at + SWITCHED_WITHIN
            for fact in self._facts[charger.charger_id]
        )

    def _switchable(self) -> Iterator[ChargerRecord]:
        return (charger for charger in self._depot.chargers if self._depot.switchable(charger))

    def _edge(self, charger: ChargerRecord, edge: ModeEdge) -> str:
        at = edge.at.astimezone(self._depot.zone)
        return f"{charger.charger_id}: the edge to {edge.mode} at {at:%H:%M}"


def _unanswered(tally: Tally) -> Iterator[str]:
    for error, count in tally.unanswered.items():
        yield f"attempts without an answer: {count} ({error})"


def _open_accounts(tally: Tally) -> Iterator[str]:
    yield from _most_of(
        f"an answer has no outcome: {lost.charger_id} {lost.action}, {lost.label}, {lost.status}"
        for lost in tally.lost
    )
    if tally.denials_missing_count:
        yield f"denied attempts without a denial record: {tally.denials_missing_count}"
    if tally.switches_failed_count:
        yield f"chargers given up on: {tally.switches_failed_count}"


def _most_of(sentences: Iterable[str]) -> Iterator[str]:
    for place, sentence in enumerate(sentences):
        if place == FAULTS_MAX:
            yield "… and more of this kind"
            return
        yield sentence
