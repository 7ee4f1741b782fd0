"""`depotgate schedule tz-diff`: which edges another tz database moves (rule 10)."""

from __future__ import annotations

import shutil
import zipfile
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from depotgate.schedules.tz_databases import tz_database
from models.errors import ConfigurationError
from models.zones import tzdata_version, zone
from tests.connectors.feeds.folders import SITE, write
from tests.depotgate.asking import ask

SUMMER = ("--from", "2026-07-13", "--to", "2026-07-15")
PINNED = Path(str(resources.files("tzdata")))


def _zones(folder: Path, **other: str) -> Path:
    """A folder of compiled zones in which some are those of other names."""
    for name in ("UTC", "Europe/Berlin"):
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PINNED / "zoneinfo" / other.get(name.split("/")[-1], name), place)
    return folder


def _wheel(place: Path, version: str, zones: Path) -> Path:
    with zipfile.ZipFile(place, "w") as wheel:
        wheel.writestr("tzdata/__init__.py", f'IANA_VERSION = "{version}"\n')
        for file in sorted(zones.rglob("*")):
            if file.is_file():
                wheel.write(file, f"tzdata/zoneinfo/{file.relative_to(zones)}")
    return place


def test_edges_move_with_the_rules_of_a_zone_and_both_versions_are_named(tmp_path: Path) -> None:
    """A Berlin without summer time: 18:00 is an hour later in July."""
    zones = _zones(tmp_path / "zones", Berlin="Africa/Lagos")
    wheel = _wheel(tmp_path / "tzdata.whl", "1999z", zones)
    answer = ask("schedule", "tz-diff", write(tmp_path), "--from-tz", wheel, *SUMMER, "--json")
    assert answer.code == 0
    found = answer.json
    assert (found["old"]["tzdata"], found["new"]["tzdata"]) == ("1999z", tzdata_version())
    assert [(each["before"], each["after"], each["moved_s"]) for each in found["changes"]] == [
        ("2026-07-13T17:00:00Z", "2026-07-13T16:00:00Z", -3600.0),
        ("2026-07-14T05:00:00Z", "2026-07-14T04:00:00Z", -3600.0),
    ]


def test_a_person_reads_the_edges_in_utc(tmp_path: Path) -> None:
    """Their local times are the same: it is the zone that moved."""
    zones = _zones(tmp_path / "zones", Berlin="Africa/Lagos")
    out = ask("schedule", "tz-diff", write(tmp_path), "--to-tz", zones, *SUMMER).out
    assert f"tz database {tzdata_version()} (pinned) to unknown ({zones})" in out.replace("\n", "")
    row = next(" ".join(line.split()) for line in out.splitlines() if "window night" in line)
    assert row == "moved managed 2026-07-13 16:00Z → 17:00Z +1 h window night"


def test_the_same_database_elsewhere_moves_nothing(tmp_path: Path) -> None:
    out = ask(
        "schedule", "tz-diff", write(tmp_path), "--from-tz", PINNED, "--to-tz", PINNED.parent
    ).out
    assert "2 schedules say the same" in out


@pytest.mark.parametrize("inner", ["", "zoneinfo", "..", "wheel"])
def test_a_tzdata_package_is_found_wherever_it_is(tmp_path: Path, inner: str) -> None:
    if inner == "wheel":
        place = _wheel(tmp_path / "t.whl", tzdata_version(), _zones(tmp_path / "zones"))
    else:
        place = PINNED / inner
    database = tz_database(place)
    assert database.version == tzdata_version()
    berlin = database.zone("Europe/Berlin")
    assert isinstance(berlin, ZoneInfo)
    assert berlin.key == zone("Europe/Berlin").key


@pytest.mark.parametrize(
    ("file", "text"),
    [("tzdata.zi", "# version 2011k\n# more\n"), ("+VERSION", "2011k\n"), ("version", "2011k")],
)
def test_compiled_zones_are_named_by_the_file_beside_them(
    tmp_path: Path, file: str, text: str
) -> None:
    (_zones(tmp_path) / file).write_text(text)
    assert tz_database(tmp_path).version == "2011k"


def test_a_version_is_read_and_never_run(tmp_path: Path) -> None:
    package = tmp_path / "tzdata"
    _zones(package / "zoneinfo")
    (package / "__init__.py").write_text('raise SystemExit\nIANA_VERSION = "2011k"\n')
    assert tz_database(package).version == "2011k"


def test_what_is_no_tz_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.whl").write_text("not a wheel")
    for place in (tmp_path, tmp_path / "nowhere", tmp_path / "text.whl"):
        answer = ask("schedule", "tz-diff", write(tmp_path), "--from-tz", place)
        assert answer.code == 1
        assert answer.err.startswith("expected a tz database: a folder of compiled zones")


def test_a_zone_that_a_database_does_not_have_is_named(tmp_path: Path) -> None:
    site = SITE.replace("Europe/Berlin", "Europe/Paris")
    answer = ask(
        "schedule", "tz-diff", write(tmp_path, site=site), "--from-tz", _zones(tmp_path / "zones")
    )
    assert answer.code == 1
    assert answer.err.startswith("the tz database unknown (")
    assert "has no zone 'Europe/Paris'" in answer.err


@pytest.mark.parametrize("data", [b"text", b"TZif", b"TZif2" + b"\xff" * 60])
def test_a_zone_that_is_none_is_named(tmp_path: Path, data: bytes) -> None:
    (_zones(tmp_path) / "Europe/Berlin").write_bytes(data)
    with pytest.raises(ConfigurationError, match="'Europe/Berlin' of the tz database"):
        tz_database(tmp_path).zone("Europe/Berlin")


def test_without_a_database_to_compare_with_it_asks_for_one(tmp_path: Path) -> None:
    answer = ask("schedule", "tz-diff", write(tmp_path))
    assert answer.code == 1
    assert answer.err.startswith("expected --from-tz or --to-tz")
