"""Options that several commands have. None = not given: environment, depotgate.toml, default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[
    Path, typer.Argument(help="Depot folder: site.yaml, chargers.csv, identities.csv.")
]
Kafka = Annotated[str | None, typer.Option(help="HOST:PORT[,HOST:PORT] of the broker.")]
Data = Annotated[Path | None, typer.Option(help="Data folder.", show_default=".depotgate")]
Keys = Annotated[Path | None, typer.Option("--pseudonym-keys-file", help="Key epochs.")]
Tenant = Annotated[
    str | None, typer.Option(help="Name of the installation.", show_default="default")
]
Ocpp = Annotated[
    str | None, typer.Option(help="HOST:PORT for chargers.", show_default="127.0.0.1:9000")
]
OcppTls = Annotated[
    str | None,
    typer.Option("--ocpp-tls", help="HOST:PORT for chargers that use TLS.", show_default="none"),
]
TlsCertificate = Annotated[
    Path | None, typer.Option("--tls-certificate-file", help="PEM chain of that address.")
]
TlsKey = Annotated[Path | None, typer.Option("--tls-key-file", help="PEM key of that address.")]
TlsClientCa = Annotated[
    Path | None,
    typer.Option("--tls-client-ca-file", help="PEM authorities of chargers' certificates."),
]
MetricsAt = Annotated[
    str | None,
    typer.Option("--metrics", help="HOST:PORT for /metrics.", show_default="127.0.0.1:9400"),
]
Deadline = Annotated[float | None, typer.Option(help="For an answer, seconds.", show_default="3")]
Slot = Annotated[int | None, typer.Option(help="Reply partition, 0–15.", show_default="0")]
Unauthenticated = Annotated[
    bool | None,
    typer.Option("--allow-unauthenticated", help="Let in chargers of security profile 0."),
]
Feeds = Annotated[
    Path | None,
    typer.Option("--feeds-file", help="Sources of identities.", show_default="feeds.yaml"),
]
Identities = Annotated[
    Path | None,
    typer.Option(help="Identities, raw, for local lists of chargers.", show_default="no lists"),
]
Flags = Annotated[
    Path | None, typer.Option(help="Flags file: an OpenFeature provider says the stages.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
ReadyFile = Annotated[Path | None, typer.Option(hidden=True)]
LogFile = Annotated[Path | None, typer.Option(help="Instead of standard error; rotated.")]
