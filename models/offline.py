"""What a charger does for drivers while it is offline: the site's choice as settings of its own.

Steps are idempotent and in an order that never lets in more people than the policy: whoever may
start offline is said last. Each is read first, set only where it differs, and read back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from models.profiles import WireCall
from models.reasons import OcppVersion
from models.site import OfflinePolicy
from models.variables import row_named

COVER_S = 86_400
"""Whatever a charger has to tell waits for a day: a network that is down longer is noticed."""

RETRY_EVERY_S = 60
"""For a charger without an interval: once a minute costs nothing and is soon enough."""

INTERVAL_MAX_S = 900
"""An interval is raised to this at most: it is also how long a start waits that was lost by a
moment's fault, and what comes after it waits behind it."""

MESSAGES_2X = "TransactionEvent"
"""Instance of the two variables that attempts are set by (OCPP 2.0.1 part 2, 2.1.14 and 2.1.15)."""


class OfflineKey(NamedTuple):
    """One setting under its names, the first that is known counts.

    Attributes:
        about: how records and people call it.
        values: by policy.
        absent: what a charger without the key does: an optional feature that is not there is off.
            None = nobody knows: the key is required, and a charger without it does as it pleases.
    """

    about: str
    names_16: tuple[str, ...]
    names_2x: tuple[str, ...]
    values: Mapping[OfflinePolicy, str]
    absent: str | None = None

    def names(self, ocpp: OcppVersion | str) -> tuple[str, ...]:
        """What it is called over `ocpp`."""
        return self.names_16 if ocpp == "1.6" else self.names_2x


def _values(closed: str, own_fleet: str, everyone: str) -> Mapping[OfflinePolicy, str]:
    return {
        OfflinePolicy.CLOSED: closed,
        OfflinePolicy.OWN_FLEET: own_fleet,
        OfflinePolicy.OPEN: everyone,
    }


# fmt: off
OFFLINE_KEYS = (
    # The specification itself spells some of these in two ways.
    # A local hit would start online without the central system being asked.
    OfflineKey("pre_authorize", ("LocalPreAuthorize",),
               ("AuthCtrlr.LocalPreAuthorize", "AuthCtrlr.LocalPreauthorize"),
               _values("false", "false", "false")),
    # Its answers outlive edges (finding 5, rule 23); who may start offline is on the list.
    OfflineKey("cache", ("AuthorizationCacheEnabled",), ("AuthCacheCtrlr.Enabled",),
               _values("false", "false", "false"), absent="false"),
    OfflineKey("unknown_id", ("AllowOfflineTxForUnknownId",),
               ("AuthCtrlr.OfflineTxForUnknownIdEnabled",),
               _values("false", "false", "true"), absent="false"),
    # A list of somebody else's counts for nobody.
    OfflineKey("local_list", ("LocalAuthListEnabled",), ("LocalAuthListCtrlr.Enabled",),
               _values("false", "true", "false"), absent="false"),
    OfflineKey("authorize_offline", ("LocalAuthorizeOffline",),
               ("AuthCtrlr.LocalAuthorizeOffline", "AuthCtrlr.LocalAuthorizationOffline"),
               _values("false", "true", "true")),
)
# fmt: on

LIST_KEY = next(key for key in OFFLINE_KEYS if key.about == "local_list")


class Met(StrEnum):
    """How a setting stands to what the site wants."""

    MET = "met"
    UNMET = "unmet"
    UNKNOWN = "unknown"
    """The charger does not say, or has no such key, and what it does without nobody knows."""


def met(about: str, told: str, policy: OfflinePolicy | str | None) -> Met:
    """Whether a charger does what a policy asks of one setting.

    Args:
        about: name of the setting, as in OFFLINE_KEYS.
        told: a SettingTold.
        policy: that is in force there.
    """
    if told in {SettingTold.STANDS, SettingTold.SET}:
        return Met.MET
    if told == SettingTold.UNTOLD:
        return Met.UNKNOWN
    if told != SettingTold.MISSING:
        return Met.UNMET
    key = next((each for each in OFFLINE_KEYS if each.about == about), None)
    if key is None or key.absent is None or not isinstance(policy, OfflinePolicy):
        return Met.UNKNOWN
    return Met.MET if key.values[policy] == key.absent else Met.UNMET


class AttemptKeys(NamedTuple):
    """How often, and after how many seconds again, transaction messages are sent."""

    attempts: str
    interval: str


_ATTEMPTS_16 = AttemptKeys("TransactionMessageAttempts", "TransactionMessageRetryInterval")
_ATTEMPTS_2X = AttemptKeys(
    f"OCPPCommCtrlr.MessageAttempts[{MESSAGES_2X}]",
    f"OCPPCommCtrlr.MessageAttemptInterval[{MESSAGES_2X}]",
)


def attempt_keys(ocpp: OcppVersion | str) -> AttemptKeys:
    """What the two settings are called over `ocpp`."""
    return _ATTEMPTS_16 if ocpp == "1.6" else _ATTEMPTS_2X


class Resending(NamedTuple):
    """The two as numbers; None = the charger has none, or not as a number."""

    attempts_count: int | None
    interval_s: int | None

    @property
    def covered_s(self) -> int:
        """How long a message is sent again and again, at least: many chargers wait longer before
        each further attempt."""
        return (self.attempts_count or 0) * (self.interval_s or 0)


def attempts_for(interval_s: int) -> int:
    """So many attempts cover a day."""
    return math.ceil(COVER_S / max(interval_s, 1))


def raised(now: Resending) -> Iterator[tuple[str, int]]:
    """What to set, in order, to cover a day: `interval` or `attempts` and its value.

    Nothing is lowered. The second is for after the first was answered: attempts before anything
    else, because a longer interval makes the first repetition late.
    """
    if now.covered_s >= COVER_S:
        return
    interval_s = now.interval_s or 0
    if interval_s == 0:
        interval_s = RETRY_EVERY_S
        yield "interval", interval_s
    if attempts_for(interval_s) > (now.attempts_count or 0):
        yield "attempts", attempts_for(interval_s)


def raised_interval(now: Resending) -> int | None:
    """The interval for a charger that takes no more attempts; None = it stays."""
    if now.covered_s >= COVER_S or not now.attempts_count or now.interval_s is None:
        return None
    wanted_s = min(attempts_for(now.attempts_count), INTERVAL_MAX_S)
    return wanted_s if wanted_s > now.interval_s else None


def set_call(ocpp: OcppVersion, name: str, value: str) -> WireCall:
    """The call that sets one key."""
    if ocpp == "1.6":
        return WireCall("ChangeConfiguration", {"key": name, "value": value}, "tune", (name,))
    rows = [row_named(name) | {"attributeValue": value}]
    return WireCall("SetVariables", {"setVariableData": rows}, "tune", (name,))


class SettingTold(StrEnum):
    """What became of one setting."""

    STANDS = "stands"
    """It stood as wanted."""
    SET = "set"
    """It was set, and read back as wanted."""
    UNREAD = "unread"
    """Taken, and read back otherwise or not at all: in force after a reboot, or never."""
    REFUSED = "refused"
    MISSING = "missing"
    """The charger has no such key."""
    UNTOLD = "untold"
    """Its question was refused, or answered without sense."""
