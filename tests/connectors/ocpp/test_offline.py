"""Offline settings and local lists on a connection: read, set, read back, sent, and told of."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.known_identities import KnownIdentities
from connectors.ocpp.connection import ChargerConnection
from models.charger import CommandKind, Scalar
from models.identifiers import Candidate
from models.ids import CommandId
from models.offline_state import ListEntry, OfflineOrder
from models.reasons import OcppVersion
from models.site import OfflinePolicy, Stage
from tests.connectors.ocpp.calls import Stand, running, until
from tests.connectors.ocpp.chargers import PSEUDONYMISER, site_record
from tests.connectors.ocpp.offline_charger import (
    CARDS,
    KEYS_2X,
    Scripted,
    keys_16,
    knowing,
    pseudonym,
)
from tests.connectors.ocpp.test_commands import command, desk


def order(policy: OfflinePolicy, *cards: str, standing: int | None = None) -> OfflineOrder:
    until = datetime.now(UTC) + timedelta(days=1)
    entries = tuple(ListEntry(pseudonym=pseudonym(card), until=until) for card in cards)
    return OfflineOrder(policy=policy, entries=entries, standing_version=standing)


async def told_of(
    stand: Stand,
    connection: ChargerConnection,
    scripted: Scripted,
    wanted: OfflineOrder,
    number: int = 1,
) -> dict[str, Scalar]:
    fields: dict[str, Any] = {"kind": CommandKind.OFFLINE, "command_id": CommandId(f"o{number}")}
    answering = asyncio.create_task(scripted.answer()) if number == 1 else None
    desk(stand).take(command(connection, offline=wanted, **fields))
    await until(lambda: len(stand.events.named("OfflineSet")) == number)
    if answering is not None:
        answering.cancel()
        with suppress(asyncio.CancelledError):
            await answering
    return dict(stand.events.named("OfflineSet")[-1].data)


async def outcome(
    stand: Stand, ocpp: OcppVersion, keys: dict[str, str], wanted: OfflineOrder, **fields: Any
) -> tuple[dict[str, Scalar], Scripted]:
    async with running(stand, ocpp) as (connection, wire):
        scripted = Scripted(wire, keys, **fields)
        return await told_of(stand, connection, scripted, wanted), scripted


async def test_a_charger_is_closed_by_setting_only_what_differs() -> None:
    data, scripted = await outcome(Stand(), "1.6", keys_16(), order(OfflinePolicy.CLOSED))
    assert scripted.keys["LocalAuthorizeOffline"] == "false"
    assert scripted.keys["AllowOfflineTxForUnknownId"] == "false"
    assert data["policy"] == "closed"
    assert data["list"] == "none"
    settings = {name: told for name, told in data.items() if name.startswith("setting.")}
    assert settings == {
        "setting.pre_authorize": "set",
        "setting.cache": "stands",
        "setting.unknown_id": "set",
        "setting.local_list": "stands",
        "setting.authorize_offline": "set",
    }
    assert scripted.keys["TransactionMessageAttempts"] == "1440"
    assert data["coveredS"] == 86_400
    changed = [one[3]["key"] for one in scripted.wire.sent if one[2] == "ChangeConfiguration"]
    # Who may start is said last of the settings.
    assert changed == [
        "LocalPreAuthorize",
        "AllowOfflineTxForUnknownId",
        "LocalAuthorizeOffline",
        "TransactionMessageAttempts",
    ]


OFFLINE_16 = [
    "LocalPreAuthorize",
    "AuthorizationCacheEnabled",
    "AllowOfflineTxForUnknownId",
    "LocalAuthListEnabled",
    "LocalAuthorizeOffline",
]
ATTEMPTS_16 = ["TransactionMessageAttempts", "TransactionMessageRetryInterval"]


async def test_a_charger_that_takes_several_keys_is_asked_for_them_together() -> None:
    keys = keys_16(GetConfigurationMaxKeys="20")
    data, scripted = await outcome(Stand(), "1.6", keys, order(OfflinePolicy.CLOSED))
    set_keys = ["LocalPreAuthorize", "AllowOfflineTxForUnknownId", "LocalAuthorizeOffline"]
    assert scripted.asked == [
        ["GetConfigurationMaxKeys"],
        OFFLINE_16 + ATTEMPTS_16,
        # What was set is read back together, and so is what the attempts came to.
        set_keys,
        ["TransactionMessageAttempts"],
    ]
    one_by_one, _ = await outcome(Stand(), "1.6", keys_16(), order(OfflinePolicy.CLOSED))
    assert data == one_by_one


async def test_variables_are_asked_for_within_what_a_charger_states(tmp_path: Path) -> None:
    wanted = order(OfflinePolicy.OWN_FLEET, *CARDS)
    stated = {
        "DeviceDataCtrlr.ItemsPerMessage[GetVariables]": "20",
        "DeviceDataCtrlr.BytesPerMessage[GetVariables]": "1000",
        "LocalAuthListCtrlr.BytesPerMessage": "400",
    }
    stand = knowing(Stand(), tmp_path)
    data, scripted = await outcome(stand, "2.0.1", KEYS_2X | stated, wanted)
    counts = [len(names) for names in scripted.asked]
    # How many, how many bytes; ten keys, one in its other spelling; what was set, each as it was.
    assert counts == [1, 1, 5, 5, 1, 1, 1]
    assert [len(sent["localAuthorizationList"]) for sent in scripted.lists] == [1, 1, 1]
    one_by_one, _ = await outcome(knowing(Stand(), tmp_path), "2.0.1", dict(KEYS_2X), wanted)
    assert data == one_by_one | {"listVersion": 3}


async def test_done_twice_nothing_is_set_the_second_time() -> None:
    data, scripted = await outcome(Stand(), "1.6", keys_16(), order(OfflinePolicy.OPEN))
    assert (data["policy"], scripted.keys["AllowOfflineTxForUnknownId"]) == ("open", "true")
    _, again = await outcome(Stand(), "1.6", scripted.keys, order(OfflinePolicy.OPEN))
    assert "ChangeConfiguration" not in {frame[2] for frame in again.wire.sent}


async def test_what_a_charger_refuses_or_lacks_is_told_by_its_setting() -> None:
    keys = keys_16()
    del keys["AllowOfflineTxForUnknownId"]
    fixed = frozenset({"LocalAuthorizeOffline", "TransactionMessageAttempts"})
    data, scripted = await outcome(Stand(), "1.6", keys, order(OfflinePolicy.CLOSED), fixed=fixed)
    assert data["setting.unknown_id"] == "missing"
    assert data["setting.authorize_offline"] == "refused"
    # Attempts are read-only: the interval is raised, within its bound.
    assert scripted.keys["TransactionMessageRetryInterval"] == "900"
    assert data["coveredS"] == 2700


@pytest.mark.parametrize(
    ("most_count", "interval_s", "covered_s"),
    [(500, "173", 86_500), (10, "900", 9_000), (3, "900", 2_700)],
)
async def test_where_a_charger_holds_attempts_to_fewer_the_interval_makes_up(
    most_count: int, interval_s: str, covered_s: int
) -> None:
    most = {"TransactionMessageAttempts": most_count}
    data, scripted = await outcome(
        Stand(), "1.6", keys_16(), order(OfflinePolicy.CLOSED), most=most
    )
    assert scripted.keys["TransactionMessageAttempts"] == str(most_count)
    assert scripted.keys["TransactionMessageRetryInterval"] == interval_s
    assert data["coveredS"] == covered_s


async def test_attempts_that_are_in_force_after_a_boot_leave_the_interval_alone() -> None:
    waits = frozenset({"TransactionMessageAttempts"})
    data, scripted = await outcome(
        Stand(), "1.6", keys_16(), order(OfflinePolicy.CLOSED), after_boot=waits
    )
    assert scripted.keys["TransactionMessageRetryInterval"] == "60"
    assert data["coveredS"] == 180


@pytest.mark.parametrize("most", ["1", "20"])
async def test_one_senseless_answer_keeps_no_other_setting_back(most: str) -> None:
    senseless, keys = frozenset({"LocalPreAuthorize"}), keys_16(GetConfigurationMaxKeys=most)
    data, scripted = await outcome(
        Stand(), "1.6", keys, order(OfflinePolicy.CLOSED), senseless=senseless
    )
    # It may have the key: that is not the same as lacking it.
    assert (data["status"], data["setting.pre_authorize"]) == ("done", "untold")
    assert scripted.keys["LocalAuthorizeOffline"] == "false"


async def test_without_identities_a_list_is_unavailable_and_nobody_starts_offline() -> None:
    wanted = order(OfflinePolicy.OWN_FLEET, CARDS[0])
    data, scripted = await outcome(Stand(), "1.6", keys_16(), wanted)
    assert (data["list"], data["policy"], data["listMissing"]) == ("unavailable", "closed", 1)
    assert scripted.lists == []
    assert scripted.keys["LocalAuthListEnabled"] == "false"
    assert scripted.keys["LocalAuthorizeOffline"] == "false"


async def test_rule_23_a_list_in_1_6_is_sent_in_its_messages_with_ends(tmp_path: Path) -> None:
    wanted = order(OfflinePolicy.OWN_FLEET, *CARDS)
    data, scripted = await outcome(knowing(Stand(), tmp_path), "1.6", keys_16(), wanted)
    assert (data["list"], data["listVersion"], data["listCount"]) == ("stands", 2, 3)
    rows = [row for sent in scripted.lists for row in sent["localAuthorizationList"]]
    assert [row["idTag"] for row in rows] == list(CARDS)
    assert all(row["idTagInfo"]["expiryDate"].endswith("Z") for row in rows)
    assert [sent["updateType"] for sent in scripted.lists] == ["Full", "Differential"]
    assert scripted.keys["LocalAuthListEnabled"] == "true"
    assert scripted.keys["LocalAuthorizeOffline"] == "true"
    assert all(card not in str(data) for card in CARDS)


async def test_rule_17_a_site_with_either_byte_order_has_both_on_its_list(tmp_path: Path) -> None:
    wanted = order(OfflinePolicy.OWN_FLEET, *CARDS).model_copy(update={"either_byte_order": True})
    stand = knowing(Stand(), tmp_path)
    keys = keys_16(LocalAuthListMaxLength="5")
    data, scripted = await outcome(stand, "1.6", keys, wanted)
    rows = [row["idTag"] for sent in scripted.lists for row in sent["localAuthorizationList"]]
    assert rows == [*CARDS, *(bytes.fromhex(card)[::-1].hex().upper() for card in CARDS[:2])]
    told = [data[name] for name in ("list", "listCount", "listLeftOut", "listOrdersLeftOut")]
    assert told == ["stands", 5, 0, 1]


async def test_a_list_in_2_x_is_sent_with_its_types_and_aliases_are_found(tmp_path: Path) -> None:
    wanted = order(OfflinePolicy.OWN_FLEET, *CARDS)
    data, scripted = await outcome(knowing(Stand(), tmp_path), "2.0.1", dict(KEYS_2X), wanted)
    assert (data["list"], data["listVersion"], data["coveredS"]) == ("stands", 1, 120_000)
    (sent,) = scripted.lists
    first = sent["localAuthorizationList"][0]
    assert first["idToken"] == {"idToken": CARDS[0], "type": "ISO14443"}
    assert first["idTokenInfo"]["status"] == "Accepted"
    assert "cacheExpiryDateTime" in first["idTokenInfo"]
    assert scripted.keys["AuthCtrlr.LocalAuthorizationOffline"] == "true"
    assert scripted.keys["OCPPCommCtrlr.MessageAttempts[TransactionEvent]"] == "2000"


async def test_a_list_that_stands_is_not_sent_again(tmp_path: Path) -> None:
    wanted = order(OfflinePolicy.OWN_FLEET, *CARDS, standing=7)
    stand = knowing(Stand(), tmp_path)
    data, scripted = await outcome(stand, "1.6", keys_16(), wanted, version=7)
    assert (data["list"], data["listVersion"], scripted.lists) == ("stands", 7, [])
    other = order(OfflinePolicy.OWN_FLEET, *CARDS, standing=6)
    _, sent = await outcome(knowing(Stand(), tmp_path), "1.6", keys_16(), other, version=7)
    assert sent.lists[0]["listVersion"] == 8


async def test_a_list_that_is_refused_lets_nobody_in(tmp_path: Path) -> None:
    wanted = order(OfflinePolicy.OWN_FLEET, *CARDS)
    stand = knowing(Stand(), tmp_path)
    data, scripted = await outcome(stand, "1.6", keys_16(), wanted, list_answer="Failed")
    assert (data["list"], data["policy"]) == ("refused", "closed")
    assert scripted.keys["LocalAuthorizeOffline"] == "false"


FLEET = tuple(f"04A1B2C3D4E5{number:02X}" for number in range(20))


@pytest.mark.parametrize(
    ("room", "held", "sent"),
    [
        # Message by message: 10 and 10; 10, and the other 10 are refused.
        (20, 20, [10, 10]),
        (15, 10, [10, 10]),
        # A quarter of what was refused: 2 at a time, until there is no room.
        (5, 4, [10, 2, 2, 2]),
        (1, 1, [10, 2, 1, 1]),
        (0, 0, [10, 2, 1]),
    ],
)
async def test_a_list_goes_as_far_as_a_charger_has_room(
    tmp_path: Path, room: int, held: int, sent: list[int]
) -> None:
    stand = knowing(Stand(), tmp_path, FLEET)
    wanted = order(OfflinePolicy.OWN_FLEET, *FLEET)
    data, scripted = await outcome(stand, "2.0.1", dict(KEYS_2X), wanted, room=room)
    assert [len(each["localAuthorizationList"]) for each in scripted.lists] == sent
    assert (data["listCount"], data["listLeftOut"]) == (held, 20 - held)
    assert data["list"] == ("stands" if held else "refused")
    assert data["policy"] == ("own_fleet" if held else "closed")
    assert data["listRoom"] == (held if 0 < held < 20 else None)
    if held:
        names = [row["idToken"]["idToken"] for row in scripted.held]
        assert names == list(FLEET[:held])
        assert data["listVersion"] == scripted.version


async def test_what_had_no_room_is_not_tried_again_over_the_connection(tmp_path: Path) -> None:
    stand = knowing(Stand(), tmp_path, FLEET)
    async with running(stand, "2.0.1") as (connection, wire):
        scripted = Scripted(wire, dict(KEYS_2X), room=15)
        wanted = order(OfflinePolicy.OWN_FLEET, *FLEET)
        answering = asyncio.create_task(scripted.answer())
        for number in (1, 2):
            desk(stand).take(
                command(
                    connection,
                    kind=CommandKind.OFFLINE,
                    command_id=CommandId(f"o{number}"),
                    offline=wanted,
                )
            )
            await until(lambda: len(stand.events.named("OfflineSet")) == number)  # noqa: B023
        answering.cancel()
        with suppress(asyncio.CancelledError):
            await answering
    assert len(scripted.lists) == 2
    for event in stand.events.named("OfflineSet"):
        assert (event.data["listCount"], event.data["listLeftOut"]) == (10, 10)


async def test_a_charger_without_lists_lets_nobody_in(tmp_path: Path) -> None:
    wanted = order(OfflinePolicy.OWN_FLEET, *CARDS)
    stand = knowing(Stand(), tmp_path)
    data, scripted = await outcome(stand, "1.6", keys_16(), wanted, version=-1)
    assert (data["list"], data["policy"], scripted.lists) == ("not_supported", "closed", [])


async def test_who_is_not_in_the_file_is_counted(tmp_path: Path) -> None:
    wanted = order(OfflinePolicy.OWN_FLEET, *CARDS)
    stand = knowing(Stand(), tmp_path, CARDS[:1])
    data, _ = await outcome(stand, "1.6", keys_16(), wanted)
    assert (data["list"], data["listCount"], data["listMissing"]) == ("incomplete", 1, 2)


async def test_rule_27_nothing_is_set_outside_enforce() -> None:
    stand = Stand(site=site_record(stage=Stage.SHADOW))
    data, scripted = await outcome(stand, "1.6", keys_16(), order(OfflinePolicy.CLOSED))
    assert data == {"commandId": "o1", "status": "stage"}
    assert scripted.wire.sent == []


def test_a_file_that_changes_is_read_again_and_its_identifiers_stay_unprinted(
    tmp_path: Path,
) -> None:
    known = knowing(Stand(), tmp_path, CARDS[:1]).services.identities
    assert known is not None
    assert known.by_pseudonym[pseudonym(CARDS[0])] == Candidate("ISO14443", CARDS[0])
    assert not known.reread()
    document = f'{{"identities": [{{"type": "ISO14443", "identifier": "{CARDS[1]}"}}]}}'
    (tmp_path / "identities.csv").write_text(document)
    assert known.reread()
    assert pseudonym(CARDS[1]) in known.by_pseudonym
    assert pseudonym(CARDS[0]) not in known.by_pseudonym
    assert CARDS[1] not in repr(known)
    # Cards that were made before a rotation are known by their earlier pseudonym.
    assert set(known.by_pseudonym) == set(PSEUDONYMISER.all(Candidate("ISO14443", CARDS[1])))


@pytest.mark.parametrize("content", ["", "[1]", '{"identities": 1}', "a,b\n1,2\n"])
def test_a_file_of_another_form_is_refused_in_words(tmp_path: Path, content: str) -> None:
    from models.errors import ConfigurationError

    path = tmp_path / "identities.csv"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"identities\.csv"):
        KnownIdentities(path, PSEUDONYMISER)


async def test_of_two_orders_at_once_the_later_one_holds() -> None:
    stand = Stand()
    async with running(stand, "1.6") as (connection, wire):
        scripted = Scripted(wire, keys_16(AllowOfflineTxForUnknownId="false"))
        desk_ = desk(stand)
        answering = asyncio.create_task(scripted.answer())
        for number, policy in enumerate((OfflinePolicy.OPEN, OfflinePolicy.CLOSED)):
            desk_.take(
                command(
                    connection,
                    kind=CommandKind.OFFLINE,
                    command_id=CommandId(f"o{number}"),
                    offline=order(policy),
                )
            )
        await until(lambda: len(stand.events.named("OfflineSet")) == 2)
        answering.cancel()
        with suppress(asyncio.CancelledError):
            await answering
    told = [event.data["policy"] for event in stand.events.named("OfflineSet")]
    assert told == ["open", "closed"]
    assert scripted.keys["AllowOfflineTxForUnknownId"] == "false"
