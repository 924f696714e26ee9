"""One release, from the rows it writes to the row that makes it official.

The order is the MERGE into `semantic_id`, then `semantic_id_change`, then `release`. The first commit carries the
release it belongs to as Delta commit metadata, so a run that is killed between the commits is finished by whichever
run comes next: the changes are read back from the commit itself (its change data feed), never computed twice from
other inputs. A release that moves no row (a promotion) starts with `semantic_id_change`, which carries it then.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date
from functools import partial

from delta.tables import DeltaMergeBuilder
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from semid.errors import ConfigError
from semid.tables import releases
from semid.tables.contract import table
from semid.tables.intervals import changed_ids, moved_ids, only_open, valid_on
from semid.tables.releases import Release, Releases
from semid.tables.store import Store

log = logging.getLogger(__name__)

Merge = Callable[[Store, DataFrame], DeltaMergeBuilder]

_APP = "semid.publish"
_USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"
_TXN_APP = "spark.databricks.delta.write.txnAppId"
_TXN_VERSION = "spark.databricks.delta.write.txnVersion"


def refuse_older_date(run_date: date, active: Release | None) -> None:
    """Raise ConfigError when `run_date` lies before the current release's: intervals only grow."""
    if active is not None and run_date < active.run_date:
        raise ConfigError(
            f"the run date {run_date} lies before the current release's, {active.run_date}",
            where="--run-date",
            next_step=f"run with --run-date {active.run_date} or later",
        )


def commit(
    store: Store, history: Releases, release: Release, actions: DataFrame | None, merge: Merge | None = None
) -> Release:
    """Carry out a release and return it as it was recorded.

    Args:
        store: The warehouse.
        history: The releases before it.
        release: The release; its counts and the versions it writes are filled in here.
        actions: What to do to `semantic_id`, from `publish.planned`; None when it stays as it is.
        merge: Makes the MERGE of the actions; by default the one that closes and opens current rows.
    """
    version = None
    if actions is not None:
        with _carrying(store.spark, release, _TXN_APP, _TXN_VERSION):
            (merge or partial(_merge, serving=release.serving_versions))(store, actions).execute()
        version = store.version("semantic_id")
    _tell(store, history, release, version)
    return _announce(store, release, version)


def finish_interrupted(store: Store) -> bool:
    """Complete a release whose rows were committed but whose `release` row was never written.

    Returns:
        Whether there was one.
    """
    history = releases.load(store)
    for name in ("semantic_id", "semantic_id_change"):
        if history.current is not None and history.current.table_versions.get(name) == store.version(name):
            continue
        last = store.delta(name).history(1).select("version", "userMetadata").collect()[0]
        if not last.userMetadata:
            continue
        release = _from_metadata(last.userMetadata)
        if release.release_id >= history.next_id:
            log.warning("finishing release %d, which a killed run left without its release row", release.release_id)
            version = last.version if name == "semantic_id" else None
            if store.read("semantic_id_change").where(F.col("release_id") == release.release_id).isEmpty():
                _tell(store, history, release, version)
            _announce(store, release, version)
            return True
    return False


def _merge(store: Store, actions: DataFrame, serving: Sequence[int]) -> DeltaMergeBuilder:
    # Only the folders of the versions that are served are read: the table is partitioned by version.
    served = ", ".join(str(int(version)) for version in serving)
    condition = f"t.codebook_version IN ({served}) AND t.valid_to IS NULL"
    condition += " AND t.codebook_version = s.codebook_version AND t.item_id = s.merge_item_id"
    inserted: dict[str, str | Column] = {name: f"s.{name}" for name in table("semantic_id").columns}
    replaced = {name: column for name, column in inserted.items() if name not in ("valid_from", "valid_to")}
    merge = store.delta("semantic_id").alias("t").merge(actions.alias("s"), condition)
    merge = merge.whenMatchedDelete("s.action = 'delete'")
    merge = merge.whenMatchedUpdate("s.action = 'close'", {"valid_to": "s.run_date"})
    merge = merge.whenMatchedUpdate("s.action = 'replace'", replaced)
    return merge.whenNotMatchedInsert("s.action = 'insert'", inserted)


@contextmanager
def _carrying(spark: SparkSession, release: Release, *transaction: str) -> Iterator[None]:
    settings = {_USER_METADATA: _to_metadata(release)}
    settings |= dict(zip(transaction, (_APP, str(release.release_id)), strict=False))
    for key, value in settings.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key in settings:
            spark.conf.unset(key)


def _tell(store: Store, history: Releases, release: Release, version: int | None) -> None:
    """Write the change rows of a release; `version` is that of its MERGE, None when it moved no row."""
    before = history.current
    moved = before is not None and before.codebook_version != release.codebook_version
    if version is not None or moved:
        with _carrying(store.spark, release):
            store.append(_changes(store, before if moved else None, release, version), "semantic_id_change")


def _changes(store: Store, left: Release | None, release: Release, version: int | None) -> DataFrame:
    rows = []
    if version is not None:
        rows.append(changed_ids(store.changes("semantic_id", version), release.release_id, release.rebuilt_date))
    if left is not None and left.codebook_version is not None and release.codebook_version is not None:
        versions = (left.codebook_version, release.codebook_version)
        ids = store.read("semantic_id", version)
        before, after = (only_open(ids, [one]) for one in versions)
        rows = [row.where(F.col("codebook_version") != versions[1]) for row in rows]
        rows.append(moved_ids(before, after, release.release_id, versions))
    return rows[0] if len(rows) == 1 else rows[0].unionByName(rows[1])


def _announce(store: Store, release: Release, version: int | None) -> Release:
    release = replace(release, counts=_counts(store, release, version))
    written = {"semantic_id": store.version("semantic_id") if version is None else version}
    written["semantic_id_change"] = store.version("semantic_id_change")
    official = replace(release, table_versions={**release.table_versions, **written})
    releases.record(store, official)
    return official


def _counts(store: Store, release: Release, version: int | None) -> dict[str, int]:
    assert release.codebook_version is not None
    of = release.counts.get("rebuilt_version", release.codebook_version)
    active = F.col("codebook_version") == of
    changes = store.read("semantic_id_change").where(active & (F.col("release_id") == release.release_id))
    ids = store.read("semantic_id", version).where(active & valid_on(release.rebuilt_date))
    items = ids.select(F.lit("items").alias("of"))
    found = changes.select(F.col("reason").alias("of")).unionByName(items).groupBy("of").count().collect()
    number = {row[0]: int(row[1]) for row in found}
    counts = {
        "added": number.get("added", 0),
        "changed": number.get("content", 0) + number.get("codebook", 0),
        "removed": number.get("removed", 0),
    }
    total = number.get("items", 0)
    return {
        **release.counts,
        **counts,
        "unchanged": total - counts["added"] - counts["changed"],
        "items": total,
    }


def _to_metadata(release: Release) -> str:
    return json.dumps({**asdict(release), "run_date": release.run_date.isoformat()})


def _from_metadata(text: str) -> Release:
    values = json.loads(text)
    values["run_date"] = date.fromisoformat(values["run_date"])
    values["serving_versions"] = tuple(values["serving_versions"])
    return Release(**values)
