"""`access` and `overstay` in a site.yaml (rules 28, 29)."""
# ruff: noqa: E501 - a table, one problem a line with its whole sentence

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.feeds.access_checks import ACCESS_WINDOWS_MAX, RULES_MAX
from models.schedule import Weekday
from models.site import IdentityClass, OverstayAction
from tests.connectors.feeds.folders import SITE, begin_with, problems_of, read, write

ACCESS_LINE = SITE.count("\n") + 1
RULE_LINE = ACCESS_LINE + 1

COURIER = "{name: couriers, who: agreement, reference: courier/"
EVENING = '{name: evening, days: [mon, tue], from: "17:00", to: "23:00"}'


def site_with(*rules: str) -> str:
    """The sound site.yaml with these access rules, the first one on RULE_LINE."""
    return f"{SITE}access:\n" + "".join(f"  - {rule}\n" for rule in rules)


def notices_of(folder: Path) -> list[str]:
    return [str(notice) for notice in read(folder).notices]


def test_access_rules_are_loaded_as_they_are_written(tmp_path: Path) -> None:
    site = site_with(f"{COURIER}, where: [buses], windows: [{EVENING}]}}", "{who: own_fleet}")
    first, second = read(write(tmp_path, site=site)).site.access
    assert (first.name, first.who, first.reference) == (
        "couriers",
        IdentityClass.AGREEMENT,
        "courier/",
    )
    assert first.where == ("buses",)
    (window,) = first.windows
    assert (window.name, window.start, window.end) == ("evening", "17:00", "23:00")
    assert window.days == (Weekday.MON, Weekday.TUE)
    assert (second.who, second.reference, second.where, second.windows) == (
        IdentityClass.OWN_FLEET,
        None,
        (),
        (),
    )


def test_without_access_rules_there_are_none_and_sessions_finish(tmp_path: Path) -> None:
    site = read(write(tmp_path)).site
    assert (site.access, site.overstay.action) == ((), OverstayAction.FINISH)


@pytest.mark.parametrize("action", list(OverstayAction))
def test_each_choice_for_overstays_is_loaded(tmp_path: Path, action: OverstayAction) -> None:
    """Rule 29: `finish` is the default, and `stop` is not there yet."""
    site = f"{SITE}overstay: {{action: {action}, grace_s: 600}}\n"
    overstay = read(write(tmp_path, site=site)).site.overstay
    assert (overstay.action, overstay.grace_s) == (action, 600)


# fmt: off
PROBLEMS = [
    # a rule                                               every problem, or how it begins
    ("{who: agreement, where: [buses, bus]}",              ["site.yaml:17: there is no group 'bus'; did you mean 'buses'?"]),
    ("{who: agreemnt}",                                    ["site.yaml:17: who: expected 'own_fleet' or 'agreement', got 'agreemnt'; did you mean 'agreement'?"]),
    ("{reference: courier/}",                              ["site.yaml:17: expected 'who' here, and it is missing"]),
    ('{who: agreement, reference: ""}',                    ["site.yaml:17: reference: expected text, got nothing"]),
    ("{who: agreement, reference: 12}",                    ["site.yaml:17: reference: expected text, got 12; put it in quotes"]),
    (f"{{who: agreement, reference: {'x' * 101}}}",        ["site.yaml:17: reference: expected at most 100 printable characters"]),
    (f"{{who: agreement, name: {'x' * 101}}}",             ["site.yaml:17: name: expected at most 100 printable characters"]),
    ("{who: agreement, groups: [buses]}",                  ["site.yaml:17: there is no key 'groups' here"]),
    ("{who: agreement, where: buses}",                     ["site.yaml:17: where: expected a list, got 'buses'"]),
    ('{who: agreement, windows: [{days: [mon], from: "17:00", to: "25:00"}]}',
                                                           ['site.yaml:17: to: expected a local time from "00:00" to "23:59", got \'25:00\'']),
    ('{who: agreement, windows: [{days: [mon], from: "17:00", to: "23:00", mode: managed}]}',
                                                           ["site.yaml:17: there is no key 'mode' here"]),
    ("agreement",                                          ["site.yaml:17: access: expected keys and values, got 'agreement'"]),
]
# fmt: on


@pytest.mark.parametrize(("rule", "expected"), PROBLEMS)
def test_each_problem_of_a_rule_is_named_by_line(
    tmp_path: Path, rule: str, expected: list[str]
) -> None:
    found = problems_of(write(tmp_path, site=site_with(rule)))
    assert begin_with(found, expected), "\n".join(found)


@pytest.mark.parametrize(
    ("overstay", "expected"),
    [
        ("{action: halt}", "site.yaml:16: action: expected 'finish' or 'stop', got 'halt'"),
        ("{grace_s: 0}", "site.yaml:16: grace_s: expected a number greater than 0, got 0"),
        ("{grace_s: 86401}", "site.yaml:16: grace_s: expected at most 86400, got 86401"),
        ("{after: 5}", "site.yaml:16: there is no key 'after' here"),
        ("finish", "site.yaml:16: overstay: expected keys and values, got 'finish'"),
    ],
)
def test_each_problem_of_overstay_is_named_by_line(
    tmp_path: Path, overstay: str, expected: str
) -> None:
    found = problems_of(write(tmp_path, site=f"{SITE}overstay: {overstay}\n"))
    assert begin_with(found, [expected]), "\n".join(found)


def test_a_site_has_a_limit_of_rules_and_of_their_windows(tmp_path: Path) -> None:
    many = ["{who: own_fleet}"] * (RULES_MAX + 1)
    crowded = f"{{who: own_fleet, windows: [{', '.join([EVENING] * (ACCESS_WINDOWS_MAX + 1))}]}}"
    assert problems_of(write(tmp_path, site=site_with(*many, crowded))) == [
        "site.yaml:16: access: expected at most 200 rules, got 202",
        "site.yaml:16: access: expected at most 400 windows in its rules, got 401",
    ]


def test_windows_of_a_class_begin_again_together_within_two_years(tmp_path: Path) -> None:
    """One card may meet all of them, and then they are one schedule."""

    def rule(who: str, every_weeks: int) -> str:
        window = f"days: [mon], from: '17:00', to: '18:00', every_weeks: {every_weeks}"
        return f"{{who: {who}, windows: [{{{window}, valid_from: 2026-01-05}}]}}"

    apart = site_with(rule("agreement", 9), rule("own_fleet", 13), rule("agreement", 6))
    assert read(write(tmp_path, site=apart)).site.access
    together = site_with(rule("agreement", 9), rule("own_fleet", 2), rule("agreement", 13))
    assert problems_of(write(tmp_path, site=together)) == [
        "site.yaml:19: expected windows of agreement rules that begin again together within 104 "
        "weeks, got 117 with this one: the least common multiple of every_weeks"
    ]


def test_a_rule_with_a_reference_closes_its_class_and_who_lost_access_is_said(
    tmp_path: Path,
) -> None:
    """Rule 28: other references need a rule of their own."""
    (notice,) = notices_of(
        write(
            tmp_path,
            site=site_with("{who: agreement, reference: plumbers/}"),
            identities=IDENTITIES_OF_TWO,
        )
    )
    assert notice == (
        "site.yaml:17: access rules close the class to agreement records whose reference no rule "
        "names; they lose access in managed hours: 'courier/77' (rule 28)"
    )


def test_of_many_who_lost_access_some_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    rows = "".join(
        f"ISO14443,04A1B2{number:02X},agreement,tenant/{number},2026-01-01T00:00:00Z,,active\n"
        for number in range(9)
    )
    notices = notices_of(
        write(
            tmp_path,
            site=site_with("{who: agreement, reference: courier/}"),
            identities=IDENTITIES_OF_TWO + rows,
        )
    )
    assert notices[0].endswith(
        "they lose access in managed hours: 'plumbers/1', 'tenant/0', 'tenant/1', 'tenant/2', "
        "'tenant/3' and 5 more (rule 28)"
    )


def test_a_class_whose_references_are_all_named_loses_nobody(tmp_path: Path) -> None:
    (notice,) = notices_of(write(tmp_path, site=site_with("{who: agreement, reference: courier/}")))
    assert notice.endswith("of identities.csv that is nobody (rule 28)")


def test_a_rule_for_the_whole_class_closes_it_to_nobody(tmp_path: Path) -> None:
    assert notices_of(write(tmp_path, site=site_with("{who: agreement, where: [buses]}"))) == []


def test_a_rule_that_nobody_of_the_file_meets_is_a_notice(tmp_path: Path) -> None:
    notices = notices_of(
        write(tmp_path, site=site_with("{who: agreement}", "{who: own_fleet, reference: tram-}"))
    )
    assert notices[0] == (
        "site.yaml:18: access rule 'own_fleet tram-' admits nobody of identities.csv: it has no "
        "own-fleet record whose reference begins with 'tram-'"
    )
    assert notices[1].startswith("site.yaml:18: access rules close the class to own-fleet records")


def test_a_group_without_chargers_is_a_notice(tmp_path: Path) -> None:
    site = site_with("{who: agreement, where: [buses, spare]}").replace(
        "groups:\n", "groups:\n  - {id: spare}\n"
    )
    assert notices_of(write(tmp_path, site=site)) == [
        "site.yaml:18: access rule 'agreement' admits nobody at 'spare': no charger of "
        "chargers.csv is in that group"
    ]


def test_a_window_that_meets_no_managed_hour_is_a_notice(tmp_path: Path) -> None:
    """The chargers of `nights` are managed from Monday 18:00 to Tuesday 06:00 and no other time."""
    chargers = "charger_id,group,ocpp,security_profile,credential,profile,schedule\nCP,,,0,,,\n"
    rule = f"{{who: agreement, windows: [{EVENING}, {{days: [wed], from: '08:00', to: '18:00'}}]}}"
    assert notices_of(write(tmp_path, site=site_with(rule), chargers=chargers)) == [
        "site.yaml:17: access rule 'agreement' admits nobody in window 'wed 08:00–18:00': it meets "
        "no managed hour of its chargers in the next 400 days (rule 28)"
    ]


def test_a_window_that_meets_managed_hours_only_in_months_is_none(tmp_path: Path) -> None:
    """A dated exception in April is the only managed Friday."""
    chargers = "charger_id,group,ocpp,security_profile,credential,profile,schedule\nCP,,,0,,,\n"
    site = site_with("{who: agreement, windows: [{days: [fri], from: '08:00', to: '18:00'}]}")
    site = site.replace(
        "    exceptions:\n", "    exceptions:\n      - {date: 2027-04-02, mode: managed}\n"
    )
    assert notices_of(write(tmp_path, site=site, chargers=chargers)) == []


def test_a_rule_for_chargers_that_are_never_managed_is_a_notice(tmp_path: Path) -> None:
    chargers = "charger_id,group,ocpp,security_profile,credential,profile,schedule\nCP,,,0,,,open\n"
    site = site_with("{who: agreement}").replace(
        "schedules:\n", "schedules:\n  - {id: open, default: freevend}\n"
    )
    assert notices_of(write(tmp_path, site=site, chargers=chargers)) == [
        "site.yaml:18: access rule 'agreement' admits nobody: there is no managed hour of its "
        "chargers in the next 400 days (rule 28)"
    ]


IDENTITIES_OF_TWO = """\
type,identifier,class,reference,valid_from,valid_to,state
eMAID,DE-8AA-C12345678-D,agreement,courier/77,2026-01-01T00:00:00Z,2026-12-31T00:00:00Z,active
ISO14443,04A1B2C3,agreement,plumbers/1,2026-01-01T00:00:00Z,,active
"""
