"""What people are told of a charger's offline behaviour."""

from __future__ import annotations

from models.offline import COVER_S, SettingTold
from models.offline_state import ListStanding, OfflineState

NOT_ASKED = "not set yet"

_LISTS: dict[str, str] = {
    ListStanding.NONE: "none, as its site wants",
    ListStanding.UNAVAILABLE: (
        "unavailable: its gateway runs without --identities, so nobody starts offline"
    ),
    ListStanding.NOT_SUPPORTED: "the charger has no local list, so nobody starts offline",
    ListStanding.REFUSED: "the charger did not take it, so nobody starts offline",
}

_UNMET = frozenset(
    {
        ListStanding.UNAVAILABLE,
        ListStanding.NOT_SUPPORTED,
        ListStanding.REFUSED,
        ListStanding.INCOMPLETE,
    }
)

_NOT_SO = frozenset({SettingTold.REFUSED, SettingTold.UNREAD})


def unmet(state: OfflineState | None) -> bool:
    """Whether a charger told that it does not do what its site wants."""
    if state is None or state.policy is None:
        return False
    return state.local_list in _UNMET or any(each.told in _NOT_SO for each in state.settings)


def resend_short(state: OfflineState | None) -> bool:
    """Whether a charger told that it gives up its messages before a day is over."""
    return state is not None and state.covered_s is not None and state.covered_s < COVER_S


def offline_lines(state: OfflineState | None) -> tuple[tuple[str, str], ...]:
    """Names and what is to be said of each, for one charger."""
    if state is None or state.policy is None:
        awaited = f"asked, {state.status or 'its answer is awaited'}" if state else NOT_ASKED
        return (("offline", awaited),)
    settings = "; ".join(f"{each.name} {each.told}" for each in state.settings)
    return (
        ("offline", f"{state.policy}" + ("" if state.told_at else " (asked again)")),
        (" settings", settings),
        (" local list", _list_in_words(state)),
        (" resends", _resends_in_words(state.covered_s)),
    )


def _list_in_words(state: OfflineState) -> str:
    said = _LISTS.get(str(state.local_list))
    if said is not None:
        return said
    parts = [f"version {state.list_version}, {state.list_count} entries"]
    if state.missing_count:
        parts.append(f"{state.missing_count} are not in the identities of its gateway")
    if state.left_out_count:
        parts.append(f"{state.left_out_count} left out: no room, or no expiry there")
    return "; ".join(parts)


def _resends_in_words(covered_s: int | None) -> str:
    if covered_s is None:
        return "not told"
    enough = "" if covered_s >= COVER_S else ", less than a day: later messages may be lost"
    return f"for {covered_s / 3600:.1f} h{enough}"
