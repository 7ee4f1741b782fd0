"""Token buckets: a burst, then a token at a time, in a table that cannot grow."""

from __future__ import annotations

from connectors.ocpp.ratelimit import Buckets

EVERY_S = 6.0


def take(buckets: Buckets[str], key: str, count: int, now_s: float = 0.0) -> None:
    for _ in range(count):
        buckets.take(key, now_s)


def test_a_stranger_has_the_whole_burst() -> None:
    buckets: Buckets[str] = Buckets(3, EVERY_S)
    take(buckets, "a", 2)
    assert buckets.wait_s("a", 0.0) == 0.0


def test_after_the_burst_a_token_comes_back_every_so_often() -> None:
    buckets: Buckets[str] = Buckets(3, EVERY_S)
    take(buckets, "a", 3)
    assert buckets.wait_s("a", 0.0) == EVERY_S
    assert buckets.wait_s("a", EVERY_S / 2) == EVERY_S / 2
    assert buckets.wait_s("a", EVERY_S) == 0.0


def test_asking_takes_nothing() -> None:
    buckets: Buckets[str] = Buckets(1, EVERY_S)
    assert [buckets.wait_s("a", 0.0) for _ in range(5)] == [0.0] * 5
    assert len(buckets) == 0


def test_a_bucket_is_never_fuller_than_its_burst() -> None:
    buckets: Buckets[str] = Buckets(2, EVERY_S)
    take(buckets, "a", 1)
    take(buckets, "a", 2, now_s=1000 * EVERY_S)
    assert buckets.wait_s("a", 1000 * EVERY_S) == EVERY_S


def test_taking_what_is_not_there_makes_no_debt() -> None:
    buckets: Buckets[str] = Buckets(1, EVERY_S)
    take(buckets, "a", 50)
    assert buckets.wait_s("a", EVERY_S) == 0.0


def test_keys_do_not_share() -> None:
    buckets: Buckets[str] = Buckets(1, EVERY_S)
    take(buckets, "a", 1)
    assert buckets.wait_s("b", 0.0) == 0.0


def test_the_key_used_longest_ago_is_forgotten_first() -> None:
    buckets: Buckets[str] = Buckets(1, EVERY_S, keys_max=2)
    for key in ("a", "b", "a", "c"):
        take(buckets, key, 1)
    assert len(buckets) == 2
    assert buckets.wait_s("a", 0.0) == EVERY_S
    assert buckets.wait_s("b", 0.0) == 0.0
