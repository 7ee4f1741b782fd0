"""What a load tells programs."""

from __future__ import annotations

from connectors.feeds.differences import Change
from connectors.feeds.publish import Loaded, Revisions
from depotgate.loading import loaded_fields, said
from models.errors import Problem
from models.ids import SiteId


def test_a_load_tells_programs_its_counts_as_numbers() -> None:
    loaded = Loaded(
        site_id=SiteId("north"),
        revision="r",
        revisions=Revisions("s", "c", "i"),
        site_changed=True,
        chargers=Change(3, 2, 1),
        chargers_count=5,
        identities=Change(0, 0, 0),
        identities_count=7,
        left_out_count=2,
        notices=(Problem("site.yaml", 3, "look"),),
        took_s=0.1,
    )
    fields = loaded_fields(loaded)
    assert fields["chargers"] == {"added": 3, "changed": 2, "removed": 1}
    assert fields["identities"] == {"added": 0, "changed": 0, "removed": 0}
    assert fields["revisions"] == {"site": "s", "chargers": "c", "identities": "i"}
    assert fields["left_out_count"] == 2
    assert fields["notices"] == ["site.yaml:3: look"]
    assert said(loaded) == (
        "north: loaded revision r, 5 chargers (3 new, 2 changed, 1 gone), "
        "7 identities (0 new, 0 changed, 0 gone), 2 bad rows left out, in 0.1 s"
    )
