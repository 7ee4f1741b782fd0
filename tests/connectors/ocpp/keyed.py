"""A charger at the other end of a wire that answers questions for its keys, each in its own way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.connectors.ocpp.calls import Wire

LIMIT_16 = "GetConfigurationMaxKeys"
LIMIT_2X = "DeviceDataCtrlr.ItemsPerMessage[GetVariables]"
BYTES_2X = "DeviceDataCtrlr.BytesPerMessage[GetVariables]"
SETTABLE = "DeviceDataCtrlr.ItemsPerMessage[SetVariables]"
SETTABLE_BYTES = "DeviceDataCtrlr.BytesPerMessage[SetVariables]"


@dataclass
class Keyed:
    """Its keys, and what it does with a question for several.

    Attributes:
        values: by name; others are unknown.
        takes: keys in one message; more are a CALLERROR.
        tells: results in one answer, whatever was asked for.
        senseless: keys whose question is answered with what the schema refuses.
        asked: the keys of each question.
        others: what came that is no question for keys.
    """

    wire: Wire
    values: Mapping[str, str]
    takes: int = 100
    tells: int = 100
    senseless: frozenset[str] = frozenset()
    asked: list[list[str]] = field(default_factory=list)
    others: list[Any] = field(default_factory=list)
    _seen: int = 0

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[Keyed]:
        """Answer questions for as long as the block lasts."""
        task = asyncio.create_task(self._answer())
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _answer(self) -> None:
        while True:
            await asyncio.sleep(0.001)
            while self._seen < len(self.wire.sent):
                frame = self.wire.sent[self._seen]
                self._seen += 1
                if frame[0] != 2 or frame[2] not in {"GetConfiguration", "GetVariables"}:
                    self.others.append(frame)
                else:
                    self._to(frame)

    def _to(self, frame: list[Any]) -> None:
        new = frame[2] == "GetVariables"
        rows = frame[3]["getVariableData"] if new else frame[3]["key"]
        names = [spelled(row) if new else row for row in rows]
        self.asked.append(names)
        if len(names) > self.takes:
            code = "OccurrenceConstraintViolation" if new else "OccurenceConstraintViolation"
            self.wire.receive(4, frame[1], code, "", {})
        elif self.senseless & set(names):
            self.wire.receive(3, frame[1], {"getVariableResult": 7, "configurationKey": 7})
        else:
            told = rows[: self.tells]
            self.wire.receive(3, frame[1], self.variables(told) if new else self._keys(told))

    def variables(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """The answer to GetVariables."""
        return {
            "getVariableResult": [
                {name: row[name] for name in ("attributeType", "component", "variable")}
                | (
                    {"attributeStatus": "Accepted", "attributeValue": self.values[spelled(row)]}
                    if spelled(row) in self.values
                    else {"attributeStatus": "UnknownVariable"}
                )
                for row in rows
            ]
        }

    def _keys(self, names: list[str]) -> dict[str, Any]:
        return {
            "configurationKey": [
                {"key": name, "readonly": False, "value": self.values[name]}
                for name in names
                if name in self.values
            ],
            "unknownKey": [name for name in names if name not in self.values],
        }


def spelled(row: dict[str, Any]) -> str:
    """`Component.Variable[Instance]/Attribute` of one element of GetVariables or SetVariables."""
    instance = row["variable"].get("instance")
    name = f"{row['component']['name']}.{row['variable']['name']}"
    name = f"{name}[{instance}]" if instance else name
    return name if row["attributeType"] == "Actual" else f"{name}/{row['attributeType']}"
