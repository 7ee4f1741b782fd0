"""Tags that are nobody's card in a depot folder or a feed, and whose they are (rule 17)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from models.assisted import ASSISTED_TAG
from models.profile_choice import findable_profiles
from models.profiles import profile_named, reserved_tags
from models.reasons import OcppVersion

ReservedTags = Mapping[str, str]
"""Casefolded, and of each why it is reserved and what to do: no sentence holds the tag itself."""

_OF_SITE = "it is the site's freevend_tag; remove the row, or use another freevend_tag"
_OF_FINDABLE = (
    "chargers of profile {profile} present it, and one whose row in chargers.csv names no profile "
    "may turn out to be one; remove the row here, or name the profile of each charger there "
    "(`standard` where none is known)"
)
_OF_ASSISTED = "depotgate itself starts sessions with it; remove the row"


class Presenting(NamedTuple):
    """What decides which tags a charger may present.

    Attributes:
        profile: that its row names; None = it may be found by its boot.
        ocpp: the only version it may speak; None = any.
    """

    profile: str | None
    ocpp: OcppVersion | str | None


def tags_of_chargers(chargers: Iterable[Presenting]) -> dict[str, str]:
    """What the profiles of chargers reserve: those that are named, and those that may be found."""
    # Each kind once: twenty thousand chargers are of a few.
    kinds = sorted(set(chargers), key=lambda each: (each.profile is None, str(each)))
    found: dict[str, str] = {}
    for tag, why in (each for kind in kinds for each in _of_profiles(kind)):
        found.setdefault(tag.casefold(), why)
    return found


def _of_profiles(kind: Presenting) -> Iterator[tuple[str, str]]:
    if kind.profile is not None:
        for tag in reserved_tags(profile_named(kind.profile)):
            yield tag, f"chargers of profile {kind.profile} present it; remove the row"
        return
    for row in findable_profiles(kind.ocpp):
        for tag in reserved_tags(row):
            yield tag, _OF_FINDABLE.format(profile=row.name)


def all_tags(sites: Iterable[str | None], of_chargers: ReservedTags) -> ReservedTags:
    """With the sites' own tags, and that of assisted starts."""
    of_sites = {tag.casefold(): _OF_SITE for tag in sites if tag}
    return {**of_chargers, **of_sites, ASSISTED_TAG.casefold(): _OF_ASSISTED}
