"""Where an installation listens is settled, and tried, before anything starts."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from depotgate.addresses import free_addresses
from depotgate.run_file import Run, write_run
from depotgate.settings import Address, Settings
from models.errors import ConfigurationError

ANY = Address("127.0.0.1", 0)


def settings(data: Path, **given: Address) -> Settings:
    return Settings.model_validate({"data": data, "ocpp": ANY, "metrics": ANY, **given})


def test_each_has_a_port_of_its_own(tmp_path: Path) -> None:
    found = free_addresses(settings(tmp_path, ocpp_tls=ANY))
    assert found.ocpp_tls is not None
    ports = {found.ocpp.port, found.ocpp_tls.port, *(each.port for each in found.metrics.values())}
    assert len(ports) == 5
    assert 0 not in ports


def test_without_tls_nobody_listens_for_it(tmp_path: Path) -> None:
    assert free_addresses(settings(tmp_path)).ocpp_tls is None


@pytest.mark.parametrize("option", ["ocpp", "ocpp_tls", "metrics"])
def test_one_that_is_taken_is_named_with_its_option(tmp_path: Path, option: str) -> None:
    with socket.create_server(ANY) as taken:
        address = Address(*taken.getsockname())
        with pytest.raises(ConfigurationError) as refused:
            free_addresses(settings(tmp_path, **{option: address}))
    assert str(refused.value) == (
        f"cannot listen on {address} (Address already in use); "
        f"choose another address with --{option.replace('_', '-')}"
    )


def test_the_worker_s_metrics_are_served_beside_the_gateway_s(tmp_path: Path) -> None:
    with socket.create_server(ANY) as taken:
        _, port = taken.getsockname()
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{port} "):
            free_addresses(settings(tmp_path, metrics=Address("127.0.0.1", port - 1)))


def test_one_that_is_not_of_this_machine_is_refused(tmp_path: Path) -> None:
    elsewhere = Address("192.0.2.1", 9000)
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1:9000 .*--ocpp"):
        free_addresses(settings(tmp_path, ocpp=elsewhere))


def test_a_name_that_nobody_knows_is_refused_as_well(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot listen on nowhere\.invalid:9000 \(.*\w"):
        free_addresses(settings(tmp_path, ocpp=Address("nowhere.invalid", 9000)))


def test_a_name_that_has_an_ipv6_address_alone_is_tried_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(_host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))]

    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(socket, "getaddrinfo", found)
        named = settings(tmp_path, ocpp=Address("depot.example", port))
        with pytest.raises(ConfigurationError, match="Address already in use"):
            free_addresses(named)
    assert free_addresses(named).ocpp.port == port


def test_where_an_installation_is_known_nothing_is_tried(tmp_path: Path) -> None:
    write_run(tmp_path, Run(kafka="", ocpp="", metrics={}, processes={}))
    with socket.create_server(ANY) as taken:
        address = Address(*taken.getsockname())
        assert free_addresses(settings(tmp_path, ocpp=address)).ocpp == address
