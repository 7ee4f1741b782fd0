"""Where the processes of an installation listen, and whether they could."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from connectors.kafka.broker_files import free_port
from depotgate.run_file import read_run
from depotgate.settings import Address, Settings
from models.errors import ConfigurationError, cause_of


class Addresses(NamedTuple):
    """Each with a port of its own, which stays the same when a process is restarted.

    Attributes:
        ocpp_tls: None = chargers cannot use TLS.
        metrics: role to the address of its `/metrics`.
    """

    ocpp: Address
    ocpp_tls: Address | None
    metrics: Mapping[str, Address]


def free_addresses(settings: Settings) -> Addresses:
    """Where everything is to listen, with free ports in place of 0.

    Raises:
        ConfigurationError: an address is taken or not ours; with the option that chooses another.
    """
    ocpp = _with_port(settings.ocpp)
    ocpp_tls = _with_port(settings.ocpp_tls, ocpp.port) if settings.ocpp_tls else None
    metrics = _metrics_of(settings, *(each for each in (ocpp, ocpp_tls) if each))
    addresses = Addresses(ocpp, ocpp_tls, metrics)
    # With run.json there is another `up` on this data folder, or what a killed one left is about
    # to end: which of the two it is shows as soon as Kafka is to be started.
    if read_run(settings.data) is None:
        for option, address in _asked_for(settings, addresses):
            _refuse_taken(address, option)
    return addresses


def _metrics_of(settings: Settings, *others: Address) -> dict[str, Address]:
    """The gateway's where it was said, the others after it."""
    found: dict[str, Address] = {}
    address, taken = settings.metrics, [other.port for other in others]
    for role in ("gateway", "worker", "flags"):
        found[role] = _with_port(address, *taken)
        taken.append(found[role].port)
        address = address.next()
    return found


def _with_port(address: Address, *taken: int) -> Address:
    return address if address.port else Address(address.host, free_port(*taken))


def _asked_for(settings: Settings, addresses: Addresses) -> Iterator[tuple[str, Address]]:
    yield "--ocpp", addresses.ocpp
    if addresses.ocpp_tls is not None:
        yield "--ocpp-tls", addresses.ocpp_tls
    for role, address in addresses.metrics.items():
        if role != "flags" or settings.flags is not None:
            yield "--metrics", address


def _refuse_taken(address: Address, option: str) -> None:
    try:
        family, *_, place = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
        # Closed at once without a connection, so that it can be listened on again.
        socket.create_server(place, family=family).close()
    except OSError as fault:
        raise ConfigurationError(
            f"cannot listen on {address} ({cause_of(fault)}); choose another address with {option}"
        ) from fault
