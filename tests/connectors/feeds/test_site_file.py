"""site.yaml: what is read, and each problem with the line of its key or item."""
# ruff: noqa: E501 - a table, one problem a line with its whole sentence

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.feeds.places import PROBLEMS_KEPT
from connectors.feeds.site_checks import EXCEPTIONS_MAX, WINDOWS_MAX
from models.schedule import Mode
from models.site import ExpiredFeed, FeedPolicy, Posture, Stage
from tests.connectors.feeds.folders import SITE, begin_with, problems_of, read, spoilt, write

LAST = "schedule: nights\n"
NIGHT = '      - {name: night, days: [mon], from: "18:00", to: "06:00", mode: managed}\n'
PARTY = '      - {name: party, date: 2026-12-18, from: "16:00", to: "23:00", mode: freevend}\n'


def test_what_is_left_out_has_the_safe_default(tmp_path: Path) -> None:
    """Rule 27: a new site starts in shadow; without a decision it stays closed."""
    site = read(write(tmp_path, site=spoilt(SITE, "stage: enforce\n", ""))).site
    assert (site.stage, site.fail, site.name) == (Stage.SHADOW, Posture.CLOSED, "depot")


@pytest.mark.parametrize("stage", ["off", "shadow", "enforce"])
def test_stages_are_words(tmp_path: Path, stage: str) -> None:
    """In YAML 1.1 `off` would be a boolean."""
    site = spoilt(SITE, "stage: enforce", f"stage: {stage}")
    assert read(write(tmp_path, site=site)).site.stage == stage


def test_times_need_no_quotes(tmp_path: Path) -> None:
    """In YAML 1.1 18:00 would be the number 1080."""
    site = SITE.replace('"18:00"', "18:00").replace('"06:00"', "06:00")
    (window,) = read(write(tmp_path, site=site)).site.schedules[0].windows
    assert (window.start, window.end, window.mode) == ("18:00", "06:00", Mode.MANAGED)


def test_dates_may_be_quoted(tmp_path: Path) -> None:
    site = spoilt(SITE, "date: 2026-12-18", 'date: "2026-12-18"')
    assert read(write(tmp_path, site=site)).site == read(write(tmp_path)).site


# fmt: off
PROBLEMS = [
    # written                     instead of               every problem, or how it begins
    # The text
    ("",                          SITE,                    ["site.yaml:1: expected keys and values"]),
    ("# nothing\n",               SITE,                    ["site.yaml:1: expected keys and values"]),
    ("- a\n",                     SITE,                    ["site.yaml:1: expected keys and values"]),
    ("site",                      SITE,                    ["site.yaml:1: expected keys and values"]),
    ("site: [",                   "site: depot",           ["site.yaml:3: expected YAML: did not find expected ',' or ']' (while parsing a flow sequence, begun on line 1)"]),
    ("site: a: b",                "site: depot",           ["site.yaml:1: expected YAML: "]),
    ("\tsite: depot",             "site: depot",           ["site.yaml:1: expected YAML: "]),
    ("site: \x07depot",           "site: depot",           ["site.yaml:1: expected printable text, got U+0007"]),
    ("site: \x00depot",           "site: depot",           ["site.yaml:1: expected printable text, got U+0000"]),
    ("site:\u00a0depot",          "site: depot",           ["site.yaml:1: expected printable text, got U+00A0 (no-break space)"]),
    ('site: "\\ud800"',           "site: depot",           ["site.yaml:1: expected YAML: found invalid Unicode"]),
    ("? [a]\n: b\nsite: depot",   "site: depot",           ["site.yaml:1: expected a word as key"]),
    ("---\nsite: depot\n---",     "site: depot",           ["site.yaml:3: expected one document"]),
    ("site: !!str depot",         "site: depot",           ["site.yaml:1: tags (!name)"]),
    ("site: &a depot",            "site: depot",           ["site.yaml:1: anchors (&name) and aliases (*name)"]),
    ("site: *a",                  "site: depot",           ["site.yaml:1: anchors (&name) and aliases (*name)"]),
    ("x: " + "[" * 500_000,       SITE,                    ["site.yaml:1: expected at most 16 levels of nesting"]),
    ("- " * 500_000,              SITE,                    ["site.yaml:1: expected at most 16 levels of nesting"]),
    ("x" * 1_100_000,             SITE,                    ["site.yaml: expected at most 1 MB, got 1.1 MB"]),
    # Keys
    ("site: depot\nsite: two",    "site: depot",           ["site.yaml:2: 'site' is here a second time, first on line 1; keep one"]),
    ("stag: enforce",             "stage: enforce",        ["site.yaml:3: there is no key 'stag' here; did you mean 'stage'?"]),
    ("acces: []\nstage: enforce", "stage: enforce",        ["site.yaml:3: there is no key 'acces' here; did you mean 'access'?"]),
    ("<<: {}\nstage: enforce",    "stage: enforce",        ["site.yaml:3: there is no key '<<' here"]),
    ("",                          "timezone: Europe/Berlin\n", ["site.yaml:1: expected 'timezone' here, and it is missing"]),
    ("defalt: freevend",          "default: freevend",     ["site.yaml:6: expected 'default' here, and it is missing",
                                                            "site.yaml:7: there is no key 'defalt' here; did you mean 'default'?"]),
    ('start: "18:00"',            'from: "18:00"',         ["site.yaml:9: expected 'from' here, and it is missing",
                                                            "site.yaml:9: there is no key 'start' here"]),
    ("dat: 2026-12-18",           "date: 2026-12-18",      ["site.yaml:11: expected 'date' here, and it is missing",
                                                            "site.yaml:11: there is no key 'dat' here; did you mean 'date'?"]),
    # Values
    ("site: 12",                  "site: depot",           ["site.yaml:1: site: expected text, got 12; put it in quotes"]),
    ("site: [a]",                 "site: depot",           ["site.yaml:1: site: expected text, got a list"]),
    ("site:",                     "site: depot",           ["site.yaml:1: site: expected text, got nothing"]),
    ("site: a b",                 "site: depot",           ["site.yaml:1: site: expected 1 to 64 letters, digits and . _ -, got 'a b'"]),
    ("site: a|b",                 "site: depot",           ["site.yaml:1: site: expected 1 to 64 letters"]),
    ("timezone: Europe/Belin",    "timezone: Europe/Berlin", ["site.yaml:2: timezone: expected an IANA time zone, got 'Europe/Belin'; did you mean Europe/Berlin"]),
    ("timezone: Sydney",          "timezone: Europe/Berlin", ["site.yaml:2: timezone: expected an IANA time zone, got 'Sydney'; did you mean Australia/Sydney?"]),
    ("timezone: europe/berlin",   "timezone: Europe/Berlin", ["site.yaml:2: timezone: expected an IANA time zone, got 'europe/berlin'; did you mean Europe/Berlin?"]),
    ("timezone: W. Europe Standard Time", "timezone: Europe/Berlin",
                                                           ["site.yaml:2: timezone: expected an IANA time zone, got 'W. Europe Standard Time'; "
                                                            "the IANA name of that Windows zone is Europe/Berlin"]),
    ("timezone: ../Berlin",       "timezone: Europe/Berlin", ["site.yaml:2: timezone: expected an IANA time zone"]),
    ("stage: enforced",           "stage: enforce",        ["site.yaml:3: stage: expected 'off', 'shadow' or 'enforce', got 'enforced'; did you mean 'enforce'?"]),
    ("stage: true",               "stage: enforce",        ["site.yaml:3: stage: expected 'off', 'shadow' or 'enforce', got true"]),
    ("stage: {}",                 "stage: enforce",        ["site.yaml:3: stage: expected 'off', 'shadow' or 'enforce', got keys and values"]),
    ("fail: shut\nstage: enforce", "stage: enforce",       ["site.yaml:3: fail: expected 'closed' or 'open', got 'shut'"]),
    ("freevend_tag: FREE",        "freevend_tag: DEPOTGATEFREE", ["site.yaml:4: freevend_tag: expected 5 to 20 printable ASCII characters"]),
    ("freevend_tag: " + "F" * 21, "freevend_tag: DEPOTGATEFREE", ["site.yaml:4: freevend_tag: expected 5 to 20 printable ASCII characters"]),
    ("freevend_tag: FRÉÉTAG",     "freevend_tag: DEPOTGATEFREE", ["site.yaml:4: freevend_tag: expected 5 to 20 printable ASCII characters"]),
    ("freevend_tag: 12345678",    "freevend_tag: DEPOTGATEFREE", ["site.yaml:4: freevend_tag: expected text, got something else; put it in quotes"]),
    ("days: [mon, sund]",         "days: [mon]",           ["site.yaml:9: days: expected 'mon', "]),
    ("days: mon",                 "days: [mon]",           ["site.yaml:9: days: expected a list, got 'mon'"]),
    ("days: []",                  "days: [mon]",           ["site.yaml:9: days: expected a list of at least one, got an empty one"]),
    ('from: "24:00"',             'from: "18:00"',         ['site.yaml:9: from: expected midnight as "00:00", got \'24:00\'']),
    ("from: 1080",                'from: "18:00"',         ["site.yaml:9: from: expected text, got 1080; put it in quotes"]),
    ("mode: closed",              "mode: managed",         ["site.yaml:9: mode: expected 'freevend' or 'managed', got 'closed'"]),
    ("mode: Reserved",            "mode: managed",         ["site.yaml:9: mode: expected 'freevend' or 'managed', got 'Reserved'; did you mean 'managed'?"]),
    ("mode: open",                "mode: managed",         ["site.yaml:9: mode: expected 'freevend' or 'managed', got 'open'; did you mean 'freevend'?"]),
    ("date: 2026-13-18",          "date: 2026-12-18",      ["site.yaml:11: date: expected a date that the calendar has, got '2026-13-18'"]),
    ("date: 2027-02-29",          "date: 2026-12-18",      ["site.yaml:11: date: expected a date that the calendar has, got '2027-02-29'"]),
    ("date: 18.12.2026",          "date: 2026-12-18",      ["site.yaml:11: date: expected a date such as 2026-12-18, got '18.12.2026'"]),
    ("date: 20261218",            "date: 2026-12-18",      ["site.yaml:11: date: expected a date such as 2026-12-18, got 20261218"]),
    ("date: 2026-12-18 10:00:00", "date: 2026-12-18",      ["site.yaml:11: date: expected a date such as 2026-12-18"]),
    ("date: 9999-12-31",          "date: 2026-12-18",      ["site.yaml:11: date: expected a year from 1970 to 2199, got 9999-12-31"]),
    ('to: "15:00"',               'to: "23:00"',           ["site.yaml:11: an exception ends on its own date: expected `to` after 16:00"]),
    ("groups: {}",                "groups:\n  - {id: buses, schedule: always}", ["site.yaml:13: groups: expected a list, got keys and values"]),
    ("  - buses",                 "  - {id: buses, schedule: always}", ["site.yaml:14: groups: expected keys and values, got 'buses'"]),
    ('id: ""',                    "id: buses",             ["site.yaml:14: id: expected 1 to 64 printable characters",
                                                            "chargers.csv:2: group: expected one of site.yaml, got another"]),
    ("name: " + "x" * 101,        "name: night",           ["site.yaml:9: name: expected at most 100 printable characters"]),
    ('name: "a\\nb"',             "name: night",           ["site.yaml:9: name: expected at most 100 printable characters"]),
    ("every_weeks: 2, from: \"18:00\"", 'from: "18:00"',  ["site.yaml:9: expected valid_from with every_weeks: 2"]),
    ("every_weeks: 0, from: \"18:00\"", 'from: "18:00"',  ["site.yaml:9: every_weeks: expected at least 1, got 0"]),
    ("languages: [en, de, fr, it, es, nl]\nstage: enforce", "stage: enforce",
                                                           ["site.yaml:3: languages: expected a list of at most 5, got 6"]),
    (f"except_dates: [{', '.join(['2026-12-18'] * 1001)}], mode: managed", "mode: managed",
                                                           ["site.yaml:9: except_dates: expected at most 1,000 of a window, got 1,001"]),
    ("valid_from: 2027-01-01\n    valid_to: 2026-01-01\n    windows", "windows",
                                                           ["site.yaml:6: expected valid_to on or after 2027-01-01"]),
    (f"feed: {{fresh_for_s: 0}}\n{LAST}",  LAST,           ["site.yaml:15: fresh_for_s: expected a number greater than 0, got 0"]),
    (f"feed: {{expired: no}}\n{LAST}",     LAST,           ["site.yaml:15: expired: expected 'own_fleet', 'closed' or 'open', got 'no'"]),
    (f"feed: {{fresh: 1}}\n{LAST}",        LAST,           ["site.yaml:15: there is no key 'fresh' here; did you mean 'fresh_for_s'?"]),
    (f"identify_within_s: 1.5\n{LAST}",    LAST,           ["site.yaml:15: identify_within_s: expected a whole number, got 1.5"]),
    (f"identify_within_s: true\n{LAST}",   LAST,           ["site.yaml:15: identify_within_s: expected a whole number, got true"]),
    (f'no_identification_after_s: "9"\n{LAST}', LAST,      ["site.yaml:15: no_identification_after_s: expected a whole number, got '9'"]),
    (f"no_identification_after_s: {'9' * 18}\n{LAST}", LAST, ["site.yaml:15: no_identification_after_s: expected at most 31622400"]),
    # References
    ("id: nights, default",       "id: always, default",   ["site.yaml:12: 'nights' is an id of schedules already; expected each once",
                                                            "site.yaml:14: there is no schedule 'always'",
                                                            "chargers.csv:3: schedule: expected one of site.yaml, got another"]),
    ("\n  - {id: buses}\n  - {id: buses, ", "\n  - {id: buses, ", ["site.yaml:15: 'buses' is an id of groups already; expected each once"]),
    ("schedule: alway}",          "schedule: always}",     ["site.yaml:14: there is no schedule 'alway'; did you mean 'always'?"]),
    ("schedule: night\n",         LAST,                    ["site.yaml:15: there is no schedule 'night'; did you mean 'nights'?"]),
    ("schedules: []\ngroups",     SITE[SITE.index("schedules"):SITE.index("\ngroups") + 7],
                                                           ["site.yaml:5: schedules: expected a list of at least one, got an empty one",
                                                            "chargers.csv:3: schedule: expected one of site.yaml, got another"]),
    # The only schedule is wrong, the list of them is not empty.
    ("schedules: [{id: nights, default: fee}]\ngroups: []", SITE[SITE.index("schedules"):SITE.index("\nschedule: n")],
                                                           ["site.yaml:5: default: expected 'freevend' or 'managed', got 'fee'",
                                                            "chargers.csv:2: group:", "chargers.csv:3: schedule: expected one of"]),
    # Rule 6: both are named, at the line of the later one.
    (f"{NIGHT}      - {{name: late, days: [tue], from: 05:00, to: 07:00, mode: freevend}}\n", NIGHT,
        ["site.yaml:10: schedule 'nights': window 'late' (freevend) overlaps 'night' (managed); opposite modes may touch, "
         "not overlap (rule 6); the other one is on line 9"]),
    (f"{PARTY}      - {{name: audit, date: 2026-12-18, mode: managed}}\n", PARTY,
        ["site.yaml:12: schedule 'nights': exception 'audit' (managed) overlaps 'party' (freevend); opposite modes may touch, "
         "not overlap (rule 6); the other one is on line 11"]),
    (f"edge: halt\n{LAST}",       LAST, ["site.yaml:15: edge: expected 'finish', 'stop' or 'identify', got 'halt'"]),
    (f"edge: []\n{LAST}",         LAST, ["site.yaml:15: edge: expected 'finish', 'stop' or 'identify', got a list"]),
]
# fmt: on


@pytest.mark.parametrize(("written", "instead_of", "expected"), PROBLEMS)
def test_each_problem_is_named_by_line_and_no_other_is(
    tmp_path: Path, written: str, instead_of: str, expected: list[str]
) -> None:
    found = problems_of(write(tmp_path, site=spoilt(SITE, instead_of, written)))
    assert begin_with(found, expected), "\n".join(found)


def test_a_freevend_tag_is_never_shown(tmp_path: Path) -> None:
    site = spoilt(SITE, "DEPOTGATEFREE", "DEPOTGATEFREE-DEPOTGATEFREE")
    assert "DEPOTGATE" not in "".join(problems_of(write(tmp_path, site=site)))


def test_a_written_edge_of_finish_is_what_holds_without_it(tmp_path: Path) -> None:
    """Rule 12: running sessions finish."""
    assert read(write(tmp_path, site=f"{SITE}edge: finish\n")).notices == ()


@pytest.mark.parametrize("reboot", ["never", "when_idle"])
def test_whether_a_charger_may_be_rebooted_is_loaded(tmp_path: Path, reboot: str) -> None:
    found = read(write(tmp_path, site=f"{SITE}reboot: {reboot}\n"))
    assert found.site.reboot == reboot
    assert read(write(tmp_path, site=SITE)).site.reboot == "never"


@pytest.mark.parametrize("edge", ["finish", "stop", "identify"])
def test_rule_12_each_choice_for_an_edge_is_loaded(tmp_path: Path, edge: str) -> None:
    site = f"{SITE}edge: {edge}\nidentify_within_s: 60\nno_identification_after_s: 90\n"
    depot = read(write(tmp_path, site=site))
    found = depot.site
    assert (found.edge, found.identify_within_s, found.no_identification_after_s) == (edge, 60, 90)
    assert depot.notices == ()


def test_a_window_that_a_clock_change_swallows_is_a_notice(tmp_path: Path) -> None:
    """Rule 4: 02:00 to 03:00 does not exist on 2027-03-28 in Berlin."""
    swallowed = '      - {name: night, days: [sun], from: "02:00", to: "03:00", mode: managed}\n'
    site = spoilt(SITE, NIGHT, f"{NIGHT.replace('mon', 'wed')}{swallowed}")
    (notice,) = read(write(tmp_path, site=site)).notices
    assert str(notice) == (
        "site.yaml:10: schedule 'nights': window 'night' vanishes on 2027-03-28, "
        "when the clock goes forward over all of it (rule 4)"
    )


def test_an_exception_that_a_clock_change_swallows_is_a_notice(tmp_path: Path) -> None:
    """Rule 4, also for one that is years ahead."""
    swallowed = '{date: 2030-03-31, from: "02:15", to: "02:45", mode: managed}'
    site = spoilt(SITE, PARTY, f"{PARTY}      - {swallowed}\n")
    (notice,) = read(write(tmp_path, site=site)).notices
    assert str(notice).startswith("site.yaml:12: schedule 'nights': exception '2030-03-31' vanish")


def test_windows_that_touch_are_no_contradiction(tmp_path: Path) -> None:
    """Rule 6: half-open windows share an instant and no time."""
    after = "      - {name: day, days: [tue], from: 06:00, to: 12:00, mode: freevend}\n"
    assert read(write(tmp_path, site=spoilt(SITE, NIGHT, NIGHT + after))).notices == ()


def test_a_schedule_has_a_limit_of_windows_and_of_exceptions(tmp_path: Path) -> None:
    window = "      - {days: [wed], from: 06:00, to: 12:00, mode: managed}\n"
    exception = "      - {date: 2027-01-01, mode: managed}\n"
    site = spoilt(SITE, NIGHT, window * (WINDOWS_MAX + 1))
    site = spoilt(site, PARTY, exception * (EXCEPTIONS_MAX + 1))
    assert problems_of(write(tmp_path, site=site)) == [
        "site.yaml:8: windows: expected at most 200 of a schedule, got 201",
        "site.yaml:210: exceptions: expected at most 1,000 of a schedule, got 1,001",
    ]


def test_a_site_that_fits_no_record_when_compiled_is_refused(tmp_path: Path) -> None:
    exceptions = "      - {date: 2027-01-01, mode: managed}\n" * EXCEPTIONS_MAX
    schedules = "".join(
        f"  - id: s{number}\n    default: freevend\n    exceptions:\n{exceptions}"
        for number in range(15)
    )
    site = spoilt(SITE, "schedules:\n", f"schedules:\n{schedules}")
    assert len(site) < 1_000_000
    (problem,) = problems_of(write(tmp_path, site=site))
    assert problem.startswith("site.yaml: expected at most 1,040,384 bytes compiled, got 1,")


def test_of_many_problems_the_first_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    keys = "".join(f"key{number}: 1\n" for number in range(PROBLEMS_KEPT + 250))
    found = problems_of(write(tmp_path, site=SITE + keys))
    assert found[0].startswith("site.yaml:16: there is no key 'key0' here")
    assert found[PROBLEMS_KEPT:] == ["site.yaml: and 250 problems more in this file"]


def test_rule_22_a_site_says_how_old_its_feeds_may_be(tmp_path: Path) -> None:
    site = f"{SITE}feed: {{fresh_for_s: 60, stale_for_s: 3600, expired: closed}}\n"
    policy = read(write(tmp_path, site=site)).site.feed
    assert policy == FeedPolicy(fresh_for_s=60, stale_for_s=3600, expired=ExpiredFeed.CLOSED)
    assert read(write(tmp_path, site=SITE)).site.feed == FeedPolicy()


def test_rule_22_a_feed_does_not_expire_before_it_is_stale(tmp_path: Path) -> None:
    site = f"{SITE}feed: {{fresh_for_s: 3600, stale_for_s: 60}}\n"
    problems = problems_of(write(tmp_path, site=site))
    assert begin_with(
        problems, ["site.yaml:16: stale_for_s: expected at least fresh_for_s (3600), got 60"]
    )
