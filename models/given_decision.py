"""A decision as the gateway that asked for it reads it: from the same bytes, what it answers with.

The attempt it has itself, and what the rules looked at is for those who explain the decision. Left
unread, they are half the time of reading it, once for each attempt.
"""

from __future__ import annotations

from models.attempt import ScheduleFacts, Verdict
from models.ids import RequestId
from models.record import Frozen, Open, Record
from models.site import IdentityState


class GivenMatch(Frozen):
    """An identity record that was met: whether it bars (see models.answers.barred)."""

    state: Open[IdentityState]


class GivenFacts(Frozen):
    """Of the facts, what an outcome keeps and what a posture must not admit."""

    schedule: ScheduleFacts | None
    matches: tuple[GivenMatch, ...]


class GivenDecision(Record):
    """The part of models.attempt.Decision that an answer is made from."""

    decision_id: RequestId
    facts: GivenFacts
    verdict: Verdict
