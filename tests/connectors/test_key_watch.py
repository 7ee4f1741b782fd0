"""A gateway keeps to its key file while it runs (rule 26)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors import key_watch
from connectors.key_watch import WatchedKeys, follow_keys
from connectors.keys import locked, new_epoch, write_new_keys
from connectors.telemetry.metrics import Metrics
from models.errors import PseudonymKeyError
from models.identifiers import Candidate
from models.metrics import KEY_EPOCHS, KEYS_BAD, Metric
from tests.connectors.ocpp.calls import until as holds_within

CARD = Candidate("ISO14443", "04A1B2C3")
WITHIN_S = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_new_keys(tmp_path / "keys.json", "k1")
    return tmp_path / "keys.json"


def rotate(path: Path, kid: str) -> None:
    with locked(path) as file:
        file.replace([new_epoch(kid, datetime.now(UTC)), *file.rows])


def test_a_file_that_is_as_it_was_is_not_read_again(path: Path) -> None:
    keys = WatchedKeys(path, "default")
    assert not keys.reread()
    rotate(path, "k2")
    assert keys.reread()
    assert not keys.reread()


def test_both_epochs_match_as_soon_as_the_file_has_them(path: Path) -> None:
    keys = WatchedKeys(path, "default")
    (before,) = keys.all(CARD)
    rotate(path, "k2")
    keys.reread()
    assert keys.kids == ("k2", "k1")
    assert keys.all(CARD)[1] == before


@pytest.mark.parametrize("spoil", ["mode", "content", "gone"])
def test_a_file_that_cannot_be_used_leaves_the_epochs_that_were_read(
    path: Path, spoil: str
) -> None:
    keys = WatchedKeys(path, "default")
    before = keys.all(CARD)
    if spoil == "mode":
        path.chmod(0o644)
    elif spoil == "content":
        path.write_bytes(b"[")
    else:
        path.unlink()
    with pytest.raises(PseudonymKeyError):
        keys.reread()
    assert not keys.reread(), "said once"
    assert keys.all(CARD) == before


def mode(path: Path, bits: int) -> None:
    path.chmod(bits)


def value(metrics: Metrics, metric: Metric) -> float | None:
    return metrics.registry.get_sample_value(metric.name)


async def until(metrics: Metrics, metric: Metric, expected: float) -> None:
    await holds_within(lambda: value(metrics, metric) == expected, WITHIN_S)


async def test_it_is_followed_and_what_is_wrong_with_it_shows(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_watch, "LOOK_EVERY_S", 0.01)
    keys, metrics = WatchedKeys(path, "default"), Metrics("gateway")
    watch = asyncio.create_task(follow_keys(keys, asyncio.Event(), metrics))
    await until(metrics, KEY_EPOCHS, 1)
    rotate(path, "k2")
    await until(metrics, KEY_EPOCHS, 2)
    mode(path, 0o644)
    await until(metrics, KEYS_BAD, 1)
    mode(path, 0o600)
    await until(metrics, KEYS_BAD, 0)
    assert value(metrics, KEY_EPOCHS) == 2
    watch.cancel()


async def test_who_asks_is_not_kept_waiting(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGHUP: between two looks."""
    monkeypatch.setattr(key_watch, "LOOK_EVERY_S", 3600.0)
    keys, metrics, asked = WatchedKeys(path, "default"), Metrics("gateway"), asyncio.Event()
    watch = asyncio.create_task(follow_keys(keys, asked, metrics))
    await until(metrics, KEY_EPOCHS, 1)
    rotate(path, "k2")
    asked.set()
    await until(metrics, KEY_EPOCHS, 2)
    watch.cancel()
