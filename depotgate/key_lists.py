"""What people and programs are told of key epochs."""

from __future__ import annotations

import typer
from rich.table import Table
from rich.text import Text

from depotgate.printing import print_json, table_console
from depotgate.rotating import Rotation, Standing
from models.epochs import announced, hindrances
from models.identifiers import KeyEpoch


def rows_of(standing: Standing) -> list[dict[str, object]]:
    """One row an epoch, newest first, as `--json` has them; counts are null where Kafka was not
    asked."""
    return [_row(epoch, standing) for epoch in standing.epochs]


def _row(epoch: KeyEpoch, standing: Standing) -> dict[str, object]:
    uses, asked = standing.uses_of(epoch.kid), standing.uses is not None
    oldest = standing.oldest_decision_at
    may_refer = oldest and max(oldest, epoch.made_at or oldest)
    if epoch.retired_at is not None and may_refer is not None and may_refer > epoch.retired_at:
        may_refer = None
    older = epoch is not standing.in_force
    needed = hindrances(standing.epochs, epoch.kid, uses, oldest) if older and asked else ()
    return {
        "kid": epoch.kid,
        "state": state_of(epoch, standing),
        "made_at": epoch.made_at,
        "retired_at": epoch.retired_at,
        "identities": uses.identities_count if asked else None,
        "sources": dict(sorted(uses.identities.items())) if asked else None,
        "chargers": uses.chargers_count if asked else None,
        "oldest_decision_at": may_refer,
        "needed": list(needed) if asked else None,
    }


def state_of(epoch: KeyEpoch, standing: Standing) -> str:
    """In one word: written under, looked up before it is, looked up still, or neither."""
    if epoch.retired_at is not None:
        return "retired"
    if epoch is standing.in_force:
        return "in force"
    return "announced" if epoch == announced(standing.epochs) else "looked up"


def print_list(standing: Standing, *, as_json: bool) -> None:
    """Every epoch of the key file."""
    if as_json:
        print_json(rows_of(standing))
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("epoch", "state", "made", "identities", "chargers", "decisions since", "needed"):
        right = name in {"identities", "chargers"}
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows_of(standing):
        counts = [f"{row[name]:,}" if row[name] is not None else "?" for name in _COUNTED]
        needed = row["needed"]
        table.add_row(
            str(row["kid"]),
            str(row["state"]),
            _date(row["made_at"]),
            *counts,
            _date(row["oldest_decision_at"]),
            Text("\n".join(needed) if isinstance(needed, list) else "?"),
        )
    table_console().print(table)


_COUNTED = ("identities", "chargers")


def _date(at: object) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z" if at is not None else "–"


def print_rotation(rotation: Rotation, *, as_json: bool) -> None:
    """How far a rotation is, and what is next."""
    standing = rotation.standing
    if as_json:
        print_json(
            {
                "kid": standing.in_force.kid,
                "began": rotation.began,
                "complete": complete(standing),
                "epochs": rows_of(standing),
            }
        )
        return
    for line in steps(rotation):
        typer.echo(line)


def complete(standing: Standing) -> bool:
    """Whether everything that stands does so under the epoch in force."""
    return not standing.behind()


def steps(rotation: Rotation) -> list[str]:
    """A line for each step of the rotation to the epoch in force."""
    standing = rotation.standing
    kid = standing.in_force.kid
    lines = [
        f"{kid} was made{'' if rotation.began else ' before'}, gateways look it up, and loads and "
        "feeds write under it; keep a copy of the key file"
    ]
    for old, uses in sorted(standing.behind().items()):
        lines += [
            f"to do: {count:,} identities of {source} stand under {old}: load that source in full"
            for source, count in sorted(uses.identities.items())
        ]
        if uses.chargers_count:
            lines.append(
                f"to do: {uses.chargers_count:,} chargers' passwords are verified under {old}: "
                "load their folders"
            )
    if complete(standing):
        lines.append(f"nothing stands under another epoch than {kid}")
        lines += [
            f"{epoch.kid} stays in use until `depotgate keys retire {epoch.kid}`; "
            "`depotgate keys list` says what needs it"
            for epoch in standing.older_in_use()
        ]
    else:
        lines.append("both match meanwhile; run this again to see what is left")
    return lines


def print_retired(standing: Standing, kid: str, *, as_json: bool) -> None:
    """That an epoch is retired, and whom that shuts out."""
    if as_json:
        print_json(rows_of(standing))
        return
    typer.echo(f"{kid} is retired: looked up for explanations and replays only")
    uses = standing.uses_of(kid)
    if uses.identities_count:
        typer.echo(
            f"{uses.identities_count:,} identities under it are unknown to every charger now; "
            "load their sources",
            err=True,
        )
