"""Load without coordinated omission: arrivals have their time whether or not a line is free."""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from collections import Counter, deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from benchmarks import depot
from benchmarks.depot import Card
from benchmarks.summary import Load, Run, latency_of
from connectors.processes import ended_within

BACKLOG_MAX_S = 3.0
"""Arrivals that wait for a line, in seconds of arrivals: with more the target is overloaded and
the load is cut short."""

DRAIN_S = 8.0
"""For the last answers: longer than a deadline of 3 s and a late posture."""

TICK_S = 0.001
"""Resolution of the event loop's timer: an arrival due within it comes now."""


class Question(NamedTuple):
    """One card presented: when it was due, and the status it should get."""

    card: Card
    due_s: float
    counts: bool


class Line(Protocol):
    """One charger. It asks one question at a time and hands each answer to Drive.answered."""

    async def ask(self, question: Question) -> None:
        """Send a question."""


class Drive:
    """One load on a set of lines.

    Args:
        lines: by number; each line knows its own.
        known_cards: cards that are in the depot's records.
    """

    def __init__(self, lines: Sequence[Line], known_cards: int, load: Load) -> None:
        self._lines = lines
        self._load = load
        self._known = known_cards
        self._random = random.Random(20_26)
        self._idle = deque(range(len(lines)))
        self._waiting: deque[Question] = deque()
        self._outstanding: dict[int, Question] = {}
        self._latencies_s = array("d")
        self._errors: Counter[str] = Counter()
        self._last_answer_s = 0.0
        self._counting = False
        self._ends_s = 0.0
        self.overloaded = False

    def answered(
        self, number: int, status: str | None, fault: str | None = None
    ) -> Question | None:
        """Take a line's answer; returns what the line is to ask next, None to stay idle."""
        question = self._outstanding.pop(number)
        now_s = time.perf_counter()
        if question.counts:
            self._last_answer_s = now_s
            self._latencies_s.append(now_s - question.due_s)
            if fault is not None:
                self._errors[fault] += 1
            elif status is not None and status != question.card.status:
                self._errors[f"{status} instead of {question.card.status}"] += 1
        following = self._following(now_s)
        if following is None:
            self._idle.append(number)
        else:
            self._outstanding[number] = following
        return following

    def _following(self, now_s: float) -> Question | None:
        if self._load.rate_per_s is not None:
            return self._waiting.popleft() if self._waiting else None
        return self._question(now_s) if now_s < self._ends_s else None

    def _question(self, due_s: float) -> Question:
        number = self._random.randrange(depot.drawn_from(self._known))
        return Question(depot.card(number, self._known), due_s, self._counting)

    async def run(self, target: str, between: asyncio.Event) -> Run:
        """Warm up, set `between` when counting begins, measure, and wait for the last answers."""
        load = self._load
        begins_s = time.perf_counter()
        self._ends_s = begins_s + load.warm_up_s + load.measured_s
        counting_from_s = begins_s + load.warm_up_s
        asking = self._arrive if load.rate_per_s is not None else self._saturate
        first = asyncio.create_task(asking(begins_s))
        try:
            await asyncio.sleep(load.warm_up_s)
            self._counting = True
            between.set()
            await first
            await self._drain()
        finally:
            first.cancel()
        lost = sum(each.counts for each in (*self._outstanding.values(), *self._waiting))
        if lost and not self.overloaded:
            self._errors["no answer"] += lost
        took_s = max(self._last_answer_s - counting_from_s, 1e-9)
        return Run(
            target=target,
            load=load.name,
            lines=load.lines,
            rate_per_s=load.rate_per_s,
            answered=len(self._latencies_s),
            answers_per_s=len(self._latencies_s) / took_s,
            latency=latency_of(self._latencies_s),
            errors=dict(self._errors),
            overloaded=self.overloaded,
        )

    async def _saturate(self, begins_s: float) -> None:
        while self._idle:
            await self._give(self._question(begins_s))
        await asyncio.sleep(self._ends_s - time.perf_counter())

    async def _arrive(self, begins_s: float) -> None:
        rate = self._load.rate_per_s
        assert rate is not None
        due_s = begins_s
        while due_s < self._ends_s:
            due_s += self._random.expovariate(rate)
            early_s = due_s - time.perf_counter()
            if early_s > TICK_S:
                await asyncio.sleep(early_s)
            question = self._question(min(due_s, time.perf_counter()))
            if self._idle:
                await self._give(question)
            else:
                self._waiting.append(question)
            if len(self._waiting) > rate * BACKLOG_MAX_S:
                self.overloaded = True
                self._waiting.clear()
                return

    async def _give(self, question: Question) -> None:
        number = self._idle.popleft()
        self._outstanding[number] = question
        await self._lines[number].ask(question)

    async def _drain(self) -> None:
        await ended_within(lambda: not self._outstanding and not self._waiting, DRAIN_S)
