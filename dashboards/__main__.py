"""`python -m dashboards`: write the dashboards as Grafana reads them."""

from __future__ import annotations

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.access import build

ACCESS_JSON = Path(__file__).parent / "grafana" / "access.json"


def access_json() -> str:
    """The *Access* dashboard as provisioned."""
    return JSONEncoder(sort_keys=True, indent=2).encode(build()) + "\n"


if __name__ == "__main__":
    ACCESS_JSON.parent.mkdir(exist_ok=True)
    ACCESS_JSON.write_text(access_json())
