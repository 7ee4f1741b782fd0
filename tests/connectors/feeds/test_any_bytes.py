"""Whatever bytes a file has: it is read, or refused in sentences that quote no secret."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.feeds.depot_folder import read_depot
from models.errors import DepotRefusedError, Problem
from tests.connectors.feeds.folders import (
    CARD,
    CHARGERS,
    IDENTITIES,
    KEYS,
    NOW,
    PASSWORD,
    SITE,
    write,
)

SOUND = {
    "site.yaml": SITE.encode(),
    "chargers.csv": CHARGERS.encode(),
    "identities.csv": IDENTITIES.encode(),
}

# What files break on, besides any byte: what has a meaning to one of the two formats.
# fmt: off
SIGNS = (
    b"\n", b"\r", b"\t", b",", b'"', b"'", b":", b"- ", b"[", b"{", b"}", b"#", b"|", b"!", b"? ",
    b"&a ", b"*a", b"<<: ", b"---\n", b"null", b"true", b"1e9", b"9999-12-31", b"Z",
    b"file:", b"hash:", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", "\u2028".encode(),
    "\u0660".encode(), "İ".encode(),
    CARD.encode(), PASSWORD.encode(),
)
# fmt: on
PIECES = st.one_of(st.binary(max_size=4), st.sampled_from(SIGNS))


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file's name, and its sound content with a few pieces put in, taken out or doubled."""
    name = draw(st.sampled_from(sorted(SOUND)))
    content = SOUND[name]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 0, 1, 5, 40])))
        content = content[:start] + draw(PIECES) + content[end:]
    return name, content


def problems_with(name: str, content: bytes) -> tuple[Problem, ...]:
    """The problems of a sound folder in which one file has this content."""
    with tempfile.TemporaryDirectory() as place:
        folder = write(Path(place))
        (folder / name).write_bytes(content)
        try:
            read_depot(folder, KEYS, NOW)
        except DepotRefusedError as refused:
            return refused.problems
    return ()


@given(spoilt())
@settings(max_examples=5 * settings().max_examples // 2)
def test_a_spoilt_file_is_read_or_refused(file: tuple[str, bytes]) -> None:
    name, content = file
    problems = problems_with(name, content)
    # A carriage return alone ends a line for YAML, and no line for an editor.
    lines = content.replace(b"\r", b"\n").count(b"\n") + 1
    assert all(0 <= each.line <= lines for each in problems if each.file == name)
    said = "\n".join(map(str, problems))
    if name == "identities.csv":
        assert CARD not in said
    if name == "chargers.csv":
        assert PASSWORD not in said


@given(st.sampled_from(sorted(SOUND)), st.binary(max_size=200))
def test_what_is_no_such_file_is_refused(name: str, content: bytes) -> None:
    assert problems_with(name, content)
