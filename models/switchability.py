"""What a charger's class and its site allow: whether it is switched, and whether it may reboot.

A class that says that there is no usable setting is believed once that is settled. A Rejected is
not: chargers refuse while a session runs, and each edge asks again.
"""

from __future__ import annotations

from models.capability import Capability, Claims, KeyClaim, SetClaim, classify
from models.charger import ChargerState
from models.modes import Link, link_of
from models.profile_choice import EffectiveProfile
from models.profiles import profile_named, switchable
from models.site import Reboot, SiteRecord

_WITHOUT_KEY = frozenset({KeyClaim.MISSING, KeyClaim.READ_ONLY})


def may_be_set(row: ChargerState, profile: EffectiveProfile) -> bool:
    """Whether the profile's keys may be set at this charger at all.

    Those of one that was found may only once the charger, asked by name, has told the key with a
    value of that row. A charger of another make than it was taken for has no such key, and is left
    as it is: it cannot be opened by a row that could not close it.
    """
    if not profile.found:
        return True
    claims = row.claims
    return claims is not None and profile.answered(claims.profile) and claims.mode is not None


def believed(claims: Claims | None, profile: EffectiveProfile) -> Claims | None:
    """What a charger said of its keys, as far as it goes for its profile.

    A key that stands at no value of a row that was found has only its name in common with the row's
    key, which is missing then.
    """
    if claims is None or not profile.found or claims.mode_key is None or claims.mode is not None:
        return claims
    return claims.model_copy(update={"mode_key": KeyClaim.MISSING})


def settled_class(row: ChargerState, profile: EffectiveProfile) -> Capability | None:
    """The class that a switch goes by; None while it is not known or not settled.

    Args:
        profile: that goes for the charger now: what it said of the keys of another one says
            nothing.
    """
    link, claims = row.connection, believed(row.claims, profile)
    if link is None or claims is None or not profile.answered(claims.profile):
        return None
    if claims.set_status == SetClaim.REJECTED and claims.mode_key not in _WITHOUT_KEY:
        return None
    has_key = switchable(link.ocpp, profile_named(profile.name))
    return classify(claims, row.proofs, has_key=has_key, desired=row.desired).capability


def switch_ahead(row: ChargerState, profile: EffectiveProfile) -> bool:
    """Whether a switch is under way, or waits for its turn: whatever is less urgent waits for it.

    Of a charger that may be told (stage enforce); one that cannot be switched, or not before it
    was asked, waits for nothing.
    """
    last = row.commanded
    if last is not None and last.status is None:
        return True
    told = last is not None and last.mode is row.desired and last.profile in {"", profile.name}
    seen = row.observed is not None and row.observed.mode is row.desired
    if told or seen or row.desired is None or not may_be_set(row, profile):
        return False
    link = link_of(row.connection, profile.name, settled_class(row, profile))
    return link is Link.SWITCHABLE


def without_refusal(claims: Claims) -> Claims:
    """The claims of a charger that booted or was asked again: what it did not take may have been
    for the state it was in."""
    if claims.set_status in {None, SetClaim.TAKEN, SetClaim.REBOOT_REQUIRED}:
        return claims
    return claims.model_copy(update={"set_status": None, "set_at": None, "read_back": None})


def may_reset(row: ChargerState, site: SiteRecord) -> bool:
    """Whether the charger may be rebooted now: the site allows it, and no session runs."""
    return site.reboot == Reboot.WHEN_IDLE and not row.sessions.running
