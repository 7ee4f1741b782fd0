"""A mode switch and a reset on one connection: the steps, in their order, and how they ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ocpp.charge_point import camel_to_snake_case

from connectors.ocpp.asking import EXPIRED, obstacle, request_of, word_of
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.session import CallAnswered, CallFailed, FailureCause
from models.charger import ChargerCommand, CommandStatus
from models.profiles import (
    Profile,
    Setting,
    WireCall,
    in_parts,
    profile_named,
    read_back_mode,
    read_back_tag,
    refused_names,
    reset_call,
    set_status,
    setting,
    spellings,
    switch_calls,
)
from models.schedule import Mode


class Switched(NamedTuple):
    """How a command ended.

    Attributes:
        observed: the mode that was read back, None when it could not be, or is not in force yet.
        detail: OCPP status or CALLERROR code of the step that decided; never a value.
        tag: the freevend tag that was read back.
        stored: what was read back of a setting that waits for a reboot.
        refused: keys of optional steps that were not taken.
    """

    status: CommandStatus
    observed: Mode | None
    detail: str
    tag: str | None = None
    stored: Mode | None = None
    refused: tuple[str, ...] = ()


async def run_switch(connection: ChargerConnection, command: ChargerCommand) -> Switched:
    """Switch a charger to a mode and read it back; every spelling of its profile is tried.

    Raises:
        ChargerBusyError: too many calls wait for this charger already.
    """
    unwanted = _unwanted(connection, command)
    if unwanted is not None:
        return unwanted
    profile = profile_named(command.profile)
    unknown: list[Switched] = []
    for alias in range(len(spellings(connection.ocpp, profile))):
        switched = await _Switch(connection, command.mode, profile).run(alias)
        if switched.status is not CommandStatus.NOT_SUPPORTED:
            return switched
        unknown.append(switched)
    # What was said of the right spelling tells a person more than what was said of others.
    return unknown[0] if unknown else Switched(CommandStatus.NOT_SUPPORTED, None, "not switchable")


async def run_reset(connection: ChargerConnection, command: ChargerCommand) -> Switched:
    """Reboot a charger, for a setting that is not in force before; raises as `run_switch`."""
    unwanted = _unwanted(connection, command)
    if unwanted is not None:
        return unwanted
    answer = await call_step(connection, reset_call(connection.ocpp))
    if isinstance(answer, CallFailed):
        return _failed(answer)
    told = str(answer.payload.get("status", ""))
    # Scheduled: OCPP 2.x, once nothing runs there any more.
    done = told in {"Accepted", "Scheduled"}
    return Switched(CommandStatus.DONE if done else CommandStatus.REJECTED, None, told)


def _unwanted(connection: ChargerConnection, command: ChargerCommand) -> Switched | None:
    """Why nothing is sent."""
    unsent = obstacle(connection, command)
    if unsent is None:
        return None
    status = CommandStatus.EXPIRED if unsent == EXPIRED else CommandStatus.REJECTED
    return Switched(status, None, unsent)


class _Switch:
    """One switch with one spelling of the profile's keys."""

    def __init__(self, connection: ChargerConnection, mode: Mode, profile: Profile) -> None:
        self._connection = connection
        self._mode = mode
        self._profile = profile
        self._refused: list[str] = []
        self._patient = True

    async def run(self, alias: int) -> Switched:
        """Take every step; only the one that sets the mode can end it early."""
        connection, profile = self._connection, self._profile
        site = connection.site
        tag = site.freevend_tag if site else None
        switched = Switched(CommandStatus.DONE, None, "")
        for step in switch_calls(connection.ocpp, profile, self._mode, tag=tag, alias=alias):
            if step.purpose == "set":
                switched = set_result(connection, await call_step(connection, step))
                if switched.status not in _GOES_ON:
                    return switched
            elif step.purpose == "read_back":
                switched = self._read_back(switched, await read_keys(connection, step))
            else:
                for part in in_parts(step, self._connection.settings_at_once):
                    if self._patient:
                        await self._optional(part)
        return switched._replace(refused=tuple(self._refused))

    async def _optional(self, step: WireCall) -> None:
        """A step that fails nothing; what was not taken is noted by its key."""
        answer = await call_step(self._connection, step)
        if isinstance(answer, CallAnswered):
            if step.names:
                self._refused += refused_names(self._connection.ocpp, step, answer.payload)
        elif answer.cause is FailureCause.TIMED_OUT:
            # It would be 30 s each: the mode and its read-back come first.
            self._patient = False
            self._refused += step.names
        elif len(step.names) > 1:
            self._connection.settings_at_once = 1
            for one in in_parts(step, 1):
                if self._patient:
                    await self._optional(one)
        else:
            self._refused += step.names

    def _read_back(self, switched: Switched, answer: CallAnswered | CallFailed) -> Switched:
        if isinstance(answer, CallFailed):
            return switched
        connection, profile = self._connection, self._profile
        read = read_back_mode(connection.ocpp, profile, answer.payload)
        tag = read_back_tag(connection.ocpp, profile, answer.payload)
        if switched.status is CommandStatus.REBOOT_REQUIRED:
            # What is read back is stored, and not in force before the reboot.
            return switched._replace(stored=read, tag=tag)
        return switched._replace(observed=read, tag=tag)


_STATUS_OF = {
    Setting.DONE: CommandStatus.DONE,
    Setting.REBOOT_REQUIRED: CommandStatus.REBOOT_REQUIRED,
    Setting.NOT_SUPPORTED: CommandStatus.NOT_SUPPORTED,
    Setting.REJECTED: CommandStatus.REJECTED,
}

_GOES_ON = {CommandStatus.DONE, CommandStatus.REBOOT_REQUIRED, CommandStatus.REJECTED}
"""Rejected is read back too: a charger may refuse what it has already."""


def set_result(connection: ChargerConnection, answer: CallAnswered | CallFailed) -> Switched:
    """What the answer to the call that sets the mode says."""
    if isinstance(answer, CallFailed):
        return _failed(answer)
    told = set_status(connection.ocpp, answer.payload)
    return Switched(_STATUS_OF[setting(told)], None, told)


def _failed(answer: CallFailed) -> Switched:
    timed_out = answer.cause is FailureCause.TIMED_OUT
    status = CommandStatus.TIMED_OUT if timed_out else CommandStatus.FAILED
    return Switched(status, None, word_of(answer))


async def read_keys(connection: ChargerConnection, step: WireCall) -> CallAnswered | CallFailed:
    """Ask for the keys of a read-back, one by one where that is all a 1.6 charger can tell
    (GetConfigurationMaxKeys, finding 9); raises as `run_switch`."""
    keys = step.payload.get("key", ())
    if len(keys) < _SEVERAL:
        return await call_step(connection, step)
    answer: CallAnswered | CallFailed
    if connection.keys_at_once != 1:
        answer = await call_step(connection, step)
        if not _refused(answer):
            return answer
        connection.keys_at_once = 1
    found: list[object] = []
    for key in keys:
        answer = await call_step(connection, step._replace(payload={"key": [key]}))
        if isinstance(answer, CallFailed):
            return answer
        told = answer.payload.get("configurationKey")
        found += told if isinstance(told, list) else []
    assert isinstance(answer, CallAnswered), "there were keys, and the last was answered"
    return replace(answer, payload={"configurationKey": found})


_SEVERAL = 2


def _refused(answer: CallAnswered | CallFailed) -> bool:
    return isinstance(answer, CallFailed) and answer.cause is FailureCause.CALL_ERROR


async def call_step(connection: ChargerConnection, step: WireCall) -> CallAnswered | CallFailed:
    """Call the charger and wait for its answer; raises as `run_switch`."""
    return await connection.call(_request(connection, step.action, step.payload))


def _request(connection: ChargerConnection, action: str, payload: Mapping[str, Any]) -> object:
    """The `ocpp` package's dataclass for a payload in the wire's spelling."""
    return request_of(connection, {action})(**camel_to_snake_case(dict(payload)))
