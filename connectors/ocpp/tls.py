"""TLS of the secure listener: what is offered, who is asked for a certificate, and new files.

Files are read again while chargers are connected: a new certificate serves the next handshake, and
no connection that stands is dropped.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from connectors.pem_files import cause_of, no_passphrase, written_at
from models.errors import ConfigurationError

log = structlog.get_logger()

CIPHERS = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
    )
)
"""Of TLS 1.2. OCPP 2.0.1 part 2, A00.FR.318 names the two of ECDHE-ECDSA and the two of RSA that a
charging station may have alone; 1.3 has suites of its own."""

LOOK_EVERY_S = 5.0
"""Certificates are renewed weeks before they end; two `stat` calls cost nothing."""


class TlsFiles(NamedTuple):
    """PEM files of the secure listener.

    Attributes:
        certificate: chain, the listener's own first.
        key: its private key, without a passphrase.
        client_ca: bundle that signs chargers' certificates; None = no security profile 3.
    """

    certificate: Path
    key: Path
    client_ca: Path | None


class Tls:
    """The listener's TLS, whose certificates may be replaced at any time.

    Raises:
        ConfigurationError: a file is missing, or is not what it should be.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._read_at = written_at(*files)
        self._current = _context(files)
        # Python has no other hook before the certificate is sent; it is called without a server
        # name, too.
        self.context = _context(files)
        self.context.sni_callback = self._take_current

    def _take_current(self, tls: ssl.SSLObject, _name: str | None, _of: ssl.SSLContext) -> None:
        tls.context = self._current

    def renew(self) -> bool:
        """Read the files again if they were written since; whether they were.

        Raises:
            ConfigurationError: they are not usable; those of before stay in use.
        """
        now = written_at(*self._files)
        if now == self._read_at:
            return False
        # Noted first: a file that cannot be used is said once, not every few seconds.
        self._read_at = now
        self._current = _context(self._files)
        return True

    async def follow(self) -> None:
        """Take new files as they come, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                if self.renew():
                    log.info("tls.renewed")
            except ConfigurationError as fault:
                log.error("tls.not_renewed", cause=str(fault))


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    # A renegotiation would let a peer change who it is; tickets are of no use to chargers that
    # dial once a day.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    try:
        context.load_cert_chain(files.certificate, files.key, password=no_passphrase)
    except (OSError, ValueError) as fault:  # SSLError is an OSError
        raise ConfigurationError(
            f"cannot use the TLS certificate {files.certificate} with the key {files.key} "
            f"({cause_of(fault)}); expected PEM files that belong together, the key without a "
            "passphrase"
        ) from None
    if files.client_ca is not None:
        _ask_for_certificates(context, files.client_ca)
    return context


def _ask_for_certificates(context: ssl.SSLContext, bundle: Path) -> None:
    # Chargers of profile 2 have none and use the same listener; who must have one, admission says.
    context.verify_mode = ssl.CERT_OPTIONAL
    try:
        context.load_verify_locations(cafile=bundle)
    except (OSError, ValueError) as fault:
        raise ConfigurationError(
            f"cannot use {bundle} ({cause_of(fault)}); expected a PEM bundle of the authorities "
            "that sign chargers' certificates"
        ) from None


def names_of(certificate: Mapping[str, Any]) -> frozenset[str]:
    """What a verified certificate calls its charger: common name and DNS names, casefolded.

    Args:
        certificate: as `ssl.SSLSocket.getpeercert()` gives it.
    """
    common = (
        value
        for names in certificate.get("subject", ())
        for field, value in names
        if field == "commonName"
    )
    others = (value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS")
    return frozenset(str(name).casefold() for name in (*common, *others))
