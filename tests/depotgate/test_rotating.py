"""`depotgate keys`: when a rotation begins, how far it is, and what is said of it (rule 26)."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from connectors.keys import write_new_keys
from depotgate import process_health, rotating
from depotgate.key_lists import complete, print_list, rows_of, state_of, steps
from depotgate.rotating import (
    AGAIN_AFTER,
    Rotation,
    Standing,
    begins,
    gateways_know,
    next_kid,
)
from depotgate.run_file import Run, write_run
from depotgate.settings import Settings
from models.epochs import Uses
from models.errors import PseudonymKeyError
from models.identifiers import ACTIVE_EPOCHS_MAX, KeyEpoch
from tests.connectors.feeds.feed_server import Delivering, delivering
from tests.depotgate.asking import ask

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=100)
K1 = KeyEpoch("k1", b"1" * 32, LONG_AGO)
K2 = KeyEpoch("k2", b"2" * 32, NOW - timedelta(days=50))
FEW = Uses({"folder/north": 3, "own-fleet": 1_000}, 0)


def standing(*epochs: KeyEpoch, **uses: Uses) -> Standing:
    return Standing(epochs, uses, None)


def test_a_rotation_begins_where_none_is_under_way() -> None:
    assert begins(standing(K1, k1=FEW), None, NOW)
    assert begins(standing(K2, K1, k2=FEW), None, NOW)
    assert begins(standing(K1._replace(made_at=NOW), k1=FEW), None, NOW), "the first of all"


def test_who_asks_again_is_told_and_begins_nothing() -> None:
    just_now = K2._replace(made_at=NOW - AGAIN_AFTER + timedelta(seconds=1))
    assert not begins(standing(just_now, K1, k2=FEW), None, NOW)
    assert not begins(standing(K2, K1, k1=FEW), None, NOW), "its rows are still to move"
    assert not begins(standing(K2, K1, k2=FEW), "k2", NOW), "by its name"
    assert begins(standing(just_now, K1, k2=FEW), "k3", NOW), "by another name it is meant"


def test_a_rotation_that_was_broken_off_goes_on() -> None:
    assert not begins(standing(K1, K2, k1=FEW), None, NOW)
    assert not begins(standing(K1, K2, k1=FEW), "k2", NOW)
    with pytest.raises(PseudonymKeyError, match="the rotation to k2 is not complete"):
        begins(standing(K1, K2, k1=FEW), "k3", NOW)


def test_no_rotation_begins_within_another() -> None:
    with pytest.raises(PseudonymKeyError, match="the rotation to k2 is not complete"):
        begins(standing(K2, K1, k1=FEW), "k3", NOW)


def test_what_stands_under_an_epoch_that_is_lost_hinders_nothing() -> None:
    """No rotation can move it; a load replaces it."""
    assert begins(standing(K2, K1, k0=FEW), None, NOW)


@pytest.mark.parametrize("kid", ["", "k-2", "k|2", "ä", "k" * 17])
def test_a_name_that_no_pseudonym_can_carry_is_refused(kid: str) -> None:
    with pytest.raises(PseudonymKeyError, match="expected 1 to 16 letters and digits"):
        begins(standing(K1), kid, NOW)


def test_a_name_that_is_taken_is_refused_also_by_a_retired_epoch() -> None:
    with pytest.raises(PseudonymKeyError, match="k1 is an epoch of the key file already"):
        begins(standing(K2, K1._replace(retired_at=NOW)), "k1", NOW)


def test_so_many_epochs_are_in_use_at_a_time() -> None:
    many = [KeyEpoch(f"k{n}", bytes([n]) * 32, LONG_AGO) for n in range(ACTIVE_EPOCHS_MAX, 0, -1)]
    with pytest.raises(PseudonymKeyError, match="retire k1 first"):
        begins(standing(*many), None, NOW)
    many[-1] = many[-1]._replace(retired_at=NOW)
    assert begins(standing(*many), None, NOW)


def test_the_next_name_is_one_that_no_epoch_ever_had() -> None:
    assert next_kid((K1,)) == "k2"
    assert next_kid((KeyEpoch("first", b"1" * 32),)) == "k1"
    assert next_kid((K2, K1._replace(retired_at=NOW))) == "k3"
    assert next_kid((KeyEpoch("k3", b"3" * 32), K1)) == "k2"


def test_each_epoch_is_called_by_what_it_is_for() -> None:
    retired = KeyEpoch("k0", b"0" * 32, LONG_AGO, NOW)
    assert [state_of(each, standing(K2, K1, retired)) for each in (K2, K1, retired)] == [
        "in force",
        "looked up",
        "retired",
    ]
    assert state_of(K2, standing(K1, K2)) == "announced"


def test_what_is_to_do_is_said_source_by_source() -> None:
    said = "\n".join(steps(Rotation(standing(K2, K1, k1=FEW, k2=FEW), began=True)))
    assert "to do: 3 identities of folder/north stand under k1" in said
    assert "to do: 1,000 identities of own-fleet stand under k1" in said
    assert not complete(standing(K2, K1, k1=FEW))
    done = "\n".join(steps(Rotation(standing(K2, K1, k2=FEW), began=False)))
    assert "nothing stands under another epoch than k2" in done
    assert "depotgate keys retire k1" in done


def test_decisions_of_a_retired_epoch_are_those_from_before_it() -> None:
    retired = K1._replace(retired_at=NOW - timedelta(days=10))
    rows = rows_of(Standing((K2, retired), {}, LONG_AGO))
    assert [row["oldest_decision_at"] for row in rows] == [K2.made_at, LONG_AGO]
    rows = rows_of(Standing((K2, retired), {}, NOW))
    assert [row["oldest_decision_at"] for row in rows] == [NOW, None]


def test_without_kafka_the_list_counts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(Standing((K2, K1)), as_json=True)
    rows = orjson.loads(capsys.readouterr().out)
    assert [(row["kid"], row["identities"], row["needed"]) for row in rows] == [
        ("k2", None, None),
        ("k1", None, None),
    ]
    print_list(Standing((K2, K1)), as_json=False)
    out = capsys.readouterr().out
    assert "k2" in out
    assert "in force" in out
    assert "2222" not in out


def test_a_list_without_kafka_is_the_key_file_alone_and_fails(tmp_path: Path) -> None:
    write_new_keys(keys := tmp_path / "keys.json", "k1")
    command = ["keys", "list", "--json", f"--pseudonym-keys-file={keys}", f"--data={tmp_path}"]
    for kafka in (["--kafka=127.0.0.1:1"], []):
        result = ask(*command, *kafka)
        assert result.code == 1
        (row,) = orjson.loads(result.out)
        assert (row["kid"], row["state"], row["identities"]) == ("k1", "in force", None)
        assert result.err.startswith("this is the key file alone, nothing is counted: no")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotation asks a gateway at once, and only once."""
    monkeypatch.setattr(rotating, "GATEWAYS_KNOW_WITHIN_S", 0.0)
    monkeypatch.setattr(rotating, "LOOK_EVERY_S", 0.0)


async def known_at(folder: Path, gateway: Delivering) -> None:
    """Wait until the gateway that was started on this data folder knows two epochs."""
    write_run(folder, Run("", "", {"gateway": [gateway.url]}, {}))
    await gateways_know(Settings(data=folder), 2)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("known", "bad", "knows"), [(2, 0, True), (1, 0, False), (3, 0, False), (2, 1, False)]
)
async def test_nothing_is_written_under_an_epoch_that_a_gateway_may_not_know(
    tmp_path: Path, known: int, bad: int, knows: bool
) -> None:
    """One that cannot read the file any more keeps the epochs that it had, however many."""
    async with delivering() as gateway:
        gateway.content = f"depotgate_key_epochs {known}\ndepotgate_key_file_bad {bad}\n".encode()
        with nullcontext() if knows else pytest.raises(PseudonymKeyError, match="has not read"):
            await known_at(tmp_path, gateway)


@pytest.mark.usefixtures("impatient")
async def test_whoever_has_the_port_now_and_no_metrics_is_no_gateway(tmp_path: Path) -> None:
    async with delivering() as other:
        other.status = 404
        await known_at(tmp_path, other)
        assert len(other.asked) == 1


@pytest.mark.usefixtures("impatient")
async def test_a_gateway_that_is_slow_to_answer_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not run reads the file when it starts."""
    monkeypatch.setattr(process_health, "SCRAPE_S", 0.1)
    async with delivering() as gateway:
        gateway.after_s = 0.5
        with pytest.raises(PseudonymKeyError, match="has not read"):
            await known_at(tmp_path, gateway)
    await known_at(tmp_path, gateway)
