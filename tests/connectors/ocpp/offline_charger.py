"""A charger with offline settings and a local list, and the cards that its gateway knows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from connectors.known_identities import KnownIdentities
from models.identifiers import Candidate
from models.ids import Pseudonym
from tests.connectors.ocpp.calls import Stand, Wire
from tests.connectors.ocpp.chargers import PSEUDONYMISER
from tests.connectors.ocpp.keyed import spelled

CARDS = ("04A1B2C3D4E501", "04A1B2C3D4E502", "04A1B2C3D4E503")


def pseudonym(card: str) -> Pseudonym:
    return PSEUDONYMISER.current(Candidate("ISO14443", card))


@dataclass
class Scripted:
    """A charger that holds keys and a list, and answers every call.

    Attributes:
        fixed: keys that it lets nobody set.
        list_answer: to every list that it is sent.
        room: for entries; a message that has more is refused.
        senseless: 1.6 keys whose question is answered with what the schema refuses.
        most: the highest number that it takes for a key.
        after_boot: keys that are in force from the next boot on.
        asked: the keys of each question.
    """

    wire: Wire
    keys: dict[str, str]
    fixed: frozenset[str] = frozenset()
    version: int = 0
    lists: list[dict[str, Any]] = field(default_factory=list)
    list_answer: str = "Accepted"
    room: int = 1_000
    held: list[dict[str, Any]] = field(default_factory=list)
    senseless: frozenset[str] = frozenset()
    most: dict[str, int] = field(default_factory=dict)
    after_boot: frozenset[str] = frozenset()
    asked: list[list[str]] = field(default_factory=list)

    async def answer(self) -> None:
        done = 0
        while True:
            await asyncio.sleep(0)
            while done < len(self.wire.sent):
                frame = self.wire.sent[done]
                done += 1
                if frame[0] == 2:
                    self.wire.receive(3, frame[1], self.to(frame[2], frame[3]))

    def to(self, action: str, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: PLR0911
        match action:
            case "GetConfiguration":
                names = asked["key"]
                self.asked.append(names)
                if set(names) & self.senseless:
                    return {"configurationKey": names[0]}
                rows = [
                    {"key": name, "readonly": name in self.fixed, "value": self.keys[name]}
                    for name in names
                    if name in self.keys
                ]
                unknown = [name for name in names if name not in self.keys]
                return {"configurationKey": rows, "unknownKey": unknown}
            case "ChangeConfiguration":
                return {"status": self.set(asked["key"], asked["value"])}
            case "GetVariables":
                rows = asked["getVariableData"]
                self.asked.append([spelled(row) for row in rows])
                return {"getVariableResult": [named(row) | self.value(row) for row in rows]}
            case "SetVariables":
                (row,) = asked["setVariableData"]
                status = self.set(spelled(row), row["attributeValue"])
                return {"setVariableResult": [named(row) | {"attributeStatus": status}]}
            case "GetLocalListVersion" if "LocalAuthListEnabled" in self.keys:
                return {"listVersion": self.version}
            case "GetLocalListVersion":
                return {"versionNumber": self.version}
            case "SendLocalList":
                return {"status": self.take_list(asked)}
        raise AssertionError(action)

    def take_list(self, asked: dict[str, Any]) -> str:
        self.lists.append(asked)
        before = self.held if asked["updateType"] == "Differential" else []
        after = before + asked.get("localAuthorizationList", [])
        if self.list_answer != "Accepted" or len(after) > self.room:
            return "Failed" if self.list_answer == "Accepted" else self.list_answer
        self.held = after
        self.version = asked.get("listVersion") or asked["versionNumber"]
        return "Accepted"

    def value(self, row: dict[str, Any]) -> dict[str, Any]:
        value = self.keys.get(spelled(row))
        if value is None:
            return {"attributeStatus": "UnknownVariable"}
        return {"attributeStatus": "Accepted", "attributeValue": value}

    def set(self, name: str, value: str) -> str:
        if name in self.fixed:
            return "Rejected"
        if name not in self.keys:
            return "NotSupported"
        if name in self.after_boot:
            return "RebootRequired"
        if name in self.most:
            value = str(min(int(value), self.most[name]))
        self.keys[name] = value
        return "Accepted"


def named(row: dict[str, Any]) -> dict[str, Any]:
    return {"component": row["component"], "variable": row["variable"]}


def keys_16(**others: str) -> dict[str, str]:
    return {
        "LocalPreAuthorize": "True",
        "AuthorizationCacheEnabled": "false",
        "AllowOfflineTxForUnknownId": "true",
        "LocalAuthListEnabled": "false",
        "LocalAuthorizeOffline": "true",
        "TransactionMessageAttempts": "3",
        "TransactionMessageRetryInterval": "60",
        "LocalAuthListMaxLength": "100",
        "SendLocalListMaxLength": "2",
    } | others


KEYS_2X = {
    "AuthCtrlr.LocalPreAuthorize": "false",
    "AuthCtrlr.LocalAuthorizationOffline": "false",
    "LocalAuthListCtrlr.Enabled": "false",
    "LocalAuthListCtrlr.ItemsPerMessage": "10",
    "LocalAuthListCtrlr.SupportsExpiryDateTime": "true",
    "OCPPCommCtrlr.MessageAttempts[TransactionEvent]": "2000",
    "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": "60",
}


def knowing(stand: Stand, folder: Path, cards: tuple[str, ...] = CARDS) -> Stand:
    """Its gateway was started with --identities."""
    path = folder / "identities.csv"
    rows = [f"ISO14443,{card},own_fleet,bus/1,2026-01-01T00:00:00Z,,active" for card in cards]
    header = "type,identifier,class,reference,valid_from,valid_to,state"
    path.write_text("\n".join((header, *rows)) + "\n")
    stand.services = replace(stand.services, identities=KnownIdentities(path, PSEUDONYMISER))
    return stand
