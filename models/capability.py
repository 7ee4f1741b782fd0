"""What a charger can do: its class, from what its configuration claims and its behaviour proved.

The two are kept apart, because Accepted and a correct read-back prove nothing (finding 4). The
class follows from both by the one table below.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from models.record import Frozen, Open, UtcDatetime
from models.schedule import Mode


class Capability(StrEnum):
    """How far a charger's mode can be governed (design, desired and observed mode)."""

    FULL = "full"
    PARTIAL = "partial"
    ASSISTED = "assisted"
    """No usable setting, but a remote start was seen to start a session."""
    UNSUPPORTED = "unsupported"


class KeyClaim(StrEnum):
    """What a charger said of one of its keys when it was asked by name."""

    WRITABLE = "writable"
    PRESENT = "present"
    """It is there; whether it can be set was not told."""
    READ_ONLY = "read_only"
    MISSING = "missing"


class SetClaim(StrEnum):
    """How the last attempt to set the mode ended, by the charger's own word."""

    TAKEN = "taken"
    REBOOT_REQUIRED = "reboot_required"
    NOT_SUPPORTED = "not_supported"
    REJECTED = "rejected"


class Claims(Frozen):
    """What a charger said of itself. Nothing here is a proof.

    Attributes:
        profile: row of profiles.toml whose keys were asked for.
        firmware: that it had then; what another firmware says has to be asked again.
        probed_at: when its keys were last asked for; None = only a switch told something.
        mode_key, tag_key, pre_authorize, cache: None = not asked for, or not answered. A profile
            without a freevend tag has no `tag_key` to miss.
        mode: that the mode key stood at when it was probed.
        token_types: that it can present, by OCPP 2.1; None = it was not asked, or did not say.
        set_at, set_status, read_back: of the last switch that was answered; `read_back` says
            whether what was set was read back.
    """

    profile: str = ""
    firmware: str | None = None
    probed_at: UtcDatetime | None = None
    mode_key: Open[KeyClaim] | None = None
    tag_key: Open[KeyClaim] | None = None
    pre_authorize: Open[KeyClaim] | None = None
    cache: Open[KeyClaim] | None = None
    mode: Mode | None = None
    token_types: tuple[str, ...] | None = None
    set_at: UtcDatetime | None = None
    set_status: Open[SetClaim] | None = None
    read_back: bool | None = None


class Proofs(Frozen):
    """What a charger's behaviour showed, and when last (see models/proofs.py).

    Attributes:
        freevend_at: a start without Authorize.
        managed_at: an occupation whose energy began only after an accepted token.
        withdrawn_at: it started by itself in a managed interval; `managed_at` counts from then on
            only if it is newer.
        remote_start_at: a session that a remote start began.
        remote_starts_failed: vehicles since then for which remote starts were tried in vain.
    """

    freevend_at: UtcDatetime | None = None
    managed_at: UtcDatetime | None = None
    withdrawn_at: UtcDatetime | None = None
    remote_start_at: UtcDatetime | None = None
    remote_starts_failed: int = 0

    @property
    def managed(self) -> bool:
        """Whether managed is proven, and was not withdrawn since."""
        if self.managed_at is None:
            return False
        return self.withdrawn_at is None or self.managed_at > self.withdrawn_at


class Setting(StrEnum):
    """What the claims say of the setting that switches the mode."""

    NONE = "none"
    """No key is known for it, it does not have it, or refuses it."""
    FIXED = "fixed"
    """Read-only, at the mode that is due."""
    REBOOTS = "reboots"
    UNREAD = "unread"
    """There or taken, but not yet read back as it was set."""
    TAKEN = "taken"
    """Accepted, and read back as it was set."""


class Limit(StrEnum):
    """What keeps a charger with a setting from class full, besides the setting itself."""

    TAG_KEY_MISSING = "the key of its freevend tag is missing"
    PRE_AUTHORIZE_FIXED = "its pre-authorization cannot be set"
    CACHE_FIXED = "its authorization cache cannot be set"
    FREEVEND_UNSEEN = "freevend was not seen to work"
    MANAGED_UNSEEN = "managed was not seen to work"
    MANAGED_WITHDRAWN = "it started by itself while managed"


ANY = None


class Row(NamedTuple):
    """One row of the table; ANY stands for both."""

    setting: Setting
    limited: bool | None
    starts_remotely: bool | None
    capability: Capability


# fmt: off
CLASSES: tuple[Row, ...] = (
    # The first row that fits says the class.
    #   setting          limited  starts    class
    #                             remotely
    Row(Setting.NONE,    ANY,     True,     Capability.ASSISTED),
    Row(Setting.NONE,    ANY,     False,    Capability.UNSUPPORTED),
    Row(Setting.FIXED,   ANY,     ANY,      Capability.PARTIAL),
    Row(Setting.REBOOTS, ANY,     ANY,      Capability.PARTIAL),
    Row(Setting.UNREAD,  ANY,     ANY,      Capability.PARTIAL),
    Row(Setting.TAKEN,   True,    ANY,      Capability.PARTIAL),
    Row(Setting.TAKEN,   False,   ANY,      Capability.FULL),
)
# fmt: on


class Evidence(NamedTuple):
    """One thing that speaks for the class.

    Attributes:
        proven: behaviour; else it is what the charger said of itself.
        at: None for what follows from the profile alone, and for what was never seen.
    """

    what: str
    at: datetime | None
    proven: bool


class Classified(NamedTuple):
    """The class of a charger and why.

    Attributes:
        capability: None while nothing was asked and nothing seen: nobody knows.
        proven: whether behaviour bears it out; else it is claimed.
    """

    capability: Capability | None
    proven: bool
    evidence: tuple[Evidence, ...]


NOBODY_KNOWS = Classified(None, proven=False, evidence=())


def classify(
    claims: Claims | None, proofs: Proofs, *, has_key: bool, desired: Mode | None
) -> Classified:
    """The class of a charger.

    Args:
        claims: None where it was never asked.
        has_key: whether its profile names a setting for its OCPP version.
        desired: the mode that is due: a setting that cannot be changed is of use only there.
    """
    if has_key and (claims is None or (claims.mode_key is None and claims.set_status is None)):
        return NOBODY_KNOWS
    setting = setting_of(claims, desired) if has_key and claims else Setting.NONE
    limits = limits_of(claims or Claims(), proofs)
    cell = (setting, bool(limits), proofs.remote_start_at is not None)
    capability = next(row.capability for row in CLASSES if _fits(row, cell))
    evidence = (*_of_setting(setting, claims, has_key=has_key), *_of_behaviour(proofs))
    if setting is not Setting.NONE:
        evidence += tuple(Evidence(limit, _limit_at(limit, proofs), False) for limit in limits)
    return Classified(capability, _proven(capability, proofs), evidence)


def _fits(row: Row, cell: tuple[Setting, bool, bool]) -> bool:
    return all(one is ANY or one == so for one, so in zip(row[:-1], cell, strict=True))


def _proven(capability: Capability, proofs: Proofs) -> bool:
    if capability is Capability.ASSISTED:
        return True
    both = proofs.freevend_at is not None and proofs.managed
    return both and capability is not Capability.UNSUPPORTED


def setting_of(claims: Claims, desired: Mode | None) -> Setting:
    """What the claims say of the setting. What a switch was told weighs more than a probe."""
    if claims.mode_key == KeyClaim.READ_ONLY:
        at_due = claims.mode is not None and claims.mode is desired
        return Setting.FIXED if at_due else Setting.NONE
    match claims.set_status:
        case None:
            there = claims.mode_key in {KeyClaim.WRITABLE, KeyClaim.PRESENT}
            return Setting.UNREAD if there else Setting.NONE
        case SetClaim.TAKEN:
            return Setting.TAKEN if claims.read_back else Setting.UNREAD
        case SetClaim.REBOOT_REQUIRED:
            return Setting.REBOOTS
        case _:
            return Setting.NONE


def limits_of(claims: Claims, proofs: Proofs) -> tuple[Limit, ...]:
    """What keeps a charger with a setting from class full."""
    missing, fixed = KeyClaim.MISSING, KeyClaim.READ_ONLY
    withdrawn = proofs.withdrawn_at is not None and not proofs.managed
    found = {
        Limit.TAG_KEY_MISSING: claims.tag_key == missing,
        Limit.PRE_AUTHORIZE_FIXED: claims.pre_authorize == fixed,
        Limit.CACHE_FIXED: claims.cache == fixed,
        Limit.FREEVEND_UNSEEN: proofs.freevend_at is None,
        Limit.MANAGED_UNSEEN: proofs.managed_at is None and not withdrawn,
        Limit.MANAGED_WITHDRAWN: withdrawn,
    }
    return tuple(limit for limit, holds in found.items() if holds)


def _limit_at(limit: Limit, proofs: Proofs) -> datetime | None:
    return proofs.withdrawn_at if limit is Limit.MANAGED_WITHDRAWN else None


_SAID = {
    Setting.NONE: "no setting that can be used",
    Setting.FIXED: "its setting is read-only, at the mode that is due",
    Setting.REBOOTS: "its setting needs a reboot",
    Setting.UNREAD: "its setting is there, and was not yet read back as it was set",
    Setting.TAKEN: "its setting was taken and read back",
}


def _of_setting(setting: Setting, claims: Claims | None, *, has_key: bool) -> tuple[Evidence, ...]:
    if not has_key or claims is None:
        return (Evidence("its profile names no setting for its OCPP version", None, False),)
    return (Evidence(_SAID[setting], claims.set_at or claims.probed_at, False),)


def _of_behaviour(proofs: Proofs) -> tuple[Evidence, ...]:
    seen = (
        ("it started without asking", proofs.freevend_at),
        ("it waited for an accepted token", proofs.managed_at if proofs.managed else None),
        ("a remote start began a session", proofs.remote_start_at),
    )
    return tuple(Evidence(what, at, True) for what, at in seen if at is not None)
