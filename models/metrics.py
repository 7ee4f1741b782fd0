"""The metric table: every metric, its kind, its labels and what it means.

`/metrics`, the dashboards and the docs are read from this one table. Labels are bounded: sites,
answers, reasons and other words of the vocabulary; never a charger id, never an identifier.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class MetricKind(StrEnum):
    """As Prometheus names them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


LATENCY_BUCKETS_S = (
    0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075,
    0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0,
)  # fmt: skip
"""Resolves 1 ms to 5 s: a good answer takes a few ms, the default deadline is 3 s."""

RULES_BUCKETS_S = (
    0.000005, 0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.05, 0.5,
)  # fmt: skip
"""The rules alone take microseconds; a millisecond would already be a finding."""


class Metric(NamedTuple):
    """One metric. `name` is as Prometheus shows it; counters end in `_total`."""

    name: str
    kind: MetricKind
    role: str
    labels: tuple[str, ...]
    help: str
    buckets_s: tuple[float, ...] = ()


C, G, H = MetricKind.COUNTER, MetricKind.GAUGE, MetricKind.HISTOGRAM

# fmt: off
CONNECTED = Metric("depotgate_chargers_connected", G, "gateway", ("site", "ocpp"),
                   "Chargers with an authenticated connection")
CONNECTIONS_REFUSED = Metric("depotgate_connections_refused_total", C, "gateway", ("cause",),
                             "Connections refused before or at the handshake")
FRAMES_DROPPED = Metric("depotgate_frames_faulty_total", C, "gateway", ("cause",),
                        "Frames answered with a CALLERROR or dropped")
MESSAGES = Metric("depotgate_messages_total", C, "gateway", ("ocpp", "action", "result"),
                  "Calls of chargers, by how they were answered")
ATTEMPTS = Metric("depotgate_attempts_total", C, "gateway", ("site", "kind"),
                  "Attempts: tokens presented to start (rule 30)")
OUTCOMES_TOTAL = Metric("depotgate_outcomes_total", C, "gateway",
                        ("site", "stage", "answer", "reason"),
                        "Outcomes by what was decided and why")
SOCKET_TO_SOCKET = Metric("depotgate_answer_seconds", H, "gateway", ("kind",),
                          "From an attempt's arrival to its answer on the same socket",
                          LATENCY_BUCKETS_S)
KAFKA_TIME = Metric("depotgate_kafka_seconds", H, "gateway", (),
                    "From a published request to its decision back at the gateway",
                    LATENCY_BUCKETS_S)
DEADLINE_MISSES = Metric("depotgate_deadline_misses_total", C, "gateway", ("site",),
                         "Attempts answered by the posture")
SECOND_TRIES = Metric("depotgate_second_tries_total", C, "gateway", (),
                      "Requests sent once more, to another partition")
LATE_DECISIONS = Metric("depotgate_late_decisions_total", C, "gateway", ("answer",),
                        "Decisions that arrived after the posture had answered")
KAFKA_AWAY = Metric("depotgate_kafka_away", G, "gateway", (),
                    "1 while Kafka does not acknowledge")
SPOOLED = Metric("depotgate_spool_bytes", G, "gateway", (),
                 "Outcomes on disk, waiting for Kafka")
SPOOL_FULL = Metric("depotgate_spool_full", G, "gateway", (),
                    "1 when neither Kafka nor the disk took the last outcome")
EVENTS_HELD = Metric("depotgate_events_held", G, "gateway", (),
                     "Newest events per connector, waiting for Kafka")
KEY_EPOCHS = Metric("depotgate_key_epochs", G, "gateway", (),
                    "Epochs of the pseudonym key that tokens are looked up under")
KEYS_BAD = Metric("depotgate_key_file_bad", G, "gateway", (),
                  "1 while the key file cannot be used and the epochs read before stay in use")
COMMANDS_RUN = Metric("depotgate_mode_commands_total", C, "gateway", ("site", "mode", "result"),
                      "Mode commands run on a charger, by result")
RULES_TIME = Metric("depotgate_rules_seconds", H, "worker", (),
                    "The rules alone: facts gathered and decided", RULES_BUCKETS_S)
DECIDED = Metric("depotgate_decisions_total", C, "worker", ("site", "answer", "reason"),
                 "Decisions published")
DENIALS_TOTAL = Metric("depotgate_denials_total", C, "worker", ("site", "reason", "would_deny"),
                       "Denial records made from outcomes")
DEAD_LETTERS = Metric("depotgate_dead_letters_total", C, "gateway, worker", ("topic",),
                      "Records that could not be read")
REPLICA_ROWS = Metric("depotgate_replica_rows", G, "gateway, worker, flags", ("table",),
                      "Rows of the configuration replica")
REPLICA_AGE = Metric("depotgate_replica_age_seconds", G, "gateway, worker, flags", (),
                     "Since the replica was last known to be at the end of its topics")
REPLICA_BAD = Metric("depotgate_replica_bad_rows_total", C, "gateway, worker, flags", ("table",),
                     "Configuration records that could not be read; the last good row stays")
PERMISSIONS_LACKING = Metric("depotgate_permissions_lacking", G, "gateway, worker, flags", (),
                             "Permissions of its role that Kafka does not give to this process")
FEED_AGE = Metric("depotgate_feed_age_seconds", G, "worker", ("source", "site"),
                  "Age of what a source delivered last, by its own statement (rule 22)")
FEED_STATE = Metric("depotgate_feed_state", G, "worker", ("source", "site"),
                    "0 fresh, 1 stale, 2 expired, by the site's limits (rule 22)")
FEED_ROWS = Metric("depotgate_feed_rows", G, "worker", ("source", "site"),
                   "Records of a source that stand")
FEED_QUARANTINED = Metric("depotgate_feed_quarantined", G, "worker", ("source", "site"),
                          "1 while a delivery waits for `depotgate feed accept` (rule 22)")
EDGES = Metric("depotgate_mode_edges_total", C, "worker", ("site", "mode"),
               "Mode edges noticed, by the mode that begins")
COMMANDS_SENT = Metric("depotgate_mode_commands_sent_total", C, "worker", ("site", "mode"),
                       "Mode commands sent to a gateway")
SWITCHES_FAILED = Metric("depotgate_mode_switches_failed_total", C, "worker", ("site", "mode"),
                         "Chargers whose mode was given up, by the mode that they should have")
DRIFTS = Metric("depotgate_mode_drifts_total", C, "worker", ("site", "evidence"),
                "Chargers seen in another mode than the one that is due (rule 16)")
SESSION_STOPS = Metric("depotgate_session_stops_total", C, "worker", ("site", "cause"),
                       "Sessions that were to be ended at an edge or after their entitlement")
ASSISTED_STARTS = Metric("depotgate_assisted_starts_total", C, "worker", ("site", "result"),
                         "Vehicles started from here in freevend: sent, or failed after all tries")
FOREIGN_TRANSACTIONS = Metric("depotgate_foreign_transactions_total", C, "worker",
                              ("site", "action"),
                              "Messages about a transaction that is none of their charger's")
CHARGERS_GIVEN_UP = Metric("depotgate_chargers_given_up", G, "worker", ("site",),
                           "Chargers that are not in their mode and are not asked any more")
CHARGERS_NOT_SWITCHABLE = Metric("depotgate_chargers_not_switchable", G, "worker", ("site",),
                                 "Chargers that have no setting to switch")
CHARGERS_BY_MODE = Metric("depotgate_chargers_by_mode", G, "worker", ("site", "kind", "mode"),
                          "Chargers by desired and observed mode")
CLOCKS_OFF = Metric("depotgate_charger_clocks_off", G, "worker", ("site",),
                    "Chargers whose clock is off by more than the site's clock_limit_s")
OFFLINE_UNMET = Metric("depotgate_charger_offline_unmet", G, "worker", ("site",),
                       "Chargers that do not do what their site wants offline, or do not tell")
RESEND_SHORT = Metric("depotgate_charger_resend_short", G, "worker", ("site",),
                      "Chargers that give up messages before a day is over")
FLAGS_UNREADABLE = Metric("depotgate_flags_unreadable", G, "flags", (),
                          "Chargers whose stage could not be read: they keep the last known one")
# fmt: on

METRICS: tuple[Metric, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Metric)
)
"""Every metric there is, in the order above."""
