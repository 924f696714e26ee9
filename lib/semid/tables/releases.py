"""The release table: what was published when, and what is active now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime

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

    @property
    def of_feed(self) -> bool:
        """Whether the feed of its run date made it; a rebuilt date is no night of its own."""
        return self.kind in ("bootstrap", "nightly", "backfill") and self.rebuilt_date is None

    @property
    def rebuilt_date(self) -> date | None:
        """The past date whose IDs it replaced; None for a release that moved the current ones."""
        number = self.counts.get("rebuilt_date")
        return None if number is None else date.fromisoformat(str(number))


@dataclass(frozen=True)
class Releases:
    """Every release there is, oldest first: one small row per night, so that one query answers every question."""

    rows: tuple[Release, ...]

    @property
    def published(self) -> tuple[Release, ...]:
        """The published ones."""
        return tuple(row for row in self.rows if row.status == "published")

    @property
    def current(self) -> Release | None:
        """The newest published release; None before the first one."""
        return self.published[-1] if self.published else None

    @property
    def next_id(self) -> int:
        """The number of the next release."""
        return self.rows[-1].release_id + 1 if self.rows else 1

    @property
    def nights(self) -> frozenset[date]:
        """The dates whose night is published; not one that a rollback took back on its own date."""
        back = {row.run_date: row.release_id for row in self.published if row.kind == "rollback"}
        made = [row for row in self.published if row.of_feed]
        return frozenset(row.run_date for row in made if row.release_id > back.get(row.run_date, 0))

    @property
    def active_since(self) -> Release | None:
        """The release that made the active codebook version active; None before the first one."""
        since = None
        for row in self.published:
            if since is None or row.codebook_version != since.codebook_version:
                since = row
        return since

    def state_of(self, release: Release) -> int:
        """Return the release whose state `release` shows: its own number, or that of the one it rolled back to."""
        known = {row.release_id: row for row in self.published}
        while (back := release.counts.get("rolled_back_to")) in known:
            release = known[back]
        return release.release_id

    def published_by(self, run_id: str) -> Release | None:
        """Return the newest release that a run published; None when it published none."""
        own = [row for row in self.published if row.run_id == run_id]
        return own[-1] if own else None

    def undone(self, release: Release) -> bool:
        """Return whether a rollback was published after `release`: what it did may be done again."""
        return any(row.kind == "rollback" and row.release_id > release.release_id for row in self.published)

    def describe(self) -> str:
        """Return what readers see now, in words for an error message."""
        if self.current is None:
            return "nothing is published yet"
        return f"nothing was published; current release is {self.current.release_id} of {self.current.run_date}"


def load(store: Store) -> Releases:
    """Return the release table as it is now."""
    rows = [_release(row.asDict()) for row in store.rows("release")]
    return Releases(tuple(sorted(rows, key=lambda row: row.release_id)))


def record(store: Store, release: Release) -> None:
    """Append the release's row, stamped now: from here on it is what `semantic_id_current` shows."""
    stamped = replace(release, created_at=datetime.now(UTC))
    store.append_rows([asdict(stamped)], "release")


def record_blocked(store: Store, run_id: str, run_date: date, kind: str = "nightly") -> None:
    """Append the row of a release that the gate refused; a repeated attempt adds none."""
    history = load(store)
    if any(row.run_id == run_id and row.status == "blocked" for row in history.rows):
        return
    active = history.current
    blocked = Release(
        release_id=history.next_id,
        run_id=run_id,
        run_date=run_date,
        kind=kind if active else "bootstrap",
        status="blocked",
        codebook_version=active.codebook_version if active else None,
        serving_versions=active.serving_versions if active else (),
        table_versions={},
        counts={},
        verdict="block",
    )
    record(store, blocked)


def _release(row: Mapping[str, object]) -> Release:
    values = dict(row)
    versions: Sequence[int] = values["serving_versions"] or ()  # type: ignore[assignment]
    values["serving_versions"] = tuple(versions)
    values["table_versions"] = values["table_versions"] or {}
    return Release(**values)  # type: ignore[arg-type]
