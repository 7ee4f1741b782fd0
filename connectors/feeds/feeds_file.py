"""feeds.yaml: which sources deliver identities, from where, how often, and how bad they may be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import orjson
from pydantic import Field, ValidationError, model_validator

from connectors.feeds.places import BadRows, Problems
from connectors.feeds.site_file import SITE_ID
from connectors.feeds.site_wording import sentence_of
from connectors.feeds.text_file import opened, read_lines
from connectors.feeds.yaml_lines import Document, read_yaml
from models.errors import ConfigurationError
from models.ids import SiteId
from models.record import Frozen
from models.site import FOLDER_SOURCE, feed_key

FILE = "feeds.yaml"

FEEDS_MAX = 64
"""Each is a label of metrics and a fact of every decision of its site."""

BYTES_MAX = 256 * 1024
LINE_BYTES_MAX = 4_096

EVERY_S = range(1, 86_401)
"""Content is stale after 15 minutes by default; more than a day apart it is expired in between."""

TIMEOUT_MAX_S = 3_600
SIZE_MAX_MB = 2_048
"""It is held in memory while it is read: a million identities have some 200 MB as JSON."""

SOURCE_NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"
"""It is part of topic keys between / and |, and a label of metrics."""

_PATHS = ("file", "token_file", "ca_file")

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class FeedSource(Frozen):
    """One entry of feeds.yaml.

    Attributes:
        name: of the source: its records are replaced by its own loads only (rule 21).
        site: its records are known at this site only; None = at every site of the installation.
        url, file: exactly one of them; a file is relative to feeds.yaml.
        content: everything there is, or only what has changed since.
        token_file: mode 0600, one line: sent as bearer token.
        ca_file: certificates that are trusted instead of the system's.
        every_s: between the beginnings of two fetches.
        jitter_s: each wait is up to this much shorter or longer, so that not all come at once.
        bad_rows: whether one bad row stops the whole load, or is left out and named.
    """

    name: Annotated[str, Field(pattern=SOURCE_NAME)]
    site: Annotated[str, Field(pattern=SITE_ID)] | None = None
    url: str | None = None
    file: str | None = None
    format: Literal["json", "csv"] = "json"
    content: Literal["full", "incremental"] = "full"
    token_file: str | None = None
    ca_file: str | None = None
    every_s: Annotated[int, Field(ge=EVERY_S[0], le=EVERY_S[-1])] = 300
    jitter_s: Annotated[int, Field(ge=0, le=EVERY_S[-1])] = 0
    timeout_s: Annotated[int, Field(gt=0, le=TIMEOUT_MAX_S)] = 60
    size_max_mb: Annotated[int, Field(gt=0, le=SIZE_MAX_MB)] = 256
    bad_rows: BadRows = "stop"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for fault in self._faults():
            raise ValueError(fault)
        return self

    def _faults(self) -> Iterator[str]:
        if self.name == FOLDER_SOURCE:
            yield f"name: {FOLDER_SOURCE!r} is the depot folder itself (rule 21); choose another"
        if (self.url is None) == (self.file is None):
            yield "expected either url or file"
        if self.url is not None:
            yield from _url_faults(self.url, with_token=self.token_file is not None)
        elif self.token_file or self.ca_file:
            yield "token_file and ca_file belong to a url"
        for name in _PATHS:
            if not (getattr(self, name) or "").isprintable():
                yield f"{name}: expected a path of printable characters"
        if self.jitter_s >= self.every_s:
            yield "jitter_s: expected less than every_s"
        if self.format == "csv" and self.content == "incremental":
            yield "content: a csv cannot say what is gone; write full, or deliver json"

    @property
    def site_id(self) -> SiteId | None:
        return SiteId(self.site) if self.site else None

    @property
    def key(self) -> str:
        """Of its receipt, and what people read."""
        return feed_key(self.name, self.site_id)

    @property
    def size_max_bytes(self) -> int:
        return self.size_max_mb << 20


def delivering(source: FeedSource | None, name: str, site: str | None, file: Path) -> FeedSource:
    """A source that delivers this file, and is otherwise what it is; its format is the file's.

    Raises:
        ConfigurationError: no source can have that name or site, or deliver its changes as csv.
    """
    known = dict(source) if source else {"name": name, "site": site}
    form = "csv" if file.suffix.lower() == ".csv" else "json"
    here = {"file": str(file.absolute()), "format": form}
    try:
        return FeedSource.model_validate(
            {**known, "url": None, "token_file": None, "ca_file": None, **here}
        )
    except ValidationError as fault:
        said = "; ".join(sentence_of(each, FeedSource, []) for each in fault.errors())
        raise ConfigurationError(said) from None


def _url_faults(url: str, *, with_token: bool) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _port = parts.port
        # Parts of names have 1 to 63 characters: the system's resolver is not asked for others.
        _resolvable = (host or "").encode("idna")
    except ValueError:
        parts, host = urlsplit(""), None
    scheme_and_host = parts.scheme in {"http", "https"} and host
    if not scheme_and_host or " " in url or not url.isprintable():
        yield "url: expected https://HOST/PATH or http://HOST/PATH"
    elif parts.username is not None or parts.fragment:
        yield "url: expected no user, password or fragment in it; use token_file"
    elif parts.scheme == "http" and with_token and host not in LOOPBACK:
        yield "url: expected https where a token is sent; anybody on the way could read it"


class _Written(Frozen):
    feeds: Annotated[tuple[FeedSource, ...], Field(max_length=FEEDS_MAX)]


def read_feeds(path: Path) -> tuple[FeedSource, ...]:
    """Every source; relative paths are made absolute.

    Raises:
        DepotRefusedError: with every problem by line.
    """
    problems = Problems()
    with opened(path.parent, path.name, BYTES_MAX, problems) as file:
        lines = read_lines(file, path.name, LINE_BYTES_MAX, problems) if file else ()
        text = "\n".join(line.text for line in lines)
    problems.refuse()
    document = read_yaml(path.name, text, problems)
    written = _validated(path, document, problems) if document else None
    if document is not None and written is not None:
        _note_twice(path.name, document, written.feeds, problems)
    problems.refuse()
    assert written is not None, "a feeds.yaml that is not read has a problem"
    return tuple(_located(feed, path.parent) for feed in written.feeds)


def _validated(path: Path, document: Document, problems: Problems) -> _Written | None:
    content: Any = document.content
    if not isinstance(content, dict):
        problems.add(path.name, 1, "expected `feeds:` and a list of sources")
        return None
    try:
        return _Written.model_validate_json(orjson.dumps(content))
    except orjson.JSONEncodeError:
        problems.add(path.name, 0, "expected text, got half of a character (\\ud800 to \\udfff)")
    except ValidationError as fault:
        for error in fault.errors(include_url=False):
            problems.add(
                path.name, document.line(tuple(error["loc"])), sentence_of(error, _Written, [])
            )
    return None


def _note_twice(
    file: str, document: Document, feeds: tuple[FeedSource, ...], problems: Problems
) -> None:
    """Two loads of one source would each delete what the other brought."""
    sites: dict[str, list[str | None]] = {}
    for place, feed in enumerate(feeds):
        before = sites.setdefault(feed.name, [])
        if feed.site in before or (before and None in (feed.site, *before)):
            line = document.line(("feeds", place, "name"))
            message = f"{feed.name!r} is there already, for this site or for all; expected it once"
            problems.add(file, line, message)
        before.append(feed.site)


def _located(feed: FeedSource, folder: Path) -> FeedSource:
    return feed.model_copy(
        update={
            name: str((folder / written).absolute())
            for name in _PATHS
            if (written := getattr(feed, name)) is not None
        }
    )
