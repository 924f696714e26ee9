"""Upkeep of the tables: small files made one, large tables sorted, files that nothing kept needs removed, logs cut."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from semid.tables import releases
from semid.tables.contract import table_names
from semid.tables.layout import lay_out
from semid.tables.releases import Release
from semid.tables.retention import kept_releases, lost_versions, oldest_versions, retention_days
from semid.tables.sql_text import delta_path
from semid.tables.store import Store

log = logging.getLogger(__name__)

_KEPT_FILES, _KEPT_LOG = "delta.deletedFileRetentionDuration", "delta.logRetentionDuration"


@dataclass(frozen=True)
class Size:
    """What a table takes.

    Attributes:
        files: Data files of the newest version.
        bytes: Their size.
        stored_files: Data files on disk, those of older versions and of the change feed among them.
        stored_bytes: Their size.
        log_files: Files of the log.
        log_bytes: Their size.
    """

    files: int
    bytes: int
    stored_files: int
    stored_bytes: int
    log_files: int
    log_bytes: int


@dataclass(frozen=True)
class Upkeep:
    """What is done to one table.

    Attributes:
        table: Its name.
        days: For how many days files that were removed, and the log, are kept.
        oldest: The oldest version that a kept release has recorded; None when none has.
        before: Its size before.
    """

    table: str
    days: int
    oldest: int | None
    before: Size


@dataclass(frozen=True)
class Upkeeps:
    """What is done to the warehouse.

    Attributes:
        tables: What is done to each table.
        kept: Numbers of the releases that stay readable.
        lost: What kept releases have recorded and is not readable any more, in words.
    """

    tables: tuple[Upkeep, ...]
    kept: tuple[int, ...]
    lost: tuple[str, ...]


def plan_upkeep(store: Store, keep_days: int, now: datetime) -> Upkeeps:
    """Return what `maintain` does.

    Args:
        store: The warehouse.
        keep_days: Releases of that many days stay readable, at their recorded versions; the last two do always.
        now: With its time zone.
    """
    names = [name for name in table_names() if store.version(name) >= 0]
    published = releases.load(store).published if "release" in names else ()
    kept = kept_releases(published, now - timedelta(days=keep_days))
    oldest = oldest_versions(kept)
    commits = {name: _commits(store, name) for name in oldest}
    tables = []
    for name in names:
        committed = commits.get(name, {})
        version = oldest[name] if oldest.get(name) in committed else None
        days = retention_days(now, keep_days, None if version is None else committed[version])
        tables.append(Upkeep(name, days, version, size(store, name)))
    return Upkeeps(tuple(tables), _numbers(kept), tuple(lost_versions(kept, commits)))


def maintain(store: Store, plan: Upkeeps) -> dict[str, dict[str, Any]]:
    """Do what was planned; return per table the sizes `before` and `after`, and `days`."""
    report = {}
    for upkeep in plan.tables:
        _keep_for(store, upkeep)
        lay_out(store, upkeep.table)
        if _has_old_files(store, upkeep.table):
            store.spark.sql(_vacuum(store, upkeep)).collect()
        store.checkpoint(upkeep.table, upkeep.oldest)
        after = size(store, upkeep.table)
        log.info("%s: %d data files stored, %d before", upkeep.table, after.stored_files, upkeep.before.stored_files)
        report[upkeep.table] = {"days": upkeep.days, "before": asdict(upkeep.before), "after": asdict(after)}
    return report


def doomed(store: Store, upkeep: Upkeep) -> int:
    """Return how many files VACUUM would remove now; Delta lists no more than 1,000."""
    if not _has_old_files(store, upkeep.table):
        return 0
    # The table may be set to a longer retention than is asked for now; the run itself sets it first.
    check = "spark.databricks.delta.retentionDurationCheck.enabled"
    store.spark.conf.set(check, "false")
    try:
        return store.spark.sql(f"{_vacuum(store, upkeep)} DRY RUN").count()
    finally:
        store.spark.conf.unset(check)


def size(store: Store, name: str) -> Size:
    """Return what a table takes now."""
    files, bytes_ = store.live_files(name)
    stored, log_ = store.disk_use(name), store.disk_use(f"{name}/_delta_log")
    return Size(files, bytes_, stored[0] - log_[0], stored[1] - log_[1], *log_)


def now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(UTC)


def _has_old_files(store: Store, name: str) -> bool:
    # Where there is nothing but the newest version, VACUUM would list the folder for nothing.
    found = size(store, name)
    return found.stored_files > found.files


def _vacuum(store: Store, upkeep: Upkeep) -> str:
    return f"VACUUM {_of(store, upkeep.table)} RETAIN {24 * upkeep.days} HOURS"


def _commits(store: Store, name: str) -> dict[int, datetime]:
    return {int(row[0]): row[1] for row in store.delta(name).history().select("version", "timestamp").collect()}


def _keep_for(store: Store, upkeep: Upkeep) -> None:
    # As properties of the table, so that a VACUUM by hand and the clean-up of the log keep to them too.
    wanted = f"interval {upkeep.days} days"
    (found,) = store.delta(upkeep.table).detail().select("properties").collect()
    if any(found[0].get(key) != wanted for key in (_KEPT_FILES, _KEPT_LOG)):
        values = ", ".join(f"'{key}' = '{wanted}'" for key in (_KEPT_FILES, _KEPT_LOG))
        store.spark.sql(f"ALTER TABLE {_of(store, upkeep.table)} SET TBLPROPERTIES ({values})")


def _of(store: Store, name: str) -> str:
    return delta_path(store.path(name))


def _numbers(kept: Sequence[Release]) -> tuple[int, ...]:
    return tuple(release.release_id for release in kept)
