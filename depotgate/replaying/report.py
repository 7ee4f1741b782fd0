"""What a replay found, for a person, a spreadsheet or a program."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from depotgate import printing
from depotgate.replaying.period import Period
from depotgate.replaying.tally import Differing, Tally, Total
from models.decision import RULES_VERSION
from models.reasons import Answer

ROWS_SHOWN = 30
"""Of each table on a terminal; `--json` and `--csv` have all."""

COUNTS = frozenset({"attempts", "newly refused", "newly let in", "for another reason"})
"""Columns of numbers."""

CSV_COLUMNS = ("charger_id", "from_answer", "from_reason", "to_answer", "to_reason", "attempts")


class Replayed(NamedTuple):
    """A replay that has ended.

    Attributes:
        draft: the folder, its site and stage; None where attempts were decided from their records.
        epochs_known: whether a key file said which epochs there still are.
    """

    period: Period
    total: Total
    took_s: float
    draft: DraftNamed | None
    epochs_known: bool


class DraftNamed(NamedTuple):
    """Which draft it was."""

    folder: str
    site_id: str
    stage: str


def print_json(done: Replayed) -> None:
    """One object; the same content as the tables."""
    tally = done.total.tally
    content: dict[str, object] = {
        "since": done.period.since,
        "until": done.period.until,
        "took_s": round(done.took_s, 2),
        "rules_version": RULES_VERSION,
        "decisions": tally.decisions_count,
        "attempts": tally.attempts_count,
        "unreadable": dict(tally.unreadable),
        "retired_epochs": _some(tally.retired) if done.epochs_known else None,
    }
    if done.draft is None:
        content |= {
            "differing": tally.differing_count,
            "differences": [_differing(each) for each in tally.differing],
            "other_rules_versions": {
                version: {"decisions": count, "differing": tally.other_rules_differing[version]}
                for version, count in tally.other_rules.items()
            },
        }
    else:
        content |= {
            "draft": done.draft._asdict(),
            "changed": done.total.changed_count,
            "by_reason": [_how(how, count) for how, count in _most(done.total.reasons)],
            "by_charger": [
                {"charger_id": charger, **_how(how, count)}
                for (charger, *how), count in sorted(done.total.chargers.items())
            ],
            "absent_chargers": _some(tally.absent),
            "overridden": tally.overridden_count,
            "examples": [each._asdict() for each in tally.changed],
        }
    printing.print_json(content)


def _differing(each: Differing) -> dict[str, object]:
    fields = [difference._asdict() for difference in each.differences]
    return {**each._asdict(), "differences": fields}


def _how(how: tuple[str, ...] | list[str], count: int) -> dict[str, object]:
    return dict(zip(CSV_COLUMNS[1:], (*how, count), strict=True))


def print_csv(done: Replayed) -> None:
    """A row for each charger and change."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for key, count in sorted(done.total.chargers.items()):
        writer.writerow((*map(_inert, key), count))


def _inert(text: str) -> str:
    """A charger's id is free text, and a spreadsheet would run one that begins like a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def print_tables(done: Replayed, console: Console) -> None:
    """For a person."""
    if done.draft is None:
        _print_own_record(done, console)
    else:
        _print_draft(done, done.draft, console)
    for line in _beside(done):
        console.print(line, style="yellow", markup=False, soft_wrap=True)


def _print_own_record(done: Replayed, console: Console) -> None:
    tally = done.total.tally
    console.print(
        f"{tally.decisions_count:,} decisions ({tally.attempts_count:,} attempts) {done.period}, "
        f"decided again in {done.took_s:.1f} s",
        soft_wrap=True,
    )
    if not tally.differing_count:
        _say_the_same(tally, console)
        return
    console.print(f"{tally.differing_count:,} come out another way", style="bold red")
    table = _table("decision", "charger", "field", "stored", "now")
    for each in tally.differing[:ROWS_SHOWN]:
        named = (each.decision_id, each.charger_id)
        for field, stored, now in each.differences:
            table.add_row(*map(_text, (*named, field, stored, now)))
            named = ("", "")
    console.print(table)
    _say_hidden(tally.differing_count, console)


def _say_the_same(tally: Tally, console: Console) -> None:
    """No more than was compared: decisions of other rules versions prove nothing."""
    others_count = tally.other_rules.total()
    compared_count = tally.decisions_count - others_count
    if compared_count:
        of_these = f" in the {compared_count:,} of rules version {RULES_VERSION}"
        console.print(f"no difference{of_these if others_count else ''}", style="green")


def _print_draft(done: Replayed, draft: DraftNamed, console: Console) -> None:
    total = done.total
    console.print(
        f"{draft.site_id}: {total.changed_count:,} of {total.tally.attempts_count:,} attempts "
        f"{done.period} would have been answered another way by {draft.folder}; "
        f"{total.tally.decisions_count:,} decisions in {done.took_s:.1f} s",
        soft_wrap=True,
        markup=False,
    )
    if draft.stage != "enforce":
        console.print(f"the draft's stage is {draft.stage}: every driver would have been let in")
    if not total.changed_count:
        return
    reasons = _table("was", "would be", "attempts")
    for how, count in _most(total.reasons):
        reasons.add_row(*_from_to(how), f"{count:,}")
    console.print(reasons)
    console.print()
    console.print(_chargers(total))
    _say_hidden(len({key[0] for key in total.chargers}), console)
    console.print()
    first = total.tally.changed[0]
    console.print(f"the first of them: depotgate explain {first.decision_id}", markup=False)


def _chargers(total: Total) -> Table:
    """A row a charger, those whose drivers would notice most first."""
    refused, allowed, otherwise = Counter[str](), Counter[str](), Counter[str]()
    for (charger, before, _reason, after, _then), count in total.chargers.items():
        changes = {Answer.DENY: refused, Answer.ALLOW: allowed}
        same = before == after or after not in changes
        (otherwise if same else changes[Answer(after)])[charger] += count
    noticed = refused + allowed
    table = _table("charger", "newly refused", "newly let in", "for another reason")
    for charger in sorted(
        refused.keys() | allowed.keys() | otherwise.keys(),
        key=lambda name: (-noticed[name], -otherwise[name], name),
    )[:ROWS_SHOWN]:
        counts = (refused[charger], allowed[charger], otherwise[charger])
        table.add_row(_text(charger), *(f"{count:,}" if count else "" for count in counts))
    return table


def _say_hidden(count: int, console: Console) -> None:
    if count > ROWS_SHOWN:
        console.print(f"and {count - ROWS_SHOWN:,} more; --json has them")


def _from_to(how: tuple[str, ...]) -> tuple[Text, Text]:
    before_answer, before, after_answer, after = how
    return _answered(before_answer, before), _answered(after_answer, after)


_COLOURS: Mapping[str, str] = {Answer.ALLOW: "green", Answer.DENY: "red"}


def _answered(answer: str, reason: str) -> Text:
    return Text(f"{answer} {reason}", style=_COLOURS.get(answer, "magenta"))


def _beside(done: Replayed) -> Iterator[str]:
    """What was left out or counted apart, each in a line."""
    tally = done.total.tally
    for cause, count in tally.unreadable.most_common(5):
        yield f"{count:,} records could not be read: {cause}"
    for version, count in sorted(tally.other_rules.items()):
        differing = tally.other_rules_differing[version]
        yield (
            f"{count:,} decisions of rules version {version} (this is {RULES_VERSION}): "
            f"{differing:,} come out another way, which is no finding"
        )
    for kid, count in sorted(_some(tally.retired).items()):
        yield (
            f"{count:,} attempts under key epoch {kid}, which the key file does not have: no card "
            "can be matched with them"
        )
    if not done.epochs_known:
        yield "no pseudonym key file is named: key epochs were not looked at"
    absent = _some(tally.absent)
    if absent:
        named = ", ".join(f"{charger} ({count:,})" for charger, count in _first(absent))
        more = len(absent) - ROWS_SHOWN
        yield (
            f"{sum(absent.values()):,} attempts at chargers that the draft does not have: {named}"
            + (f" and {more} more" if more > 0 else "")
        )
    if tally.overridden_count:
        yield (
            f"{tally.overridden_count:,} decisions were made under an override or a lock, which "
            "would have governed the draft as well"
        )


def _first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])[:ROWS_SHOWN]


def _some(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def _most(
    counts: Counter[tuple[str, str, str, str]],
) -> list[tuple[tuple[str, str, str, str], int]]:
    """Changed answers before changed reasons, and the most frequent first."""
    return sorted(counts.items(), key=lambda item: (item[0][0] == item[0][2], -item[1], item[0]))


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    for column in columns:
        counts = column in COUNTS
        # An id is there to be copied: it is never broken.
        table.add_column(
            column,
            justify="right" if counts else "left",
            overflow="fold",
            no_wrap=column == "decision",
        )
    return table


def _text(text: str) -> Text:
    return Text("".join(letter if letter.isprintable() else "�" for letter in text))
