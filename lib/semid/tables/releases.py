"""The release table: what was published when, and what is active now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime

from pyspark.sql import functions as F

from semid.tables.store import Store


@dataclass(frozen=True)
class Release:
    """One row of the release table; the fields are its columns."""

    release_id: int
    run_id: str
    run_date: date
    kind: str
    status: str
    codebook_version: int | None
    serving_versions: tuple[int, ...]
    table_versions: Mapping[str, int]
    counts: Mapping[str, int]
    verdict: str
    created_at: datetime | None = None


def current(store: Store) -> Release | None:
    """Return the newest published release; None before the first one."""
    published = store.read("release").where("status = 'published'")
    rows = published.orderBy(F.desc("release_id")).limit(1).collect()
    return _release(rows[0].asDict()) if rows else None


def published_by(store: Store, run_id: str) -> Release | None:
    """Return the newest release that a run published, if it did."""
    made = store.read("release").where((F.col("run_id") == run_id) & (F.col("status") == "published"))
    rows = made.orderBy(F.desc("release_id")).limit(1).collect()
    return _release(rows[0].asDict()) if rows else None


def rolled_back_since(store: Store, release_id: int) -> bool:
    """Return whether a rollback was published after release `release_id`."""
    later = store.read("release").where((F.col("release_id") > release_id) & (F.col("kind") == "rollback"))
    return bool(later.limit(1).collect())


def next_id(store: Store) -> int:
    """Return the number of the next release."""
    (row,) = store.read("release").agg(F.max("release_id")).collect()
    return int(row[0] or 0) + 1


def record(store: Store, release: Release) -> None:
    """Append the release's row, stamped now: from here on it is what `semantic_id_current` shows."""
    stamped = replace(release, created_at=datetime.now(UTC))
    store.append_rows([asdict(stamped)], "release")


def record_blocked(store: Store, run_id: str, run_date: date) -> None:
    """Append the row of a release that the gate refused; a repeated attempt adds none."""
    attempts = store.read("release").where((F.col("run_id") == run_id) & (F.col("status") == "blocked"))
    if not attempts.isEmpty():
        return
    active = current(store)
    blocked = Release(
        release_id=next_id(store),
        run_id=run_id,
        run_date=run_date,
        kind="nightly" if active else "bootstrap",
        status="blocked",
        codebook_version=active.codebook_version if active else None,
        serving_versions=active.serving_versions if active else (),
        table_versions={},
        counts={},
        verdict="block",
    )
    record(store, blocked)


def describe(store: Store) -> str:
    """Return what readers see now, in words for an error message."""
    release = current(store)
    if release is None:
        return "nothing is published yet"
    return f"nothing was published; current release is {release.release_id} of {release.run_date}"


def _release(row: Mapping[str, object]) -> Release:
    values = dict(row)
    versions: Sequence[int] = values["serving_versions"] or ()  # type: ignore[assignment]
    values["serving_versions"] = tuple(versions)
    return Release(**values)  # type: ignore[arg-type]
