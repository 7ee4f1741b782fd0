"""feeds.yaml: what is read, and each problem with its line."""
# ruff: noqa: E501 - a table, one problem a line with its whole sentence

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.feeds.feeds_file import FeedSource, delivering, read_feeds
from models.errors import ConfigurationError, DepotRefusedError

WHOLE = """\
feeds:
  - name: own-fleet
    url: https://fleet.example/identities.json
    token_file: secrets/fleet
    every_s: 60
    jitter_s: 5
    timeout_s: 30
    size_max_mb: 100
    bad_rows: skip
  - name: agreements
    site: north-depot
    file: partners.csv
    format: csv
"""


def read(folder: Path, text: str) -> tuple[FeedSource, ...]:
    path = folder / "feeds.yaml"
    path.write_text(text)
    return read_feeds(path)


def test_a_source_has_a_name_and_a_place_and_safe_defaults(tmp_path: Path) -> None:
    fleet, agreements = read(tmp_path, WHOLE)
    assert (fleet.key, agreements.key) == ("own-fleet", "agreements/north-depot")
    assert fleet.token_file == str(tmp_path / "secrets" / "fleet")
    assert agreements.file == str(tmp_path / "partners.csv")
    assert (agreements.content, agreements.bad_rows, agreements.every_s) == ("full", "stop", 300)


def one(keys: str) -> str:
    return f"feeds:\n  - {{{keys}}}\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "feeds.yaml:1: expected `feeds:` and a list of sources"),
        ("feeds: 3", "feeds.yaml:1: feeds: expected a list, got 3"),
        (one("url: https://a.example/"), "feeds.yaml:2: expected 'name' here, and it is missing"),
        (one("name: Fleet, file: a"), "feeds.yaml:2: name: expected 1 to 64"),
        (one("name: folder, file: a"), "feeds.yaml:2: name: 'folder' is the depot folder itself"),
        (one("name: a"), "feeds.yaml:2: expected either url or file"),
        (one("name: a, file: a, url: https://a.example/"), "feeds.yaml:2: expected either url"),
        (one("name: a, url: ftp://a.example/"), "feeds.yaml:2: url: expected https://HOST/PATH"),
        (one("name: a, url: 'https://a..example/'"), "feeds.yaml:2: url: expected https://HOST/PATH"),
        (one(f"name: a, url: 'https://{'a' * 64}.example/'"), "feeds.yaml:2: url: expected https://HO"),
        (one('name: a, url: "https://a.example/\\0"'), "feeds.yaml:2: url: expected https://HOST/PATH"),
        (one('name: a, file: "a\\0.csv"'), "feeds.yaml:2: file: expected a path of printable"),
        (one('name: a, url: "https://a.example/", ca_file: "a\\0"'), "feeds.yaml:2: ca_file: expected a"),
        (one("name: a, url: 'https://me:pass@a.example/'"), "feeds.yaml:2: url: expected no user"),
        (one("name: a, url: 'http://a.example/', token_file: t"), "feeds.yaml:2: url: expected https"),
        (one("name: a, file: a, token_file: t"), "feeds.yaml:2: token_file and ca_file belong"),
        (one("name: a, file: a, every_s: 0"), "feeds.yaml:2: every_s:"),
        (one("name: a, file: a, every_s: 10, jitter_s: 10"), "feeds.yaml:2: jitter_s: expected less"),
        (one("name: a, file: a, format: csv, content: incremental"), "feeds.yaml:2: content: a csv"),
        (one("name: a, file: a, formats: csv"), "feeds.yaml:2: there is no key 'formats' here"),
        (
            "feeds:\n  - {name: a, file: a}\n  - {name: a, site: n, file: b}\n",
            "feeds.yaml:3: 'a' is there already, for this site or for all",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(DepotRefusedError) as refused:
        read(tmp_path, text)
    assert [str(each)[: len(problem)] for each in refused.value.problems] == [problem]


def test_one_name_may_be_of_several_sites(tmp_path: Path) -> None:
    feeds = read(
        tmp_path, "feeds:\n  - {name: a, site: n, file: a}\n  - {name: a, site: s, file: b}\n"
    )
    assert [feed.key for feed in feeds] == ["a/n", "a/s"]


def test_a_password_in_a_url_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(DepotRefusedError) as refused:
        read(tmp_path, one("name: a, url: 'https://me:hunter2@a.example/'"))
    assert "hunter2" not in str(refused.value)


def test_a_token_goes_over_http_to_this_machine_only(tmp_path: Path) -> None:
    (feed,) = read(tmp_path, one("name: a, url: 'http://127.0.0.1:8/', token_file: t"))
    assert feed.token_file


def test_a_file_is_a_delivery_of_the_source_it_is_loaded_as(tmp_path: Path) -> None:
    fleet, _agreements = read(tmp_path, WHOLE)
    by_hand = delivering(fleet, "own-fleet", None, tmp_path / "today.csv")
    assert (by_hand.url, by_hand.format, by_hand.bad_rows) == (None, "csv", "skip")
    unknown = delivering(None, "visitors", "north-depot", tmp_path / "today.json")
    assert (unknown.key, unknown.format) == ("visitors/north-depot", "json")
    with pytest.raises(ConfigurationError, match="the depot folder itself"):
        delivering(None, "folder", None, tmp_path / "today.json")
