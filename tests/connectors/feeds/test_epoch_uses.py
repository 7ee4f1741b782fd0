"""What stands under each key epoch, as it is read from the topics (rule 26)."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from connectors.feeds.epoch_uses import EpochCounter
from models.epochs import Uses
from models.ids import ChargerId, Pseudonym, SiteId
from models.site import ChargerRecord, identity_key
from models.topics import CHARGERS, IDENTITIES

FROM = datetime(2026, 1, 1, tzinfo=UTC)


def message(topic: str, key: str, value: bytes | None) -> Any:
    """As much of a Kafka record as is looked at."""
    return SimpleNamespace(topic=topic, key=key.encode(), value=value)


def identity(source: str, kid: str, number: int, value: bytes | None = b"{}") -> Any:
    pseudonym = Pseudonym(f"{kid}:{number:032x}")
    key = identity_key(source, None, pseudonym, "bus|17", FROM)
    return message(IDENTITIES.name, key, value)


def charger(name: str, verifier: str | None, *, gone: bool = False) -> Any:
    record = ChargerRecord(
        charger_id=ChargerId(name),
        site_id=SiteId("north"),
        security_profile=1,
        verifier=verifier,
        revision="",
    )
    return message(CHARGERS.name, name, None if gone else record.encode())


def counted(*messages: Any) -> dict[str, Uses]:
    counter = EpochCounter()
    for each in messages:
        counter.take(each)
    return counter.uses()


def test_identities_are_counted_by_epoch_and_source() -> None:
    assert counted(
        identity("folder/north", "k1", 1),
        identity("folder/north", "k2", 2),
        identity("own-fleet", "k2", 1),
        identity("own-fleet", "k2", 3),
    ) == {
        "k1": Uses({"folder/north": 1}, 0),
        "k2": Uses({"folder/north": 1, "own-fleet": 2}, 0),
    }


def test_a_row_counts_once_and_not_when_it_is_gone() -> None:
    first = identity("own-fleet", "k1", 1)
    assert counted(first, first) == {"k1": Uses({"own-fleet": 1}, 0)}
    assert counted(first, identity("own-fleet", "k1", 1, None)) == {}
    assert counted(first, identity("own-fleet", "k1", 1, None), first) == {
        "k1": Uses({"own-fleet": 1}, 0)
    }


def test_chargers_are_counted_by_the_epoch_of_their_verifier() -> None:
    assert counted(
        charger("CP-1", f"hash:hmac-sha256:k1:{'0' * 64}"),
        charger("CP-2", f"hash:hmac-sha256:k1:{'1' * 64}"),
        charger("CP-2", f"hash:hmac-sha256:k2:{'2' * 64}"),
        charger("CP-3", None),
        charger("CP-4", "hash:argon2id$v=19$…"),
    ) == {"k1": Uses({}, 1), "k2": Uses({}, 1)}
    gone = charger("CP-1", None, gone=True)
    assert counted(charger("CP-1", f"hash:hmac-sha256:k1:{'0' * 64}"), gone) == {}


def test_a_record_that_nobody_can_read_counts_nowhere() -> None:
    assert counted(message(CHARGERS.name, "CP-1", b"{"), message(IDENTITIES.name, "odd", b"")) == {}
