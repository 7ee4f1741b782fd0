"""What a charger does while it is offline, brought about on one connection, step by step."""

from __future__ import annotations

from connectors.ocpp.asking import BUSY, NoAnswerError, answered, unasked
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.key_reading import KeyReader
from connectors.ocpp.local_list import ListTold, bring_list, list_data
from connectors.ocpp.outgoing import ChargerBusyError
from connectors.ocpp.session import CallAnswered, CallFailed
from connectors.ocpp.switching import call_step
from models.charger import ChargerCommand, EventName, Scalar
from models.key_reading import UNKNOWN, reading
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


class _Offline:
    """One order at one charger. Every call waits its turn, so that a switch comes in between."""

    def __init__(self, connection: ChargerConnection, command: ChargerCommand) -> None:
        self._connection = connection
        self._command = command
        self._order = command.offline or OfflineOrder(policy=OfflinePolicy.CLOSED)
        self._keys = KeyReader(connection, self._call)
        self._read = self._keys.value

    async def run(self) -> dict[str, Scalar]:
        """Take every step.

        Raises:
            NoAnswerError: the time is over, the stage has changed, or the charger is silent.
        """
        wanted = self._order.policy
        policy = OfflinePolicy.CLOSED
        told = ListTold(ListStanding.NONE)
        if wanted == OfflinePolicy.OPEN:
            policy = OfflinePolicy.OPEN
        elif wanted == OfflinePolicy.OWN_FLEET:
            told = await self._list()
            if told.standing in {ListStanding.STANDS, ListStanding.INCOMPLETE}:
                policy = OfflinePolicy.OWN_FLEET
        # Without a list of ours nobody is let in by one: it would be somebody else's.
        settings = {
            f"setting.{key.about}": str(await self._bring(key, policy)) for key in OFFLINE_KEYS
        }
        covered_s = await self._resend_longer()
        return {"policy": str(policy), "coveredS": covered_s, **list_data(told), **settings}

    async def _list(self) -> ListTold:
        known = self._connection.services.identities
        if known is not None:
            # A charger takes no list while it has them switched off.
            await self._bring(LIST_KEY, OfflinePolicy.OWN_FLEET)
        return await bring_list(self._connection, self._order, known, self._call, self._read)

    async def _bring(self, key: OfflineKey, policy: OfflinePolicy) -> SettingTold:
        """One setting: read, set where it differs, read back."""
        ocpp, wanted, lacking = self._connection.ocpp, key.values[policy], SettingTold.MISSING
        for name in key.names(ocpp):
            answer = (await self._keys.read([name])).get(name)
            stood = UNKNOWN if answer is None else reading(ocpp, name, answer)
            if stood.equals(wanted):
                return SettingTold.STANDS
            if stood.known:
                return await self._set(name, wanted)
            if answer is None:
                lacking = SettingTold.UNTOLD
        return lacking

    async def _set(self, name: str, value: str) -> SettingTold:
        if await self._taken(name, value) is None:
            return SettingTold.REFUSED
        stands = (await self._read(name)).equals(value)
        return SettingTold.SET if stands else SettingTold.UNREAD

    async def _taken(self, name: str, value: str) -> Setting | None:
        """Whether a charger took a setting, at once or for its next boot; None where it did not."""
        ocpp = self._connection.ocpp
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
            await self._set(keys.interval, str(longer))
            now = await self._resending()
        return now.covered_s

    async def _resending(self) -> Resending:
        keys = attempt_keys(self._connection.ocpp)
        attempts, interval = (
            await self._read(keys.attempts),
            await self._read(keys.interval),
        )
        return Resending(attempts.number, interval.number)

    async def _call(self, step: WireCall) -> CallAnswered | CallFailed:
        connection = self._connection
        async with connection.command_turn:
            unsent = unasked(connection, self._command)
            if unsent is not None:
                raise NoAnswerError(unsent)
            return answered(await call_step(connection, step))
