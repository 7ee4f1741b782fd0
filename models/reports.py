"""What a charger of OCPP 2.x tells in a report: which of its variables can be set.

GetVariables tells no mutability, a report does (2.0.1 B07). It comes in many NotifyReport parts; of
all that is in them only the mutability of variables that were asked for is kept, and no value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self

from models.capability import KeyClaim
from models.profiles import WireCall
from models.variables import name_of

PARTS_MAX = 2_000
"""A full inventory has some hundred variables, and firmware was seen to send one a part."""

_MUTABLE = {
    "ReadOnly": KeyClaim.READ_ONLY,
    # It is set, and read back by what the charger does.
    "WriteOnly": KeyClaim.WRITABLE,
    "ReadWrite": KeyClaim.WRITABLE,
}
"""MutabilityEnumType; an attribute that does not say is ReadWrite (VariableAttributeType)."""


class Report(NamedTuple):
    """One report, as far as it has come.

    Attributes:
        wanted: names by models/variables.py, in small letters.
        seen: numbers of its parts, from 0.
        last: the number of the part that ended it.
        sound: nothing came that cannot be of one report.
        told: what was told of the wanted ones.
    """

    request_id: int
    wanted: frozenset[str]
    seen: frozenset[int] = frozenset()
    last: int | None = None
    sound: bool = True
    told: Mapping[str, KeyClaim] = {}

    @classmethod
    def of(cls, request_id: int, names: Iterable[str]) -> Self:
        """A report that was asked for, on variables by their names."""
        return cls(request_id, frozenset(name.casefold() for name in names))

    @property
    def whole(self) -> bool:
        """Whether every part is there."""
        return self.sound and self.last is not None and len(self.seen) == self.last + 1

    def claim(self, name: str) -> KeyClaim | None:
        """Whether a variable can be set; None where the report does not name it."""
        return self.told.get(name.casefold())

    def with_part(self, payload: Mapping[str, Any]) -> Self:
        """The report with a NotifyReport, in whatever order they come; one that is of another
        report, or is repeated, changes nothing."""
        number = payload.get("seqNo")
        if payload.get("requestId") != self.request_id:
            return self
        if not isinstance(number, int) or not 0 <= number < PARTS_MAX:
            return self._replace(sound=False)
        if number in self.seen:
            return self
        last = self.last if payload.get("tbc") is True else number
        seen = self.seen | {number}
        one_end = self.last is None or last == self.last
        told = {**self.told, **dict(_mutabilities(payload, self.wanted))}
        sound = self.sound and one_end and (last is None or max(seen) <= last)
        return self._replace(seen=seen, last=last, sound=sound, told=told)


def report_call(request_id: int) -> WireCall:
    """Ask for everything: what is read-only is in the full inventory alone."""
    payload = {"requestId": request_id, "reportBase": "FullInventory"}
    return WireCall("GetBaseReport", payload, "read_back")


def refined(claim: KeyClaim | None, told: KeyClaim | None) -> KeyClaim | None:
    """What is claimed of a variable that a report speaks of too: only of one that is there."""
    return told if claim is KeyClaim.PRESENT and told is not None else claim


def _mutabilities(
    payload: Mapping[str, Any], wanted: frozenset[str]
) -> Iterator[tuple[str, KeyClaim]]:
    for row in _rows(payload.get("reportData")):
        if not _of_whole_charger(row):
            continue
        for attribute in _rows(row.get("variableAttribute")):
            name = name_of(row, attribute.get("type"))
            claim = _MUTABLE.get(str(attribute.get("mutability", "ReadWrite")))
            if name in wanted and claim is not None:
                yield name, claim


def _of_whole_charger(row: Mapping[str, Any]) -> bool:
    """Whether it is no variable of one EVSE, and none of several of a name."""
    component, variable = row.get("component"), row.get("variable")
    if not isinstance(component, Mapping) or not isinstance(variable, Mapping):
        return False
    return not ("evse" in component or "instance" in component or "instance" in variable)


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
