"""`python -m docs.generate`: write the generated parts of the pages and the JSON Schemas.

A page is written by hand; between `<!-- generated: NAME -->` and `<!-- end -->` stands a table of
docs/tables.py. Schemas are files of their own, and are not written over by one that breaks what
the committed one promises.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from docs.record_schemas import broken_promises, schemas
from docs.tables import BLOCKS, SCHEMA_FOLDER
from models.topics import PRIMARY_TOPICS

FOLDER = Path(__file__).parent

_BLOCK = re.compile(r"(<!-- generated: ([a-z0-9 ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> dict[Path, str]:
    """Each page that has generated parts, as it should be."""
    found = {path: path.read_text() for path in sorted(FOLDER.glob("*.md"))}
    return {path: _filled(text) for path, text in found.items() if _BLOCK.search(text)}


def schema_files() -> dict[Path, str]:
    """Each schema, as it should be."""
    return {FOLDER / SCHEMA_FOLDER / f"{name}.json": text for name, text in schemas().items()}


def promises_broken() -> tuple[str, ...]:
    """How records differ from the committed schemas in more than additions."""
    return tuple(_promises_broken())


def _promises_broken() -> Iterator[str]:
    for topic in PRIMARY_TOPICS:
        path = FOLDER / SCHEMA_FOLDER / f"{topic.name}.json"
        if topic.record is not None and path.exists():
            for broken in broken_promises(json.loads(path.read_text()), topic.record):
                yield f"{topic.name}: {broken}"


def _filled(text: str) -> str:
    return _BLOCK.sub(lambda block: f"{block[1]}{BLOCKS[block[2]]()}\n{block[3]}", text)


def main() -> int:
    """Write what differs; 1 where a schema would break its promise."""
    broken = promises_broken()
    for line in broken:
        print(line, file=sys.stderr)
    if broken:
        print("refused: a record only grows; make a new topic of it", file=sys.stderr)
        return 1
    for path, text in (pages() | schema_files()).items():
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            print(f"wrote {path.relative_to(FOLDER.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
