"""What people are told of a charger's offline behaviour."""

from __future__ import annotations

from models.offline import COVER_S, Met, SettingTold, met
from models.offline_state import ListStanding, OfflineState, SettingFound

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

_WORDS_OF_MISSING = {
    Met.MET: "so off, as its site wants",
    Met.UNMET: "so off, and its site wants it on",
    Met.UNKNOWN: "so nobody knows",
}


def unmet(state: OfflineState | None) -> bool:
    """Whether a charger told that it does not do what its site wants, or cannot tell."""
    if state is None or state.policy is None:
        return False
    not_met = any(met(each.name, each.told, state.policy) is not Met.MET for each in state.settings)
    return not_met or state.local_list in _UNMET


def resend_short(state: OfflineState | None) -> bool:
    """Whether a charger told that it gives up its messages before a day is over."""
    return state is not None and state.covered_s is not None and state.covered_s < COVER_S


def offline_lines(state: OfflineState | None) -> tuple[tuple[str, str], ...]:
    """Names and what is to be said of each, for one charger."""
    if state is None or state.policy is None:
        awaited = f"asked, {state.status or 'its answer is awaited'}" if state else NOT_ASKED
        return (("offline", awaited),)
    settings = "; ".join(_setting_in_words(each, state) for each in state.settings)
    return (
        ("offline", f"{state.policy}" + ("" if state.told_at else " (asked again)")),
        (" settings", settings),
        (" local list", _list_in_words(state)),
        (" resends", _resends_in_words(state.covered_s)),
    )


def _setting_in_words(setting: SettingFound, state: OfflineState) -> str:
    said = f"{setting.name} {setting.told}"
    if setting.told != SettingTold.MISSING:
        return said
    return f"{said}, {_WORDS_OF_MISSING[met(setting.name, setting.told, state.policy)]}"


def _list_in_words(state: OfflineState) -> str:
    said = _LISTS.get(str(state.local_list))
    if said is not None:
        return said
    parts = [f"version {state.list_version}, {state.list_count} entries"]
    if state.missing_count:
        parts.append(f"{state.missing_count} are not in the identities of its gateway")
    if state.left_out_count:
        parts.append(f"{state.left_out_count} left out: no room, no expiry there, or in doubt")
    if state.orders_left_out_count:
        parts.append(f"{state.orders_left_out_count} in one byte order only: no room for the other")
    return "; ".join(parts)


def _resends_in_words(covered_s: int | None) -> str:
    if covered_s is None:
        return "not told"
    enough = "" if covered_s >= COVER_S else ", less than a day: later messages may be lost"
    return f"for {covered_s / 3600:.1f} h{enough}"
