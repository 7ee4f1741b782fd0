"""How results reach people and programs."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest

from depotgate.printing import print_json, printable


def test_a_document_is_a_line_with_instants_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"at": datetime(2026, 7, 14, 18, 5, tzinfo=UTC), "names": ("a\n", "b")})
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert orjson.loads(said) == {"at": "2026-07-14T18:05:00Z", "names": ["a\n", "b"]}


def test_what_json_has_no_word_for_is_not_turned_into_text() -> None:
    with pytest.raises(TypeError):
        print_json({"place": object()})


def test_a_name_cannot_steer_the_terminal() -> None:
    assert printable("CP-1\x1b[2J\r\n") == "CP-1�[2J��"
