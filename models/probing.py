"""Asking a charger what its configuration has: the keys of a probe, and what answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from models.capability import KeyClaim
from models.charger import (
    ChargerCommand,
    ChargerState,
    CommandKind,
    Connection,
)
from models.ids import CommandId, timed_id
from models.key_reading import rows_of
from models.profile_choice import EffectiveProfile
from models.profiles import Profile, Spelling, read_back_mode, spellings
from models.reasons import OcppVersion
from models.schedule import Mode
from models.site import ChargerRecord

PROBE_WITHIN = timedelta(minutes=3)
"""It waits for a switch that is under way; half a dozen calls of its own take seconds."""

ASK_AGAIN_AFTER = timedelta(minutes=10)
"""After a probe that told nothing of use. It expires after three minutes, and one that left a call
unanswered is asked nothing by its gateway for five."""

ASK_AGAIN_AFTER_MAX = timedelta(hours=4)
"""The pause doubles up to this: ten thousand chargers that tell nothing are less than one probe in
a second."""

Names = Mapping[str, str]

GUARDS: Mapping[str, Names] = {
    #                       OCPP 1.6                     2.x
    "pre_authorize": {"1.6": "LocalPreAuthorize", "2.x": "AuthCtrlr.LocalPreAuthorize"},
    "cache": {"1.6": "AuthorizationCacheEnabled", "2.x": "AuthCacheCtrlr.Enabled"},
}
"""Keys besides the profile's own that keep a charger from class full when they are fixed."""


TYPES = "token_types"
"""Asked in OCPP 2.1 only, which has the variable; its value is kept, as types are no tags."""

SUPPORTED_TYPES = "AuthCtrlr.SupportedIdTokenType"


class Question(NamedTuple):
    """One key to ask for.

    Attributes:
        about: field of models.capability.Claims.
        names: spellings, tried in this order until one is known.
    """

    about: str
    names: tuple[str, ...]


class KeyAnswer(NamedTuple):
    """What a charger answered about one key.

    Attributes:
        mode: that the mode's key stands at; of others nothing is kept, values may be tags.
        value: of SUPPORTED_TYPES, as it was told.
    """

    claim: KeyClaim | None
    mode: Mode | None
    value: str | None = None

    @property
    def to_ask_again(self) -> bool:
        """Whether another spelling may be known: this one is not, or nothing of use was said."""
        return self is UNTOLD or self.claim is KeyClaim.MISSING


UNTOLD = KeyAnswer(None, None)
"""The question was refused, or answered without sense."""


def questions(ocpp: OcppVersion, profile: Profile) -> tuple[Question, ...]:
    """What to ask a charger of this profile; nothing where it has no setting."""
    found: tuple[Spelling, ...] = spellings(ocpp, profile)
    if not found:
        return ()
    own = [Question("mode_key", tuple(one.mode_key for one in found))]
    tags = tuple(dict.fromkeys(one.tag_key for one in found if one.tag_key))
    if tags:
        own.append(Question("tag_key", tags))
    spoken = "1.6" if ocpp == "1.6" else "2.x"
    own += [Question(about, (names[spoken],)) for about, names in GUARDS.items()]
    if ocpp == "2.1":
        own.append(Question(TYPES, (SUPPORTED_TYPES,)))
    return tuple(own)


def probe_due(row: ChargerState, profile: EffectiveProfile) -> bool:
    """Whether a connected charger is to be asked: it never told, or it has booted with a firmware
    that was not asked yet, or was asked for the keys of another profile.

    Of a profile that was found nothing is set before the charger has told of the mode's key, so one
    whose answer said nothing of that is asked again.
    """
    claims = row.claims
    if row.connection is None:
        return False
    if claims is None or claims.probed_at is None or claims.firmware != row.firmware:
        return True
    if profile.found and claims.mode_key is None:
        return True
    return not profile.answered(claims.profile)


def ask_again_after(asked_count: int) -> timedelta:
    """The pause after so many probes of the same charger that told nothing of use."""
    # Ten doublings are past the longest pause already.
    return min(ASK_AGAIN_AFTER * (1 << min(asked_count - 1, 10)), ASK_AGAIN_AFTER_MAX)


def probe_command(
    charger: ChargerRecord, profile: str, link: Connection, at: datetime, about: str
) -> ChargerCommand:
    """The command that probes a charger over its connection.

    Args:
        profile: the row whose keys are asked for.
        about: tells it from others of the same time: the firmware, or who asks by hand.
    """
    charger_id = charger.charger_id
    command_id = timed_id(at, charger_id, link.connection_id, CommandKind.PROBE, about)
    return ChargerCommand(
        command_id=CommandId(command_id),
        kind=CommandKind.PROBE,
        charger_id=charger_id,
        site_id=charger.site_id,
        connection_id=link.connection_id,
        slot=link.slot,
        ocpp=link.ocpp,
        # Not its business: a probe changes nothing.
        mode=Mode.MANAGED,
        profile=profile,
        sent_at=at,
        expires_at=at + PROBE_WITHIN,
    )


def key_answer(
    ocpp: OcppVersion, profile: Profile, name: str, payload: Mapping[str, Any]
) -> KeyAnswer:
    """What an answer about one key says of it.

    2.x tells mutability only in reports (models/reports.py): without one a switch shows of a
    variable that is there whether it can be set.
    """
    mode = read_back_mode(ocpp, profile, payload)
    if ocpp == "1.6":
        return KeyAnswer(_claim_16(name, payload), mode)
    value = _value_2x(payload) if name == SUPPORTED_TYPES else None
    return KeyAnswer(_claim_2x(payload), mode, value)


def _claim_16(name: str, payload: Mapping[str, Any]) -> KeyClaim | None:
    # Keys are CiString50.
    for row in rows_of(payload, "configurationKey"):
        if str(row.get("key")).casefold() == name.casefold():
            return KeyClaim.READ_ONLY if row.get("readonly") is True else KeyClaim.WRITABLE
    return KeyClaim.MISSING


_STATUS_2X = {
    "Accepted": KeyClaim.PRESENT,
    "UnknownComponent": KeyClaim.MISSING,
    "UnknownVariable": KeyClaim.MISSING,
    "NotSupportedAttributeType": KeyClaim.MISSING,
}
"""GetVariableStatusEnumType. Rejected says nothing: a write-only variable is rejected too."""


def _claim_2x(payload: Mapping[str, Any]) -> KeyClaim | None:
    rows = rows_of(payload, "getVariableResult")
    return next((_STATUS_2X.get(str(row.get("attributeStatus"))) for row in rows), None)


def _value_2x(payload: Mapping[str, Any]) -> str | None:
    """The value of the one variable that was asked for."""
    for row in rows_of(payload, "getVariableResult"):
        value = row.get("attributeValue")
        if row.get("attributeStatus") == "Accepted" and isinstance(value, str):
            return value
    return None
