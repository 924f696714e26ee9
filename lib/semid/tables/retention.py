"""How far back the tables must stay readable: pure decisions about releases, versions and times."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from semid.tables.releases import Release

LEAST_DAYS = 7
"""Delta's own limit: a shorter one could remove the files of a query or a commit that is under way."""


def kept_releases(published: Sequence[Release], since: datetime) -> tuple[Release, ...]:
    """Return the releases that stay readable: those published since then, and the last two, however old.

    Args:
        published: Every published release, oldest first.
        since: With its time zone.
    """
    last = len(published) - 2
    return tuple(r for n, r in enumerate(published) if n >= last or (r.created_at and in_utc(r.created_at) >= since))


def oldest_versions(kept: Sequence[Release]) -> dict[str, int]:
    """Return the oldest version of each table that one of the releases has recorded."""
    oldest: dict[str, int] = {}
    for release in kept:
        for name, version in release.table_versions.items():
            oldest[name] = min(version, oldest.get(name, version))
    return oldest


def retention_days(now: datetime, keep_days: int, oldest_commit: datetime | None) -> int:
    """Return for how many days a table keeps removed files and its log: whole weeks, so that it changes seldom.

    A file of a version is removed by a later commit, so what is kept since the version's own commit covers it.

    Args:
        now: With its time zone.
        keep_days: Days asked for.
        oldest_commit: When the oldest version to keep was committed; None when no release recorded the table.
    """
    since = now - timedelta(days=keep_days)
    # A day more: Delta cuts the log at midnight.
    age = now - min(since, in_utc(oldest_commit) if oldest_commit else since) + timedelta(days=1)
    return 7 * math.ceil(age / timedelta(days=7))


def lost_versions(kept: Sequence[Release], commits: Mapping[str, Mapping[int, datetime]]) -> list[str]:
    """Return, in words, which recorded versions of kept releases are not in their table's history any more."""
    return [
        f"release {release.release_id}: {name} version {version}"
        for release in kept
        for name, version in sorted(release.table_versions.items())
        if version not in commits.get(name, {})
    ]


def in_utc(when: datetime) -> datetime:
    """Return a time that Spark gave, which is a local one without its zone, in UTC."""
    return when.astimezone(UTC)
