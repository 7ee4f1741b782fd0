"""The Unleash provider, asked as often as an operator wants a stage to take effect."""

from __future__ import annotations

from typing import Any

from openfeature.contrib.provider.unleash import UnleashProvider
from openfeature.provider import FeatureProvider
from UnleashClient.cache import BaseCache

REFRESH_S = 5
"""The client's own 15 s are long for a person who waits for a charger."""


class MemoryCache(BaseCache):
    """What the client fetched last. Its own cache is a file in a folder that every program of the
    same app name shares; what must outlive a restart stands in depot.stages.v1."""

    def __init__(self) -> None:
        self._held: dict[str, Any] = {}

    def set(self, key: str, value: Any) -> None:
        self._held[key] = value

    def mset(self, data: dict[str, Any]) -> None:
        self._held.update(data)

    def get(self, key: str, default: Any = None) -> Any:
        return self._held.get(key, default)

    def exists(self, key: str) -> bool:
        return key in self._held

    def destroy(self) -> None:
        self._held.clear()


def unleash_provider(
    *, url: str, api_token: str, app_name: str = "depotgate", refresh_s: int = REFRESH_S
) -> FeatureProvider:
    """A provider for an Unleash server, or one that speaks its client API.

    Args:
        url: of its API, as in `https://flags.example/api`.
        refresh_s: how often it is asked for all flags.
    """
    provider = UnleashProvider(url=url, app_name=app_name, api_token=api_token, cache=MemoryCache())
    provider.client.unleash_refresh_interval = refresh_s
    return provider
