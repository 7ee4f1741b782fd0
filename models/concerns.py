"""Which of the records that matched a reason is about: for texts and explanations."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from models.attempt import Match
from models.reasons import Reason
from models.record import UtcDatetime
from models.site import IdentityClass, IdentityState

_CONCERNS: Mapping[str, Callable[[Match, UtcDatetime], bool]] = {
    Reason.REVOKED: lambda match, _at: match.state == IdentityState.REVOKED,
    Reason.SUSPENDED: lambda match, _at: match.state == IdentityState.SUSPENDED,
    Reason.AGREEMENT_EXPIRED: lambda match, at: match.valid_to is not None and match.valid_to <= at,
    Reason.AGREEMENT_NOT_YET: lambda match, at: match.valid_from > at,
    Reason.OWN_FLEET: lambda match, _at: match.identity_class == IdentityClass.OWN_FLEET,
    Reason.AGREEMENT_ACTIVE: lambda match, _at: match.identity_class == IdentityClass.AGREEMENT,
}


def concerned(
    reason: Reason | str, matches: tuple[Match, ...], at: UtcDatetime
) -> tuple[Match, ...]:
    """Of the records that the answer is about, those that the reason is; all of them where it names
    neither state, validity nor class."""
    concerns = _CONCERNS.get(reason)
    if concerns is None:
        return matches
    return tuple([each for each in matches if concerns(each, at)])
