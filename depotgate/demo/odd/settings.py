"""Chargers that are odd about their settings: findings 4 and 9."""

from __future__ import annotations

from typing import Any

from ocpp.exceptions import OccurenceConstraintViolationError

from depotgate.demo.charger16 import Charger16
from depotgate.demo.charger21 import Charger21
from depotgate.demo.charger201 import Charger201
from depotgate.demo.session import ACCEPTED
from models.schedule import Mode


class TellsNothing201(Charger201):
    """Finding 4: accepts every setting, stores none, and reads back no value."""

    def set_variable(self, asked: dict[str, Any]) -> str:
        """Accepted, and forgotten."""
        found = self.find(asked)
        return found if isinstance(found, str) else ACCEPTED

    def read(self, asked: dict[str, Any]) -> dict[str, str]:
        """Accepted, without a value."""
        found = self.find(asked)
        return {"attribute_status": found if isinstance(found, str) else ACCEPTED}

    def obey(self, asked: dict[str, Any]) -> None:
        """It does not."""


class TellsNothing21(TellsNothing201, Charger21):
    """Over OCPP 2.1."""


class RebootsWhenListed16(Charger16):
    """Finding 9: a GetConfiguration that names no key restarts it.

    Attributes:
        reboots_count: how often it was made to.
    """

    def __init__(self, charger_id: str, endpoint: str, **options: Any) -> None:
        super().__init__(charger_id, endpoint, **options)
        self.reboots_count = 0

    def read(self, keys: list[str] | None) -> tuple[dict[str, tuple[str, bool]], list[str]]:
        """As others do, and then it is gone."""
        if not keys:
            self.reboots_count += 1
            self.later(self.reboot)
        return super().read(keys)


class HidesKeys16(Charger16):
    """Finding 9: tells of a maker's key only where it is named."""

    def read(self, keys: list[str] | None) -> tuple[dict[str, tuple[str, bool]], list[str]]:
        """Standard keys, where none is named."""
        return super().read(keys or list(self.fixed))


class OneKeyAtATime16(Charger16):
    """Finding 9: GetConfigurationMaxKeys is 1."""

    def __init__(self, charger_id: str, endpoint: str, **options: Any) -> None:
        super().__init__(charger_id, endpoint, **options)
        self.fixed["GetConfigurationMaxKeys"] = "1"

    def read(self, keys: list[str] | None) -> tuple[dict[str, tuple[str, bool]], list[str]]:
        """Of one key."""
        if keys is not None and len(keys) > 1:
            raise OccurenceConstraintViolationError
        return super().read(keys)


class ForgetsOnBoot16(Charger16):
    """Finding 9: it reboots every day, and comes back open."""

    async def reboot(self) -> None:
        """Restart with the settings it was made with."""
        self.configuration |= self.keys.first_values(Mode.FREEVEND)
        await super().reboot()


class ForgetsOnBoot201(Charger201):
    """Finding 9, over OCPP 2.0.1."""

    async def reboot(self) -> None:
        """Restart with the settings it was made with."""
        self.variables["authctrlr", "enabled"].value = "false"
        await super().reboot()


class ForgetsOnBoot21(ForgetsOnBoot201, Charger21):
    """Finding 9, over OCPP 2.1."""
