"""argon2id: right and wrong passwords, what is remembered, and the bounds."""

from __future__ import annotations

import asyncio

import pytest
from argon2 import PasswordHasher

from connectors import slow_hash
from connectors.ocpp.admission import Admission, Refused, Unverified
from connectors.slow_hash import SlowHashes, TooManyWaitingError, slow_hash_fault
from models.ids import ChargerId
from models.site import ChargerRecord
from tests.connectors.ocpp.chargers import PASSWORD, PSEUDONYMISER, basic, charger_record

CHEAP = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
VERIFIER = f"hash:argon2id:{CHEAP.hash(PASSWORD)}"
WRONG = "wrong horse battery"


async def test_a_right_password_is_remembered_and_a_wrong_one_is_not() -> None:
    hashes = SlowHashes()
    assert not await hashes.verify("CP-1", WRONG, VERIFIER)
    assert not hashes.remembers("CP-1", WRONG, VERIFIER)
    assert await hashes.verify("CP-1", PASSWORD, VERIFIER)
    assert hashes.remembers("CP-1", PASSWORD, VERIFIER)
    assert not hashes.remembers("CP-2", PASSWORD, VERIFIER)
    assert not hashes.remembers("CP-1", PASSWORD, f"hash:argon2id:{CHEAP.hash(PASSWORD)}")


async def test_a_hash_that_asks_for_too_much_is_never_computed() -> None:
    dear = f"hash:argon2id:{PasswordHasher(memory_cost=2 * 65_536).hash(PASSWORD)}"
    assert "at most m=65536" in (slow_hash_fault(dear) or "")
    assert not await SlowHashes().verify("CP-1", PASSWORD, dear)


async def test_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_hash, "VERIFIED_MAX", 1)
    hashes = SlowHashes()
    assert await hashes.verify("CP-1", PASSWORD, VERIFIER)
    assert await hashes.verify("CP-2", PASSWORD, VERIFIER)
    assert not hashes.remembers("CP-1", PASSWORD, VERIFIER)


async def test_who_comes_when_too_many_wait_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slow_hash, "WAITING_MAX", 1)
    hashes = SlowHashes()
    first = asyncio.create_task(hashes.verify("CP-1", PASSWORD, VERIFIER))
    await asyncio.sleep(0)
    with pytest.raises(TooManyWaitingError):
        await hashes.verify("CP-2", PASSWORD, VERIFIER)
    assert await first


async def test_the_gate_lets_in_by_a_slow_hash_and_fast_the_next_time() -> None:
    row = charger_record("CP-1", verifier=VERIFIER)
    door = Admission({ChargerId("CP-1"): row}, PSEUDONYMISER, allow_unauthenticated=False)
    right, wrong = ([basic("CP-1", password)] for password in (PASSWORD, WRONG))
    first = door.admit("/ocpp/CP-1", right, "10.0.0.1", 0.0)
    assert isinstance(first, Unverified)
    assert PASSWORD not in repr(first)
    assert isinstance(await door.verify(first, 0.0), ChargerRecord)
    assert isinstance(door.admit("/ocpp/CP-1", right, "10.0.0.1", 0.0), ChargerRecord)
    guess = door.admit("/ocpp/CP-1", wrong, "10.0.0.1", 0.0)
    assert isinstance(guess, Unverified)
    told = await door.verify(guess, 0.0)
    assert isinstance(told, Refused)
    assert told.status == 401
