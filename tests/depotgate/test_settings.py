"""Settings come from the command line, the environment and depotgate.toml, in this order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from depotgate.settings import Address, address_of, read_settings, unknown_variables
from models.errors import ConfigurationError


@pytest.fixture(autouse=True)
def empty_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("DEPOTGATE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults_are_safe() -> None:
    settings = read_settings()
    assert settings.ocpp == Address("127.0.0.1", 9000)
    assert settings.metrics.host == "127.0.0.1"
    assert not settings.allow_unauthenticated
    assert settings.kafka is None
    assert settings.data.is_absolute()


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "depotgate.toml").write_text('slot = 1\ntenant = "file"\nkafka = "file:1"\n')
    monkeypatch.setenv("DEPOTGATE_SLOT", "2")
    monkeypatch.setenv("DEPOTGATE_TENANT", "environment")
    settings = read_settings(slot=3)
    assert (settings.slot, settings.tenant, settings.kafka) == (3, "environment", "file:1")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DEPOTGATE_SLOT", "16", "DEPOTGATE_SLOT"),
        ("DEPOTGATE_DEADLINE_S", "0", "DEPOTGATE_DEADLINE_S"),
        ("DEPOTGATE_DEADLINE_S", "soon", "valid number"),
        ("DEPOTGATE_OCPP", "9000", "expected HOST:PORT"),
        ("DEPOTGATE_OCPP", "localhost:99999", "expected HOST:PORT"),
        ("DEPOTGATE_TENANT", "a|b", "DEPOTGATE_TENANT"),
    ],
)
def test_a_bad_value_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=said):
        read_settings()


def test_a_setting_that_is_none_is_refused_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "depotgate.toml").write_text("slott = 1\n")
    with pytest.raises(ConfigurationError, match=r"no setting 'slott'; did you mean 'slot'"):
        read_settings()


def test_a_broken_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "depotgate.toml").write_text("slot = ")
    with pytest.raises(ConfigurationError, match="cannot read the settings"):
        read_settings()


def test_misspelt_variables_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPOTGATE_KAKFA", "x:1")
    monkeypatch.setenv("DEPOTGATE_KAFKA", "x:1")
    assert unknown_variables() == ("DEPOTGATE_KAKFA",)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("127.0.0.1:9000", Address("127.0.0.1", 9000)),
        ("[::1]:0", Address("::1", 0)),
        ("gateway.local:65535", Address("gateway.local", 65535)),
    ],
)
def test_addresses_are_read_and_written(written: str, address: Address) -> None:
    assert address_of(written) == address
    assert str(address) == written


def test_further_processes_take_the_next_ports() -> None:
    assert Address("127.0.0.1", 9400).next() == Address("127.0.0.1", 9401)
    assert Address("127.0.0.1", 0).next() == Address("127.0.0.1", 0)
