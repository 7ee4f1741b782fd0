"""What a charger does while it is offline, brought about on one connection, step by step."""

from __future__ import annotations

from typing import NamedTuple

from connectors.ocpp.asking import BUSY, NoAnswerError, answered, unasked
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.key_reading import KeysTold
from connectors.ocpp.local_list import ListTold, bring_list, limit_names, list_data
from connectors.ocpp.outgoing import ChargerBusyError
from connectors.ocpp.session import CallAnswered, CallFailed
from connectors.ocpp.switching import call_step
from models.charger import ChargerCommand, EventName, Scalar
from models.offline import (
    LIST_KEY,
    OFFLINE_KEYS,
    OfflineKey,
    Resending,
    SettingTold,
    attempt_keys,
    raised,
    raised_interval,
    set_call,
)
from models.offline_state import ListStanding, OfflineOrder
from models.profiles import Setting, WireCall, set_status, setting
from models.site import OfflinePolicy


async def set_offline(connection: ChargerConnection, command: ChargerCommand) -> None:
    """Set a charger's offline settings, its message attempts and its local list; tell how it went.

    The event names settings and counts, never a value and nobody's identifier (rule 26).
    """
    found: dict[str, Scalar] = {"status": "done"}
    # Whole orders, one after the other: two at once would each undo settings of the other.
    async with connection.offline_turn:
        try:
            found |= await _Offline(connection, command).run()
        except ChargerBusyError:
            found = {"status": BUSY}
        except NoAnswerError as fault:
            found = {"status": str(fault)}
    await connection.report(
        EventName.OFFLINE_SET,
        about=f"{EventName.OFFLINE_SET} {command.command_id}",
        data={"commandId": command.command_id, **found},
    )


class _Brought(NamedTuple):
    """One setting on its way.

    Attributes:
        taken: the name under which it was taken, to be read back.
    """

    told: SettingTold
    taken: str | None = None


class _Offline:
    """One order at one charger. Every call waits its turn, so that a switch comes in between."""

    def __init__(self, connection: ChargerConnection, command: ChargerCommand) -> None:
        self._connection = connection
        self._command = command
        self._order = command.offline or OfflineOrder(policy=OfflinePolicy.CLOSED)
        self._keys = KeysTold(connection, self._call)

    async def run(self) -> dict[str, Scalar]:
        """Take every step.

        Raises:
            NoAnswerError: the time is over, the stage has changed, or the charger is silent.
        """
        wanted = self._order.policy
        await self._look(wanted)
        policy = OfflinePolicy.CLOSED
        told = ListTold(ListStanding.NONE)
        if wanted == OfflinePolicy.OPEN:
            policy = OfflinePolicy.OPEN
        elif wanted == OfflinePolicy.OWN_FLEET:
            told = await self._list()
            if told.standing in {ListStanding.STANDS, ListStanding.INCOMPLETE}:
                policy = OfflinePolicy.OWN_FLEET
        # Without a list of ours nobody is let in by one: it would be somebody else's.
        brought = [(key, await self._bring(key, policy)) for key in OFFLINE_KEYS]
        await self._keys.ask(each.taken for _, each in brought if each.taken)
        settings = {
            f"setting.{key.about}": str(await self._told(each, key.values[policy]))
            for key, each in brought
        }
        covered_s = await self._resend_longer()
        return {"policy": str(policy), "coveredS": covered_s, **list_data(told), **settings}

    async def _look(self, wanted: OfflinePolicy | str) -> None:
        """Ask for all that is to be known, together; then for other spellings of what was not."""
        ocpp = self._connection.ocpp
        beside: tuple[str, ...] = attempt_keys(ocpp)
        if wanted == OfflinePolicy.OWN_FLEET and self._connection.services.identities is not None:
            beside += limit_names(ocpp)
        open_keys = list(OFFLINE_KEYS)
        for place in range(max(len(key.names(ocpp)) for key in OFFLINE_KEYS)):
            open_keys = [key for key in open_keys if place < len(key.names(ocpp))]
            await self._keys.ask((*(key.names(ocpp)[place] for key in open_keys), *beside))
            open_keys = [
                key
                for key in open_keys
                if not (await self._keys.value(key.names(ocpp)[place])).known
            ]

    async def _list(self) -> ListTold:
        known = self._connection.services.identities
        if known is not None:
            # A charger takes no list while it has them switched off.
            await self._bring(LIST_KEY, OfflinePolicy.OWN_FLEET)
        return await bring_list(self._connection, self._order, known, self._call, self._keys.value)

    async def _bring(self, key: OfflineKey, policy: OfflinePolicy) -> _Brought:
        """One setting, set where it differs."""
        wanted, lacking = key.values[policy], SettingTold.MISSING
        for name in key.names(self._connection.ocpp):
            stood = await self._keys.told(name)
            if stood is None:
                lacking = SettingTold.UNTOLD
            elif stood.equals(wanted):
                return _Brought(SettingTold.STANDS)
            elif stood.known:
                taken = await self._taken(name, wanted) is not None
                return (
                    _Brought(SettingTold.UNREAD, name) if taken else _Brought(SettingTold.REFUSED)
                )
        return _Brought(lacking)

    async def _told(self, brought: _Brought, wanted: str) -> SettingTold:
        """What became of a setting: one that was taken is read back."""
        stands = brought.taken and (await self._keys.value(brought.taken)).equals(wanted)
        return SettingTold.SET if stands else brought.told

    async def _taken(self, name: str, value: str) -> Setting | None:
        """Whether a charger took a setting, at once or for its next boot; None where it did not."""
        ocpp = self._connection.ocpp
        self._keys.forget(name)
        answer = await self._call(set_call(ocpp, name, value))
        if isinstance(answer, CallFailed):
            return None
        taken = setting(set_status(ocpp, answer.payload))
        return taken if taken in {Setting.DONE, Setting.REBOOT_REQUIRED} else None

    async def _resend_longer(self) -> int | None:
        """How long messages are sent again, raised to a day where it can be; None = not told."""
        keys = attempt_keys(self._connection.ocpp)
        now = await self._resending()
        if now == Resending(None, None):
            return None
        by_name = {"attempts": keys.attempts, "interval": keys.interval}
        after_boot = False
        for what, number in raised(now):
            taken = await self._taken(by_name[what], str(number))
            after_boot = after_boot or taken is Setting.REBOOT_REQUIRED
        now = await self._resending()
        # Refused, or held to fewer than were asked for: the interval makes up for it.
        longer = None if after_boot else raised_interval(now)
        if longer is not None:
            await self._taken(keys.interval, str(longer))
            now = await self._resending()
        return now.covered_s

    async def _resending(self) -> Resending:
        keys = attempt_keys(self._connection.ocpp)
        await self._keys.ask(keys)
        attempts, interval = [await self._keys.value(name) for name in keys]
        return Resending(attempts.number, interval.number)

    async def _call(self, step: WireCall) -> CallAnswered | CallFailed:
        connection = self._connection
        async with connection.command_turn:
            unsent = unasked(connection, self._command)
            if unsent is not None:
                raise NoAnswerError(unsent)
            return answered(await call_step(connection, step))
