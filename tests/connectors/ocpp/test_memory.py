"""What the gateway remembers between messages: attempts, answers in a transaction, tags."""

from __future__ import annotations

import pytest

from connectors.cases import Settled
from connectors.ocpp import memory as memory_module
from connectors.ocpp.memory import AUTHORIZED_KEPT_S, AttemptMemory
from connectors.ocpp.table import PresentedToken
from connectors.ocpp.tokens import FREEVEND_TOKEN, UNREADABLE_TOKEN, token_of
from models.attempt import Basis, Token, Told
from models.identifiers import KeyEpoch, Pseudonymiser
from models.ids import AttemptId, ChargerId
from models.local_list import Held
from tests.connectors.ocpp.chargers import PSEUDONYMISER

CP1, CP2 = ChargerId("CP-1"), ChargerId("CP-2")
ATTEMPT = AttemptId("20260301T060000-0000000000000000")


def card(number: str) -> Token:
    return token_of(PresentedToken(number, None), frozenset(), PSEUDONYMISER)


CARD, OTHER_CARD = card("04A1B2C3"), card("04D4E5F6")


def settled(status: str = "Accepted") -> Settled:
    told = Told(accepted=status == "Accepted", status=status, text=None, basis=Basis.DECISION)
    return Settled(told, cacheable=True, stop=False)


@pytest.fixture
def memory() -> AttemptMemory:
    return AttemptMemory()


# Rule 30: one attempt


def test_rule_30_an_authorize_and_the_start_it_leads_to_are_one_attempt(
    memory: AttemptMemory,
) -> None:
    memory.authorized(CP1, CARD, ATTEMPT, 0.0)
    assert memory.attempt_of(CP1, CARD, AUTHORIZED_KEPT_S) == ATTEMPT


def test_rule_30_after_the_connection_time_out_a_start_is_an_attempt_of_its_own(
    memory: AttemptMemory,
) -> None:
    memory.authorized(CP1, CARD, ATTEMPT, 0.0)
    assert memory.attempt_of(CP1, CARD, AUTHORIZED_KEPT_S + 0.1) is None


def test_rule_30_another_charger_or_another_card_is_another_attempt(memory: AttemptMemory) -> None:
    memory.authorized(CP1, CARD, ATTEMPT, 0.0)
    assert memory.attempt_of(CP2, CARD, 0.0) is None
    assert memory.attempt_of(CP1, OTHER_CARD, 0.0) is None


@pytest.mark.parametrize("token", [FREEVEND_TOKEN, UNREADABLE_TOKEN])
def test_rule_30_a_token_without_a_pseudonym_joins_nothing(
    token: Token, memory: AttemptMemory
) -> None:
    memory.authorized(CP1, token, ATTEMPT, 0.0)
    assert memory.attempt_of(CP1, token, 0.0) is None


# Rule 30: not decided again


def test_rule_30_a_token_within_one_transaction_keeps_its_answer(memory: AttemptMemory) -> None:
    memory.tell(CP1, "T1", CARD, settled("Blocked"), 0.0)
    assert memory.told(CP1, "T1", CARD, 3600.0) == settled("Blocked")


def test_rule_30_another_transaction_charger_or_card_is_decided(memory: AttemptMemory) -> None:
    memory.tell(CP1, "T1", CARD, settled(), 0.0)
    assert memory.told(CP1, "T2", CARD, 0.0) is None
    assert memory.told(CP2, "T1", CARD, 0.0) is None
    assert memory.told(CP1, "T1", OTHER_CARD, 0.0) is None
    assert memory.told(CP1, "T1", FREEVEND_TOKEN, 0.0) is None


def test_rule_30_the_freevend_tag_keeps_its_answer_too(memory: AttemptMemory) -> None:
    memory.tell(CP1, "T1", FREEVEND_TOKEN, settled(), 0.0)
    assert memory.told(CP1, "T1", FREEVEND_TOKEN, 0.0) == settled()
    assert memory.told(CP1, "T1", UNREADABLE_TOKEN, 0.0) is None


# Rule 17: tags read back


def test_rule_17_the_tag_told_last_is_the_chargers(memory: AttemptMemory) -> None:
    memory.read_back(CP1, "first", 0.0)
    memory.read_back(CP1, "second", 1.0)
    assert memory.tag_of(CP1, 1e9) == "second"
    assert memory.tag_of(CP2, 0.0) is None


# Bounds


def test_every_table_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("AUTHORIZED_MAX", "TOLD_MAX", "TAGS_MAX"):
        monkeypatch.setattr(memory_module, bound, 2)
    memory = AttemptMemory()
    chargers = [ChargerId(f"CP-{number}") for number in range(3)]
    for charger_id in chargers:
        memory.authorized(charger_id, CARD, ATTEMPT, 0.0)
        memory.tell(charger_id, "T1", CARD, settled(), 0.0)
        memory.read_back(charger_id, "tag", 0.0)
    assert [memory.attempt_of(each, CARD, 0.0) for each in chargers] == [None, ATTEMPT, ATTEMPT]
    assert [memory.told(each, "T1", CARD, 0.0) for each in chargers] == [None, settled(), settled()]
    assert [memory.tag_of(each, 0.0) for each in chargers] == [None, "tag", "tag"]


def test_rule_26_a_token_stays_one_attempt_while_keys_rotate(memory: AttemptMemory) -> None:
    """Authorize before the gateway has read the new epoch, the start after it."""
    old = KeyEpoch("k1", b"1" * 32)
    before = Pseudonymiser((old,), "test")
    after = Pseudonymiser((KeyEpoch("k2", b"2" * 32), old), "test")
    presented = PresentedToken("04A1B2C3", None)
    memory.authorized(CP1, token_of(presented, frozenset(), before), ATTEMPT, 0.0)
    assert memory.attempt_of(CP1, token_of(presented, frozenset(), after), 1.0) == ATTEMPT


# Local lists


def test_chargers_with_the_same_list_share_one_and_lists_are_bounded(
    memory: AttemptMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def entries(number: int) -> tuple[Held, ...]:
        return (Held(f"04A1B2C3D4E5{number:02d}", "ISO14443", None),)

    first = memory.one_list(entries(1), 0.0)
    assert memory.one_list(entries(1), 1.0) is first
    monkeypatch.setattr(memory_module, "LISTS_MAX", 2)
    small = AttemptMemory()
    first = small.one_list(entries(1), 0.0)
    for number in (2, 3):
        small.one_list(entries(number), 1.0)
    assert small.one_list(entries(1), 2.0) is not first
