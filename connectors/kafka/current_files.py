"""Password and certificate of a client as their files are when it connects, not when it started.

aiokafka takes both for as long as a process runs. But it encodes the password for each SCRAM
log-in, and the certificate is shown at each handshake: there the files are read again. Whoever is
connected stays so. PLAIN joins the password unencoded, and goes on with the one of the start.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

from connectors.pem_files import cause_of, no_passphrase, written_at
from connectors.telemetry.failing import Failing
from models.errors import ConfigurationError


class CurrentPassword(str):
    """A password whose file is read again for each SCRAM log-in.

    Args:
        read: gives what the file holds; raises ConfigurationError where it cannot be used.
    """

    _read: Callable[[], str]
    _last: str
    _reading: Failing

    def __new__(cls, read: Callable[[], str]) -> Self:
        last = read()
        password = super().__new__(cls, last)
        password._read, password._last = read, last
        password._reading = Failing("kafka.password_read")
        return password

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """The password as it is now; while its file cannot be used, the last one."""
        try:
            self._last = self._read()
        except ConfigurationError as fault:
            self._reading.failed(fault)
        else:
            self._reading.worked()
        return self._last.encode(encoding, errors)


class ClientTlsFiles(NamedTuple):
    """PEM files of a client; see `KafkaSecurity`."""

    ca: Path | None
    certificate: Path | None
    key: Path | None


class CurrentTls(ssl.SSLContext):
    """TLS of a client whose files are read again, where they were written, at each handshake.

    An authority that was taken out of the bundle is trusted until the process ends.
    """

    _files: ClientTlsFiles
    _written_at: object
    _reading: Failing
    # Faust's consumer connects in a thread of its own, and OpenSSL keeps no two from changing one
    # context at once, nor one from taking what the other is changing.
    _connecting: threading.Lock

    @classmethod
    def of(cls, files: ClientTlsFiles) -> Self:
        """The broker's certificate and name are checked, against the system's authorities where
        none are named.

        Raises:
            OSError, ValueError: a file cannot be used.
        """
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        # What this Python holds every certificate to.
        context.verify_flags = ssl.create_default_context(cafile=files.ca).verify_flags
        if files.ca is None:
            context.load_default_certs()
        context._files, context._written_at = files, written_at(*files)
        context._reading = Failing("kafka.certificate_read")
        context._connecting = threading.Lock()
        context._load(context)
        return context

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """As ssl's; asyncio and uvloop call it for each connection."""
        with self._connecting:
            self._renew()
            return super().wrap_bio(*args, **options)

    def _renew(self) -> None:
        now = written_at(*self._files)
        if now == self._written_at:
            return
        try:
            # Of certificate and key one may be newer: whether they fit is tried elsewhere first.
            self._load(ssl.create_default_context(cafile=self._files.ca))
            self._load(self)
        except (OSError, ValueError) as fault:
            named = ", ".join(str(path) for path in self._files if path)
            self._reading.failed(ConfigurationError(f"{named}: {cause_of(fault)}"))
            return
        self._written_at = now
        self._reading.worked()

    def _load(self, context: ssl.SSLContext) -> None:
        if self._files.ca is not None:
            context.load_verify_locations(cafile=self._files.ca)
        if self._files.certificate is not None and self._files.key is not None:
            context.load_cert_chain(
                self._files.certificate, self._files.key, password=no_passphrase
            )
