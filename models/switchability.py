"""What a charger's class and its site allow: whether it is switched, and whether it may reboot.

A class that says that there is no usable setting is believed once that is settled. A Rejected is
not: chargers refuse while a session runs, and each edge asks again.
"""

from __future__ import annotations

from models.capability import Capability, Claims, KeyClaim, SetClaim, classify
from models.charger import ChargerState
from models.modes import Link, link_of
from models.profiles import profile_named, switchable
from models.site import Reboot, SiteRecord

_WITHOUT_KEY = frozenset({KeyClaim.MISSING, KeyClaim.READ_ONLY})


def settled_class(row: ChargerState, profile: str) -> Capability | None:
    """The class that a switch goes by; None while it is not known or not settled.

    Args:
        profile: name of the row of profiles.toml that governs the charger now: what it said of the
            keys of another one says nothing.
    """
    link, claims = row.connection, row.claims
    if link is None or claims is None or claims.profile not in {"", profile}:
        return None
    if claims.set_status == SetClaim.REJECTED and claims.mode_key not in _WITHOUT_KEY:
        return None
    has_key = switchable(link.ocpp, profile_named(profile))
    return classify(claims, row.proofs, has_key=has_key, desired=row.desired).capability


def switch_ahead(row: ChargerState, profile: str) -> bool:
    """Whether a switch is under way, or waits for its turn: whatever is less urgent waits for it.

    Of a charger that may be told (stage enforce); one that cannot be switched waits for nothing.
    """
    last = row.commanded
    if last is not None and last.status is None:
        return True
    told = last is not None and last.mode is row.desired and last.profile in {"", profile}
    seen = row.observed is not None and row.observed.mode is row.desired
    if told or seen or row.desired is None:
        return False
    return link_of(row.connection, profile, settled_class(row, profile)) is Link.SWITCHABLE


def without_refusal(claims: Claims) -> Claims:
    """The claims of a charger that booted or was asked again: what it did not take may have been
    for the state it was in."""
    if claims.set_status in {None, SetClaim.TAKEN, SetClaim.REBOOT_REQUIRED}:
        return claims
    return claims.model_copy(update={"set_status": None, "set_at": None, "read_back": None})


def may_reset(row: ChargerState, site: SiteRecord) -> bool:
    """Whether the charger may be rebooted now: the site allows it, and no session runs."""
    return site.reboot == Reboot.WHEN_IDLE and not row.sessions.running
