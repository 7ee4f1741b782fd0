"""Settings: the command line, else the environment, else depotgate.toml, else what stands here."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from connectors.kafka.security import KafkaSecurity, Mechanism, Protocol
from models.attempt import SLOTS
from models.errors import ConfigurationError
from models.turns import SWITCHES_PER_S

PREFIX = "DEPOTGATE_"
TOML_FILE = "depotgate.toml"

PORT_MAX = 65_535


class Address(NamedTuple):
    """Where a process listens; port 0 = any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def next(self) -> Address:
        """The next port of the same host; any free one stays any free one."""
        return Address(self.host, self.port + 1 if self.port else 0)


def address_of(written: object) -> Address:
    """`HOST:PORT` or `[IPv6]:PORT`. Raises ValueError saying what was expected."""
    if isinstance(written, Address):
        return written
    host, _, port = str(written).rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdigit() or int(port) > PORT_MAX:
        raise ValueError(f"expected HOST:PORT, for instance 127.0.0.1:9000, got {str(written)!r}")
    return Address(host, int(port))


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
# NoDecode: from the environment it comes as it is written, not as JSON.
ListenAddress = Annotated[Address, NoDecode, BeforeValidator(address_of)]


class Settings(BaseSettings):
    """What an installation sets. Each is also DEPOTGATE_ and its name in upper case.

    Attributes:
        kafka: `HOST:PORT[,HOST:PORT]`; None = start one here (`up`), or the one that runs here.
        kafka_…: how it is reached (connectors.kafka.security.KafkaSecurity).
        tenant: name of the installation, part of every pseudonym (rule 26).
        pseudonym_keys_file: list of key epochs; needed by gateway and load.
        feeds_file: sources of identities; None = feeds.yaml of the depot folder, or of here.
        data: folder of the local broker, the spool, logs and run.json.
        slot: reply partition of this gateway.
        worker_id: static group membership of this worker; None = dynamic.
        ocpp: where chargers connect.
        ocpp_tls: where chargers of security profiles 2 and 3 connect; None = nowhere.
        tls_certificate_file, tls_key_file: PEM files of that listener.
        tls_client_ca_file: bundle that signs chargers' certificates; None = no profile 3.
        metrics: where `/metrics` is served.
        deadline_s: for the answer to an attempt.
        allow_unauthenticated: let in chargers of security profile 0.
        switches_per_s: mode commands that a gateway begins in a second; the same for its workers.
        identities: of the own fleet, raw, for local lists; None = this gateway sends none.
        flags: flags file: an OpenFeature provider says the stages; None = site.yaml (rule 27).
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, toml_file=TOML_FILE, extra="forbid", frozen=True, env_ignore_empty=True
    )

    kafka: str | None = None
    tenant: str = Field(default="default", min_length=1, max_length=64, pattern=r"^[\w.-]+$")
    pseudonym_keys_file: AbsolutePath | None = None
    feeds_file: AbsolutePath | None = None
    data: AbsolutePath = Field(default=Path(".depotgate"), validate_default=True)
    kafka_protocol: Protocol = Protocol.PLAINTEXT
    kafka_ca_file: AbsolutePath | None = None
    kafka_certificate_file: AbsolutePath | None = None
    kafka_key_file: AbsolutePath | None = None
    kafka_mechanism: Mechanism | None = None
    kafka_username: str | None = Field(default=None, min_length=1)
    kafka_password_file: AbsolutePath | None = None
    slot: int = Field(default=0, ge=0, lt=SLOTS)
    worker_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,200}$")
    ocpp: ListenAddress = Address("127.0.0.1", 9000)
    ocpp_tls: ListenAddress | None = None
    tls_certificate_file: AbsolutePath | None = None
    tls_key_file: AbsolutePath | None = None
    tls_client_ca_file: AbsolutePath | None = None
    metrics: ListenAddress = Address("127.0.0.1", 9400)
    # Below it no answer over Kafka is in time, above it chargers have given up themselves.
    deadline_s: float = Field(default=3.0, ge=0.1, le=30.0)
    allow_unauthenticated: bool = False
    # Below one in ten seconds an edge takes hours, above a thousand nothing is spread any more.
    switches_per_s: float = Field(default=SWITCHES_PER_S, ge=0.1, le=1_000)
    flags: AbsolutePath | None = None
    identities: AbsolutePath | None = None

    @property
    def kafka_security(self) -> KafkaSecurity:
        """How Kafka is reached."""
        return KafkaSecurity(
            **{name: getattr(self, f"kafka_{name}") for name in KafkaSecurity._fields}
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def read_settings(**given: object) -> Settings:
    """The settings, with what the command line gave on top; None = not given.

    Raises:
        ConfigurationError: naming the setting, what was expected and where it may come from.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as fault:
        raise ConfigurationError("; ".join(_said(error) for error in fault.errors())) from None
    except (OSError, ValueError) as fault:
        # pydantic-settings: a broken depotgate.toml, or an environment variable it cannot parse.
        raise ConfigurationError(f"cannot read the settings: {fault}") from None


def _said(error: object) -> str:
    assert isinstance(error, dict)
    name = str(error["loc"][0]) if error["loc"] else "?"
    if error["type"] == "extra_forbidden":
        return f"{TOML_FILE}: there is no setting {name!r}{_near(name)}"
    return f"setting {name} ({PREFIX}{name.upper()}): {error['msg']}"


def unknown_variables() -> tuple[str, ...]:
    """DEPOTGATE_ variables of the environment that are no setting: most likely misspelt."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    return tuple(
        sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    )


def _near(name: str) -> str:
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
