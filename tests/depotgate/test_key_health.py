"""`depotgate doctor` tells of a gateway that does not follow its key file (rule 26)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.keys import locked, new_epoch, write_new_keys
from depotgate.findings import Health
from depotgate.process_health import key_health
from depotgate.settings import Settings, read_settings
from models.metrics import KEY_EPOCHS, KEYS_BAD


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """With a key file of two epochs in use and one that is retired."""
    path = tmp_path / "keys.json"
    write_new_keys(path, "k1")
    now = datetime(2026, 7, 1, tzinfo=UTC)
    retired = {**new_epoch("k0", now), "retired_at": "2026-06-01T00:00:00Z"}
    with locked(path) as file:
        file.replace([new_epoch("k2", now), *file.rows, retired])
    return read_settings(pseudonym_keys_file=path)


def test_a_gateway_that_has_read_the_file_is_not_mentioned(settings: Settings) -> None:
    assert key_health(settings, {KEY_EPOCHS.name: 2.0, KEYS_BAD.name: 0.0}) == []
    assert key_health(settings, {}) == [], "an older gateway does not say"


def test_a_gateway_that_sees_another_file_is(settings: Settings) -> None:
    """As in a container, which keeps the file that it was started with."""
    (found,) = key_health(settings, {KEY_EPOCHS.name: 1.0})
    assert found.health is Health.BAD
    assert found.seen == "it looks tokens up under 1 epochs, and the key file has 2 in use"
    assert "restart it before the next load" in found.advice


def test_a_gateway_that_cannot_use_its_file_is(settings: Settings) -> None:
    (found,) = key_health(settings, {KEY_EPOCHS.name: 2.0, KEYS_BAD.name: 1.0})
    assert found.health is Health.BAD
    assert "goes on with what it read before" in found.seen
