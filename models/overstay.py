"""Sessions that run on when their entitlement has ended (rule 29).

Asked with the attempt that began the session, judged again: with `event_at` set to the instant that
is asked about and facts gathered for it. What the facts say of later is known then already.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from models.attempt import Attempt, Facts, Match
from models.ladder import Finding, valid_at
from models.next_change import ahead
from models.reasons import Answer, Flag, Reason
from models.schedule import Mode
from models.site import IdentityState, Overstay, OverstayAction

ENDS_IT = frozenset(
    {
        Reason.NOT_ENTITLED_NOW,
        Reason.NOT_ENTITLED_HERE,
        Reason.AGREEMENT_EXPIRED,
        Reason.SUSPENDED,
        Reason.REVOKED,
    }
)
"""Window, validity, suspension, revocation (rule 29). A source that got too old ends no session: it
says nothing of the identity."""


class EntitlementEnd(NamedTuple):
    """When a session's entitlement ends or has ended, and by which denying reason."""

    at: datetime
    reason: Reason


class Overstaying(NamedTuple):
    """What follows for a session that runs at `since` or later.

    Attributes:
        stop_at: None where it may finish.
        flag: attached either way.
    """

    since: datetime
    reason: Reason
    stop_at: datetime | None
    flag: Flag = Flag.OVERSTAY


def entitlement_end(attempt: Attempt, facts: Facts, began_at: datetime) -> EntitlementEnd | None:
    """When the entitlement of a session ends in the managed interval of `event_at`.

    None where it does not, as far as the facts reach, and in freevend: what becomes of sessions
    when the next managed interval begins is rule 12's.

    Args:
        began_at: of the session; nothing ends before it.
    """
    for each in ahead(attempt, facts):
        if each.mode is not Mode.MANAGED:
            return None
        reason = _ending(each.finding)
        if reason is not None:
            since = each.at
            if each.at == attempt.event_at:
                since = _ended_at(reason, facts.matches, attempt.event_at)
            return EntitlementEnd(max(since, began_at), reason)
    return None


def overstaying(end: EntitlementEnd, policy: Overstay) -> Overstaying:
    """What the site's choice makes of a session that runs on. A choice of a newer writer stops
    nobody."""
    stops = policy.action == OverstayAction.STOP
    stop_at = end.at + timedelta(seconds=policy.grace_s) if stops else None
    return Overstaying(end.at, end.reason, stop_at)


def _ending(finding: Finding) -> Reason | None:
    if finding.answer is not Answer.DENY or finding.reasons[0] not in ENDS_IT:
        return None
    return finding.reasons[0]


def _ended_at(reason: Reason, matches: tuple[Match, ...], at: datetime) -> datetime:
    """Since when a reason holds that holds already; `at` where the facts do not say."""
    match reason:
        case Reason.REVOKED | Reason.SUSPENDED:
            states = {
                Reason.REVOKED: IdentityState.REVOKED,
                Reason.SUSPENDED: IdentityState.SUSPENDED,
            }
            told = [each.state_since for each in matches if each.state == states[reason]]
            marks = [since for since in told if since is not None]
        case Reason.AGREEMENT_EXPIRED:
            marks = [each.valid_to for each in matches if each.valid_to and not valid_at(each, at)]
        case _:
            known = [each.entitlement for each in matches if each.entitlement is not None]
            marks = [a.ends_at for entitlement in known for a in entitlement.admissions]
    return max((mark for mark in marks if mark <= at), default=at)
