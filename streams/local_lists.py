"""Who is to be on the local lists of each site: the own fleet in the replica, by validity."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from connectors.kafka.replica import Replica
from models.entitlement import access_of
from models.governing import Governing
from models.ids import Pseudonym, SiteId
from models.local_list import Named, named
from models.site import ExpiredFeed, IdentityRecord, OfflinePolicy, SiteRecord
from models.topics import FEEDS, IDENTITIES, SITES, Topic

LOOK_APART = timedelta(seconds=2)
"""Records come by the thousand in a load: they are gathered once it has calmed down."""

SLICE = 10_000
"""Records looked at before decisions get their turn: some five milliseconds. Edges are noticed only
after all of them, so a million wait for a hundred turns and not for more."""

OWN_COST = 10
"""So many others are looked at while one record of the own fleet is decoded and looked up."""

FLEET_MAX = 20_000
"""Pseudonyms of one site that are looked at for its lists; a list has some hundreds."""

Fleet = dict[Pseudonym, tuple[IdentityRecord, ...]]


class LocalLists:
    """The list of each site and group of chargers, made again when something in it changes."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._changed = True
        self._gathered_at: datetime | None = None
        self._fleets: dict[SiteId, Fleet] = {}
        self._lists: dict[tuple[SiteId, str | None], Named] = {}
        replica.subscribe(self._configuration_changed)

    def _configuration_changed(self, topic: Topic, _key: str) -> None:
        if topic in (IDENTITIES, SITES, FEEDS):
            self._changed = True

    def of(self, governing: Governing, now: datetime) -> Named | None:
        """The list of a charger now; None before the site's fleet was gathered."""
        site, group = governing.site, governing.charger.group
        fleet = self._fleets.get(site.site_id)
        if fleet is None:
            return None
        found = self._lists.get((site.site_id, group))
        if found is None or (found.changes_at is not None and found.changes_at <= now):
            access = access_of(site.access, group, site.timezone)
            found = named(fleet.values(), access, now, lasting=self._lasting(site))
            self._lists[site.site_id, group] = found
        return found

    def _lasting(self, site: SiteRecord) -> _Lasting:
        # Rule 22: with `closed` its records end with their feed, and no list is told when.
        ends = site.feed.expired == ExpiredFeed.CLOSED
        facts = self._replica.feed_facts(site.site_id) if ends else ()
        return _Lasting(frozenset(each.source for each in facts))

    async def refresh(self, now: datetime) -> bool:
        """Gather the fleets anew where something changed; whether any site has to do with it."""
        if not self._changed:
            return False
        if self._gathered_at is not None and now - self._gathered_at < LOOK_APART:
            return False
        self._changed, self._gathered_at = False, now
        sites = {
            site.site_id
            for site in self._replica.sites.values()
            if site.offline_known is OfflinePolicy.OWN_FLEET
        }
        fleets: dict[SiteId, Fleet] = {site_id: {} for site_id in sites}
        if sites:
            await self._gather(fleets)
        wanted = bool(fleets or self._fleets)
        self._fleets, self._lists = fleets, {}
        return wanted

    async def _gather(self, fleets: dict[SiteId, Fleet]) -> None:
        looked_count = 0
        for pseudonym in self._replica.own_fleet():
            looked_count += 1
            if pseudonym is not None:
                self._add(fleets, pseudonym)
                looked_count += OWN_COST - 1
            if looked_count >= SLICE:
                looked_count = 0
                await asyncio.sleep(0)

    def _add(self, fleets: dict[SiteId, Fleet], pseudonym: Pseudonym) -> None:
        for site_id, fleet in fleets.items():
            if len(fleet) < FLEET_MAX and (found := self._replica.identities(pseudonym, site_id)):
                fleet[pseudonym] = found


class _Lasting:
    """Whether a record is believed however old its feed gets."""

    def __init__(self, ending: Iterable[str]) -> None:
        self._ending = frozenset(ending)

    def __call__(self, record: IdentityRecord) -> bool:
        return record.source not in self._ending
