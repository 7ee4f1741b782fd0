"""A simulated charger that speaks OCPP 2.1."""

from __future__ import annotations

from depotgate.demo.charger201 import Charger201


class Charger21(Charger201):
    """As one of 2.0.1: of the messages that it sends 2.1 changes none, and takes longer tokens."""

    subprotocol = "ocpp2.1"
