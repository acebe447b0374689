"""Limits hold across processes: Redis counts, by its own clock."""

from pytest_django import Settings

from marketplace.programs.buckets import Policy, take


def test_redis_counts_for_all_processes(redis_url: str, settings: Settings) -> None:
    settings.REDIS_URL = redis_url
    policy = Policy("test", 3, 60)
    assert [take(policy, "a").left for _ in range(3)] == [2, 1, 0]
    turned = take(policy, "a")
    assert turned.left == 0
    assert 18 <= turned.retry_s <= 20
    assert take(policy, "b").left == 2
    quick = Policy("quick", 1, 1)
    assert [take(quick, "a").retry_s for _ in range(2)] == [0, 1]
