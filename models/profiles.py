"""How a charger is switched: the profile table, and what goes over the wire because of it.

The table is profiles.toml, which ships with the program. Everything here is pure: it builds
payloads and reads answers; the gateway sends and receives them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from importlib.resources import files
from itertools import zip_longest
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from models.confidence import Confidence
from models.makes import Make
from models.reasons import OcppVersion
from models.record import Frozen
from models.schedule import Mode
from models.tuning import TUNED_2X, TUNED_16
from models.variables import name_of, row_named

MAKES_MAX = 8
"""Of one row: a maker has a few names. Every row's are tried for every boot that is new."""


class Spelling(Frozen):
    """One way to spell a row's keys."""

    mode_key: str
    tag_key: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Both keys, each once: where the mode is a tag they are the same key."""
        return tuple(dict.fromkeys(key for key in (self.mode_key, self.tag_key) if key))


class Profile(Frozen):
    """One row of profiles.toml, which explains the fields.

    Attributes:
        freevend, managed: wire values of `mode_key`, given exactly when it is.
        value_is_tag: `mode_key` holds a tag in freevend and is empty in managed.
        values_stated: False where the source names only the key, not how its values are spelled.
        base_report: it may be asked for a report on all that it has (models/reports.py).
        default_tag: presented by the charger while `tag_key` is blank; reserved (rule 17).
        makes: by which it is found (models/profile_choice.py).
    """

    name: str
    vendor: str
    ocpp: OcppVersion | None = None
    mode_key: str | None = None
    freevend: str | None = None
    managed: str | None = None
    value_is_tag: bool = False
    values_stated: bool = True
    tag_key: str | None = None
    default_tag: str | None = None
    aliases: tuple[Spelling, ...] = ()
    base_report: bool = False
    confidence: Confidence
    notes: tuple[str, ...] = ()
    makes: tuple[Make, ...] = Field(default=(), max_length=MAKES_MAX)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.value_is_tag:
            whole = self.mode_key is not None and self.default_tag is not None
            whole = whole and self.freevend is None and self.managed is None
        else:
            given = {field is not None for field in (self.mode_key, self.freevend, self.managed)}
            whole = len(given) == 1
        if not whole or (self.mode_key is not None and self.ocpp is None):
            raise ValueError("expected mode_key with its version and both values, or none of them")
        return self

    @model_validator(mode="after")
    def _may_be_found(self) -> Self:
        if self.makes and (self.mode_key is None or self.confidence is Confidence.UNVERIFIED):
            raise ValueError("makes: nothing is found by itself whose keys nobody has verified")
        return self

    @property
    def spellings(self) -> tuple[Spelling, ...]:
        """The row's own keys first, then its aliases; empty without a mode key."""
        if self.mode_key is None:
            return ()
        return (Spelling(mode_key=self.mode_key, tag_key=self.tag_key), *self.aliases)

    def value(self, mode: Mode, tag: str | None) -> str:
        """What `mode_key` is set to for `mode`; `tag` is the site's, where a tag is the value."""
        if self.value_is_tag:
            return "" if mode is Mode.MANAGED else tag or self.default_tag or ""
        return (self.managed if mode is Mode.MANAGED else self.freevend) or ""

    def mode(self, value: str) -> Mode | None:
        """The mode that a read-back value means; None for a value that means neither."""
        if self.value_is_tag:
            return Mode.FREEVEND if value.strip() else Mode.MANAGED
        return {_plain(self.value(mode, None)): mode for mode in Mode}.get(_plain(value))


_BOOLEANS = {
    "true": "true",
    "on": "true",
    "1": "true",
    "false": "false",
    "off": "false",
    "0": "false",
}
"""Chargers read back what was set, but not always as it was spelled: `on` comes back as `true`."""


def _plain(value: str) -> str:
    folded = value.strip().casefold()
    return _BOOLEANS.get(folded, folded)


def _load() -> dict[str, Profile]:
    rows = tomllib.loads((files("models") / "profiles.toml").read_text(encoding="utf-8"))
    # Not strict: TOML has no enums and no tuples.
    return told_apart(
        {
            name: Profile.model_validate({"name": name, **row}, strict=False)
            for name, row in rows.items()
        }
    )


def told_apart(rows: dict[str, Profile]) -> dict[str, Profile]:
    """The rows.

    Raises:
        ValueError: whatever one of them is found by, another is found by too.
    """
    makes = [(name, make) for name, row in rows.items() for make in row.makes]
    for name, make in makes:
        if {other for other, each in makes if each.matches(make.example())} != {name}:
            raise ValueError(f"{name}: expected makes that no other row has, got {make.vendor!r}")
    return rows


PROFILES: dict[str, Profile] = _load()

STANDARD = PROFILES["standard"]
UNKNOWN = PROFILES["unknown"]


def profile_named(name: str) -> Profile:
    """The row of that name; `unknown`, which is never switched, for one a newer version wrote."""
    return PROFILES.get(name, UNKNOWN)


def row_on(ocpp: OcppVersion | str, profile: Profile) -> Profile:
    """The row that says how a charger of `profile` is switched over `ocpp`.

    OCPP 2.x has a standard variable, so makers' 1.6 keys do not matter there; 1.6 has none, so
    `standard` says nothing there. `unknown` is nothing on either.
    """
    if profile is UNKNOWN or profile.ocpp == _spoken_as(ocpp):
        return profile
    return UNKNOWN if ocpp == "1.6" else STANDARD


def _spoken_as(ocpp: OcppVersion | str) -> OcppVersion | str:
    """OCPP 2.1 has the variables of 2.0.1, so a row for one serves the other."""
    return "2.0.1" if ocpp == "2.1" else ocpp


def switchable(ocpp: OcppVersion | str, profile: Profile) -> bool:
    """Whether there is a setting to try at all; only behaviour proves that it works."""
    return bool(spellings(ocpp, profile))


def spellings(ocpp: OcppVersion | str, profile: Profile) -> tuple[Spelling, ...]:
    """The keys to try over `ocpp`, in order; `switch_calls(alias=i)` uses the i-th."""
    return row_on(ocpp, profile).spellings


def reserved_tags(profile: Profile) -> tuple[str, ...]:
    """Tags that the profile reserves (rule 17); the site's and the one read back come on top."""
    return (profile.default_tag,) if profile.default_tag else ()


Purpose = Literal["tag", "set", "clear_cache", "tune", "read_back", "reset"]


class WireCall(NamedTuple):
    """One call to the charger.

    Attributes:
        payload: as it goes over the wire, camelCase. May hold tags and card numbers: never logged.
        purpose: `set` decides whether the switch goes on, and `read_back` what is observed. The
            others fail nothing when they are refused: many chargers have no cache and no such key.
        names: keys that are set, by the place of their result in the answer.
    """

    action: str
    payload: dict[str, Any]
    purpose: Purpose
    names: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"WireCall({self.action}, {self.purpose})"


def switch_calls(
    ocpp: OcppVersion, profile: Profile, mode: Mode, *, tag: str | None = None, alias: int = 0
) -> tuple[WireCall, ...]:
    """The calls that switch a charger to `mode`, in order; empty when it is not switchable.

    The tag comes first, so that a charger which opens presents the right one at once. Towards
    managed the authorization cache is cleared, which freevend answers may have filled (finding 5),
    and what would let a charger start without asking is set (models/tuning.py). The read-back names
    its keys: some firmware reboots on a full GetConfiguration, some hides keys that are not named
    (finding 9).

    Args:
        tag: the site's freevend tag.
        alias: which of `spellings` to use, after `set` ended with `Setting.NOT_SUPPORTED`.

    Raises:
        IndexError: there is no such spelling.
    """
    row = row_on(ocpp, profile)
    if not row.spellings:
        return ()
    spelling = row.spellings[alias]
    set_and_read = _calls_16 if ocpp == "1.6" else _calls_2x
    set_call, read_call = set_and_read(spelling, row.value(mode, tag))
    if mode is Mode.FREEVEND:
        return (*_tag_calls(spelling, tag), set_call, read_call)
    clearing = WireCall("ClearCache", {}, "clear_cache")
    return (set_call, clearing, *tuning_calls(ocpp), read_call)


def _tag_calls(spelling: Spelling, tag: str | None) -> tuple[WireCall, ...]:
    """The site's freevend tag, where the charger has a key of its own for it (1.6 only)."""
    key = spelling.tag_key
    if tag is None or key is None or key == spelling.mode_key:
        return ()
    return (WireCall("ChangeConfiguration", {"key": key, "value": tag}, "tag", (key,)),)


def reset_call(ocpp: OcppVersion) -> WireCall:
    """The call that reboots a charger once nothing runs there: 2.x waits for that itself, in 1.6
    a Soft one at least ends sessions in order."""
    return WireCall("Reset", {"type": "Soft" if ocpp == "1.6" else "OnIdle"}, "reset")


def tuning_calls(ocpp: OcppVersion) -> tuple[WireCall, ...]:
    """The calls that set what belongs to managed beside the mode itself."""
    if ocpp == "1.6":
        return tuple(
            WireCall("ChangeConfiguration", {"key": key, "value": value}, "tune", (key,))
            for key, value in TUNED_16.items()
        )
    rows = [row_named(name) | {"attributeValue": value} for name, value in TUNED_2X.items()]
    return (WireCall("SetVariables", {"setVariableData": rows}, "tune", tuple(TUNED_2X)),)


def in_parts(call: WireCall, at_once: int | None) -> tuple[WireCall, ...]:
    """A SetVariables as several, for a charger that takes so many variables in one
    (DeviceDataCtrlr.ItemsPerMessage); any other call, or None, as it is."""
    rows = call.payload.get("setVariableData", ())
    if at_once is None or len(rows) <= at_once:
        return (call,)
    return tuple(
        call._replace(
            payload={"setVariableData": rows[at : at + at_once]},
            names=call.names[at : at + at_once],
        )
        for at in range(0, len(rows), at_once)
    )


def refused_names(ocpp: OcppVersion, call: WireCall, payload: Mapping[str, Any]) -> tuple[str, ...]:
    """Which keys of an optional call the charger did not take, by its answer."""
    if ocpp == "1.6":
        statuses = [set_status(ocpp, payload)]
    else:
        results = _rows(payload, "setVariableResult")
        statuses = [_text(result.get("attributeStatus")) or "" for result in results]
    taken = {Setting.DONE, Setting.REBOOT_REQUIRED}
    told = zip_longest(call.names, statuses[: len(call.names)], fillvalue="")
    return tuple(name for name, status in told if setting(status) not in taken)


def _calls_16(spelling: Spelling, value: str) -> tuple[WireCall, WireCall]:
    return (
        WireCall("ChangeConfiguration", {"key": spelling.mode_key, "value": value}, "set"),
        WireCall("GetConfiguration", {"key": list(spelling.keys)}, "read_back"),
    )


def _calls_2x(spelling: Spelling, value: str) -> tuple[WireCall, WireCall]:
    named = row_named(spelling.mode_key)
    return (
        WireCall("SetVariables", {"setVariableData": [named | {"attributeValue": value}]}, "set"),
        WireCall("GetVariables", {"getVariableData": [named]}, "read_back"),
    )


class Setting(StrEnum):
    """What the answer to a `set` call means."""

    DONE = "done"
    REBOOT_REQUIRED = "reboot_required"
    NOT_SUPPORTED = "not_supported"
    """Unknown by this name: another spelling may be tried."""
    REJECTED = "rejected"


_SETTINGS = {
    "Accepted": Setting.DONE,
    "RebootRequired": Setting.REBOOT_REQUIRED,
    "NotSupported": Setting.NOT_SUPPORTED,
    "UnknownComponent": Setting.NOT_SUPPORTED,
    "UnknownVariable": Setting.NOT_SUPPORTED,
    "NotSupportedAttributeType": Setting.NOT_SUPPORTED,
    "Rejected": Setting.REJECTED,
}
"""OCPP 1.6 ConfigurationStatus and 2.0.1 SetVariableStatusEnumType; anything else is rejected."""


def set_status(ocpp: OcppVersion, payload: Mapping[str, Any]) -> str:
    """The status text in the answer to a `set` call; empty when there is none."""
    if ocpp == "1.6":
        return _text(payload.get("status")) or ""
    results = _rows(payload, "setVariableResult")
    return next((_text(result.get("attributeStatus")) or "" for result in results), "")


def setting(status: str) -> Setting:
    """What a `set_status` means."""
    return _SETTINGS.get(status, Setting.REJECTED)


def named_setting(status: str) -> Setting | None:
    """What a status means that came from the charger; None for any other word."""
    return _SETTINGS.get(status)


def read_back_mode(ocpp: OcppVersion, profile: Profile, payload: Mapping[str, Any]) -> Mode | None:
    """The mode in the answer to a `read_back` call, under any spelling of the key.

    None when the key is not there, was refused, or has a value that means neither mode. Equal to
    what was set, it is still a claim and no proof (finding 4).
    """
    row = row_on(ocpp, profile)
    value = _value(ocpp, payload, tuple(spelling.mode_key for spelling in row.spellings))
    return None if value is None else row.mode(value)


def read_back_tag(ocpp: OcppVersion, profile: Profile, payload: Mapping[str, Any]) -> str | None:
    """The freevend tag in the answer to a `read_back` call, reserved by rule 17; None if blank."""
    tag_keys = tuple(one.tag_key for one in spellings(ocpp, profile) if one.tag_key)
    return _value(ocpp, payload, tag_keys) or None


def _value(ocpp: OcppVersion, payload: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    values = dict(_values_16(payload) if ocpp == "1.6" else _values_2x(payload))
    return next((values[key.casefold()] for key in keys if key.casefold() in values), None)


def _values_16(payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    # Keys are CiString50. A known key without a value is one that is not set (1.6 section 7.29).
    for row in _rows(payload, "configurationKey"):
        yield str(row.get("key")).casefold(), _text(row.get("value")) or ""


def _values_2x(payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for row in _rows(payload, "getVariableResult"):
        name, value = name_of(row, row.get("attributeType")), _text(row.get("attributeValue"))
        if row.get("attributeStatus") == "Accepted" and name is not None and value is not None:
            yield name, value


def _rows(payload: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    rows = payload.get(field)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
