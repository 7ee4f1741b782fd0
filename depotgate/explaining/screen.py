"""An explanation on one screen: the answer first, what to do last."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from depotgate.printing import printable
from models.explanation import UNDECIDED, Explanation, Held, MatchSeen, Stretch, ToldSeen
from models.reasons import Answer

LABEL_COLUMNS = 8
"""The longest label."""

_COLOURS: dict[str, str] = {Answer.ALLOW: "bold green", Answer.DENY: "bold red"}
_MODES = {"freevend": "green", "managed": "yellow"}
_UNKNOWN = "…"
"""An edge that the decision does not know."""
_NOT_RECORDED = "not recorded"
"""Where nothing was decided, that no record is shown does not say that none matches."""


def show(explanation: Explanation, console: Console) -> None:
    """Print an explanation, wrapped to the console's width."""
    console.print(_headline(explanation))
    console.print(_text(explanation.sentence))
    console.print()
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", width=LABEL_COLUMNS, no_wrap=True)
    grid.add_column(overflow="fold")
    for label, content in _sections(explanation):
        grid.add_row(label, content)
    console.print(grid)


def _headline(explanation: Explanation) -> Text:
    colour = _COLOURS.get(explanation.answer, "bold magenta")
    when = f"{explanation.happened.local} {explanation.zone}"
    return Text.assemble(
        (explanation.headline, colour),
        "  ",
        (printable(explanation.charger_id), "bold"),
        f"  {when}",
    )


def _sections(explanation: Explanation) -> Iterator[tuple[str, RenderableType]]:
    yield "attempt", _attempt(explanation)
    if explanation.told is not None:
        label = "told" if explanation.recorded else "tells"
        yield label, _told(explanation.told, explanation.stage)
    undecided = explanation.answer == UNDECIDED
    yield "timeline", _timeline(explanation.timeline, undecided=undecided)
    yield "matched", _matches(explanation.matches, undecided=undecided)
    yield "data", _text("; ".join(f"{each.what} {each.said}" for each in explanation.data) or "–")
    if explanation.reasons:
        yield "because", _held(explanation.reasons)
    if explanation.flags:
        yield "flags", _held(explanation.flags)
    yield "changes", _different(explanation)
    if explanation.notes:
        yield "note", _lines(explanation.notes)
    yield "do next", _lines(explanation.advice or ("Nothing is to be done.",))
    if explanation.recorded:
        yield "id", _text(explanation.decision_id)


def _attempt(explanation: Explanation) -> Text:
    connector = f", connector {explanation.connector}" if explanation.connector is not None else ""
    return _text(
        f"{explanation.token} at {explanation.charger_id}{connector} of {explanation.site_id}, "
        f"{explanation.kind} in OCPP {explanation.ocpp}, stage {explanation.stage or 'unknown'}"
    )


def _told(told: ToldSeen, stage: str) -> Text:
    said = [told.status or "nothing"]
    if told.text:
        said.append(f"“{told.text}”")
    parts = [" ".join(said), told.because]
    if told.took_ms is not None:
        parts.append(f"after {told.took_ms:,} ms")
    if told.tries_count is not None and told.tries_count > 1:
        parts.append(f"asked {told.tries_count} times")
    if told.late:
        parts.append("the decision came late")
    return _text(", ".join(parts))


def _timeline(stretches: tuple[Stretch, ...], *, undecided: bool) -> RenderableType:
    if not stretches:
        return _text(_NOT_RECORDED if undecided else "no schedule is known")
    table = Table.grid(padding=(0, 1))
    for _ in range(6):
        table.add_column()
    for stretch in stretches:
        table.add_row(
            Text("▶" if stretch.now else " "),
            _text(stretch.starts.clock if stretch.starts else _UNKNOWN),
            Text("–"),
            _text(stretch.ends.clock if stretch.ends else _UNKNOWN),
            Text(stretch.mode, style=_MODES.get(stretch.mode, "")),
            _text(stretch.because),
        )
    return table


def _matches(matches: tuple[MatchSeen, ...], *, undecided: bool) -> RenderableType:
    if not matches:
        return _text(_NOT_RECORDED if undecided else "no record")
    return Group(*(_match(match) for match in matches))


def _match(match: MatchSeen) -> Text:
    ends = f"to {match.valid_to.local}" if match.valid_to else "without end"
    since = f" since {match.state_since.local}" if match.state_since else ""
    return _text(
        f"“{match.reference}” ({match.identity_class}, {match.identifier_type}, source "
        f"{match.source}): {match.standing}, {match.state}{since}; from "
        f"{match.valid_from.local} {ends}"
    )


def _held(held: tuple[Held, ...]) -> Text:
    lines = [Text.assemble((printable(each.code), "bold"), f"  {each.meaning}") for each in held]
    return Text("\n").join(lines)


def _different(explanation: Explanation) -> Text:
    different = explanation.different
    if different is None:
        late = explanation.told is not None and explanation.told.late
        if late or explanation.answer == UNDECIDED:
            return _text("with any attempt that is decided in time" if late else _NOT_RECORDED)
        return _text("at no time that the decision knows of")
    return _text(f"{different.at.clock}: it would be {different.then}, {different.cause}")


def _lines(lines: tuple[str, ...]) -> Text:
    return _text("\n".join(lines))


def _text(text: str) -> Text:
    return Text("\n".join(map(printable, text.split("\n"))))
