"""An authority, and certificates that it signs, as files."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


class Authority:
    """Signs certificates and writes them into a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.bundle = folder / f"{name}.pem"
        certificate = self._signed(self._name, self._key, [], authority=True)
        self.bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, common_name: str, *dns_names: str) -> tuple[Path, Path]:
        """Certificate and key of a server at 127.0.0.1, or of a charger."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        others: list[x509.GeneralName] = [x509.DNSName(dns) for dns in dns_names]
        if common_name == "gateway":
            others.append(x509.IPAddress(IPv4Address("127.0.0.1")))
        certificate = self._signed(name, key, others, authority=False)
        written = self._folder / f"{common_name}.pem", self._folder / f"{common_name}.key"
        written[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        written[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return written

    def trusting(self, files: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        """A charger that trusts this authority, with a certificate and key of its own."""
        context = ssl.create_default_context(cafile=self.bundle)
        if files is not None:
            context.load_cert_chain(files[0], files[1])
        return context

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        others: list[x509.GeneralName],
        *,
        authority: bool,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + _DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if others:
            builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=False)
        return builder.sign(self._key, hashes.SHA256())
