"""What governs a charger's mode, highest first (rule 7): one table, read by code and docs."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class LayerName(StrEnum):
    """As decisions store it in `facts.schedule.layer`."""

    LOCK = "lock"
    OVERRIDE = "override"
    EXCEPTION = "exception"
    HOLIDAY = "holiday"
    WINDOW = "window"
    DEFAULT = "default"


class Layer(NamedTuple):
    """One layer. It speaks wherever no layer above it does.

    Attributes:
        what: in a person's words.
        comes_from: where it is written, and for which chargers.
        among_several: which of the layer wins where more than one holds.
        ends: when it stops to speak.
    """

    name: LayerName
    what: str
    comes_from: str
    among_several: str
    ends: str


_NARROWEST = "charger before group before site; within one scope the newest"
_OF_SCHEDULE = "the one schedule of the charger: its own, else its group's, else its site's"
_MANAGED = "managed"

# fmt: off
PRECEDENCE: tuple[Layer, ...] = (
    Layer(LayerName.LOCK, "safety lock: managed, whatever else is said",
          "`override add --lock` for a charger, a group or a site", _NARROWEST,
          "when a person ends it"),
    Layer(LayerName.OVERRIDE, "manual override",
          "`override add` for a charger, a group or a site", _NARROWEST,
          "at its end, at most 72 h after its start, or when a person ends it"),
    Layer(LayerName.EXCEPTION, "dated exception", _OF_SCHEDULE, _MANAGED,
          "at its end, at most at the midnight that ends its date"),
    Layer(LayerName.HOLIDAY, "holiday", _OF_SCHEDULE, _MANAGED,
          "at its end, at most at the midnight that ends its date"),
    Layer(LayerName.WINDOW, "weekly window", _OF_SCHEDULE, _MANAGED,
          "at its end, also past midnight"),
    Layer(LayerName.DEFAULT, "default mode", _OF_SCHEDULE, "there is one", "never"),
)
# fmt: on
