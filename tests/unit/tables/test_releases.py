"""What readers see: since when a codebook version is active, and whose state a rollback shows."""

from __future__ import annotations

from datetime import date

from semid.tables.releases import Release, Releases


def history(*rows: tuple[str, int, dict[str, int]], status: str = "published") -> Releases:
    """Releases of (kind, active version, counts), in order; the last one with `status`."""
    made = [
        Release(n, f"r{n}", date(2026, 1, n), kind, "published", version, (version,), {}, counts, "pass")
        for n, (kind, version, counts) in enumerate(rows, 1)
    ]
    last = made.pop()
    return Releases((*made, Release(**{**vars(last), "status": status})))


NIGHTS = [("bootstrap", 1, {}), ("nightly", 1, {}), ("retrain", 2, {}), ("nightly", 2, {})]


def active_since(releases: Releases) -> int | None:
    since = releases.active_since
    return None if since is None else since.release_id


def test_a_version_is_active_since_the_release_that_made_it_so() -> None:
    """Not since a night after it, and not since the first time when it was left and taken up again."""
    assert Releases(()).active_since is None
    assert active_since(history(*NIGHTS[:2])) == 1
    assert active_since(history(*NIGHTS)) == 3
    assert active_since(history(*NIGHTS, ("rollback", 1, {"rolled_back_to": 2}))) == 5
    assert active_since(history(*NIGHTS, ("rollback", 1, {"rolled_back_to": 2}), ("retrain", 2, {}))) == 6
    assert active_since(history(*NIGHTS, ("retrain", 3, {}), status="blocked")) == 3


def test_a_rollback_shows_the_state_of_the_release_it_went_back_to() -> None:
    """Also over another rollback; every other release shows its own."""
    rows = [*NIGHTS, ("rollback", 1, {"rolled_back_to": 2}), ("rollback", 1, {"rolled_back_to": 5})]
    found = history(*rows, ("nightly", 1, {}))
    assert [found.state_of(release) for release in found.published] == [1, 2, 3, 4, 2, 2, 7]
