"""A simulated charger that speaks OCPP 2.1."""

from __future__ import annotations

from typing import Any

from depotgate.demo.charger201 import Charger201, Variable


class Charger21(Charger201):
    """As one of 2.0.1: of the messages that it sends 2.1 changes none, and takes longer tokens."""

    subprotocol = "ocpp2.1"

    def __init__(self, charger_id: str, endpoint: str, **options: Any) -> None:
        super().__init__(charger_id, endpoint, **options)
        types = "ISO14443,Central,NoAuthorization"
        self.variables["authctrlr", "supportedidtokentype"] = Variable(types)
