"""The OCPP versions that the gateway speaks."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.ocpp import v16, v21, v201
from connectors.ocpp.table import Version
from models.reasons import OcppVersion

VERSIONS: Mapping[OcppVersion, Version] = {
    # The newest first: what the gateway prefers when a charger offers several.
    "2.1": v21.VERSION,
    "2.0.1": v201.VERSION,
    "1.6": v16.VERSION,
}

SUBPROTOCOLS: Mapping[str, Version] = {
    version.subprotocol: version for version in VERSIONS.values()
}
"""By the name in Sec-WebSocket-Protocol, in the order of preference."""
