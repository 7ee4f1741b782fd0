"""Keys of a charger read by their names: the calls, and what an answer says of each key.

Keys are always named: some firmware reboots on a full GetConfiguration, and some hides keys that
are not named (finding 9). How many one message may name is the charger's to say; many say one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from models.profiles import WireCall
from models.reasons import OcppVersion
from models.variables import name_of, row_named

AT_ONCE_MAX = 10
"""Keys in one message: no profile has more to ask, and an answer of 2.x stays below 4 kB."""

SETTABLE_AT_ONCE = "DeviceDataCtrlr.ItemsPerMessage[SetVariables]"
"""How many variables a charger of 2.x takes in one SetVariables (2.0.1 part 2, B05)."""

SETTABLE_BYTES = "DeviceDataCtrlr.BytesPerMessage[SetVariables]"
READABLE_BYTES = "DeviceDataCtrlr.BytesPerMessage[GetVariables]"
"""How many bytes such a message may have; 1.6 has no such key."""

MESSAGE_BYTES = 100
"""Of a message without any row: its type, its id, its action and the name of its list."""

ROW_BYTES = 160
"""The longest name that is asked for, or set with its value, is some bytes shorter."""

_READABLE_16 = "GetConfigurationMaxKeys"
_READABLE_2X = "DeviceDataCtrlr.ItemsPerMessage[GetVariables]"

Payload = Mapping[str, Any]


def readable_at_once(ocpp: OcppVersion) -> str:
    """The key that says how many keys one message may ask for (1.6 section 9.1, 2.0.1 B06)."""
    return _READABLE_16 if ocpp == "1.6" else _READABLE_2X


class Reading(NamedTuple):
    """What a charger says of one key.

    Attributes:
        known: it has the key.
        value: None where it was not told.
    """

    known: bool
    value: str | None

    def equals(self, wanted: str) -> bool:
        """Whether it stands as wanted; chargers spell booleans as they like."""
        return self.value is not None and self.value.strip().casefold() == wanted

    @property
    def number(self) -> int | None:
        """As a whole number that is not negative."""
        text = (self.value or "").strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


UNKNOWN = Reading(known=False, value=None)


def at_once(told: Reading, room: Reading = UNKNOWN) -> int:
    """How many keys one message may have, by a charger's word: one where it says nothing of use.

    Args:
        room: how many bytes.
    """
    count = min(told.number or 1, AT_ONCE_MAX)
    if room.number is not None:
        count = min(count, (room.number - MESSAGE_BYTES) // ROW_BYTES)
    return max(1, count)


def read_call(ocpp: OcppVersion, *names: str) -> WireCall:
    """The call that asks for keys; those of 2.x are spelled as models/variables.py says."""
    if ocpp == "1.6":
        return WireCall("GetConfiguration", {"key": list(names)}, "read_back", names)
    rows = [row_named(name) for name in names]
    return WireCall("GetVariables", {"getVariableData": rows}, "read_back", names)


def apart(ocpp: OcppVersion, names: Iterable[str], payload: Payload) -> dict[str, Payload]:
    """An answer about several keys as what would have answered the question for each alone; a key
    that it says nothing of is left out."""
    split = _apart_16 if ocpp == "1.6" else _apart_2x
    told = split(payload)
    return {name: told[name.casefold()] for name in names if name.casefold() in told}


def _apart_16(payload: Payload) -> dict[str, Payload]:
    # Keys are CiString50.
    unknown = payload.get("unknownKey")
    told: dict[str, Payload] = {
        name.casefold(): {"unknownKey": [name]}
        for name in (unknown if isinstance(unknown, list) else ())
        if isinstance(name, str)
    }
    for row in rows_of(payload, "configurationKey"):
        told[str(row.get("key")).casefold()] = {"configurationKey": [row]}
    return told


def _apart_2x(payload: Payload) -> dict[str, Payload]:
    told: dict[str, Payload] = {}
    for row in rows_of(payload, "getVariableResult"):
        name = name_of(row, row.get("attributeType"))
        if name is not None:
            told.setdefault(name, {"getVariableResult": [row]})
    return told


def reading(ocpp: OcppVersion, name: str, payload: Payload) -> Reading:
    """What the answer to `read_call` of one key says."""
    if ocpp == "1.6":
        for row in rows_of(payload, "configurationKey"):
            if str(row.get("key")).casefold() == name.casefold():
                return Reading(True, _text(row.get("value")))
        return UNKNOWN
    row = next(iter(rows_of(payload, "getVariableResult")), {})
    status = row.get("attributeStatus")
    known = status not in {"UnknownComponent", "UnknownVariable", None}
    return Reading(known, _text(row.get("attributeValue")) if status == "Accepted" else None)


def rows_of(payload: Payload, field: str) -> list[Payload]:
    """The objects of a list in an answer, whatever else is in it."""
    rows = payload.get(field)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
