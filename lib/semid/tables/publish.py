"""Publishing: audited rows enter `semantic_id` in one commit, and one `release` row makes them official.

The order is MERGE, then `semantic_id_change`, then `release`. The MERGE carries the release it belongs to as
Delta commit metadata, so a run that is killed between the commits is finished by whichever run comes next:
the changes are read back from the commit itself (its change data feed), never computed twice from other inputs.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from semid.errors import ConfigError, RunConflict
from semid.tables import releases
from semid.tables.intervals import changed_ids, merge_actions
from semid.tables.releases import Release
from semid.tables.store import Store

log = logging.getLogger(__name__)

_APP = "semid.publish"
_USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"
_TXN_APP = "spark.databricks.delta.write.txnAppId"
_TXN_VERSION = "spark.databricks.delta.write.txnVersion"


@dataclass(frozen=True)
class Publication:
    """What is to be published: the staged rows of a run, for one codebook version on one date."""

    run_id: str
    run_date: date
    codebook_version: int
    verdict: str
    quarantined: int


def publish(store: Store, publication: Publication) -> Release:
    """Publish a run's staged rows and return the release.

    Raises:
        ConfigError: The run date lies before the current release's.
        RunConflict: The catalog has moved on since the rows were staged.
    """
    earlier = releases.published_by(store, publication.run_id)
    if earlier is not None and not releases.rolled_back_since(store, earlier.release_id):
        return earlier
    active = releases.current(store)
    _refuse_older_date(publication, active)
    staged = _staged(store, publication)
    current = only_current(store.read("semantic_id"), publication.codebook_version)
    catalog = store.read("item_catalog").where("is_active")
    _refuse_stale(staged, current, catalog)
    release = Release(
        release_id=releases.next_id(store),
        run_id=publication.run_id,
        run_date=publication.run_date,
        kind="nightly" if active else "bootstrap",
        status="published",
        codebook_version=publication.codebook_version,
        serving_versions=(publication.codebook_version,),
        table_versions={name: store.version(name) for name in ("item_catalog", "item_embedding", "codebook")},
        counts={"quarantined": publication.quarantined},
        verdict=publication.verdict,
    )
    # The MERGE reads its source twice, and the look whether there is anything to do is a third time.
    actions = merge_actions(staged, current, catalog, publication.run_date, release.release_id).persist()
    try:
        if actions.isEmpty():
            return _announce(store, replace(release, counts=_counts(store, release, None)), None)
        _merge(store, actions, release)
    finally:
        actions.unpersist()
    return _complete(store, release, store.version("semantic_id"))


def finish_interrupted(store: Store) -> bool:
    """Complete a release whose rows reached `semantic_id` but whose `release` row was never written.

    Returns:
        Whether there was one.
    """
    latest = releases.current(store)
    if latest is not None and latest.table_versions.get("semantic_id") == store.version("semantic_id"):
        return False
    commit = store.delta("semantic_id").history(1).select("version", "userMetadata").collect()[0]
    if not commit.userMetadata:
        return False
    release = _from_metadata(commit.userMetadata)
    if release.release_id < releases.next_id(store):
        return False
    log.warning("finishing release %d, which a killed run left without its release row", release.release_id)
    _complete(store, release, commit.version)
    return True


def only_current(ids: DataFrame, codebook_version: int) -> DataFrame:
    """Return the rows of one codebook version that are valid now."""
    return ids.where((F.col("codebook_version") == codebook_version) & F.col("valid_to").isNull())


def _staged(store: Store, publication: Publication) -> DataFrame:
    rows = store.read("semantic_id_staged").where(F.col("run_id") == publication.run_id)
    return rows.where(F.col("codebook_version") == publication.codebook_version)


def _refuse_older_date(publication: Publication, active: Release | None) -> None:
    if active is not None and publication.run_date < active.run_date:
        raise ConfigError(
            f"the run date {publication.run_date} lies before the current release's, {active.run_date}",
            where="--run-date",
            next_step=f"run with --run-date {active.run_date} or later",
        )


def _refuse_stale(staged: DataFrame, current: DataFrame, catalog: DataFrame) -> None:
    assigned = current.join(staged.select("item_id"), "item_id", "left_anti").select("item_id", "content_hash")
    assigned = assigned.unionByName(staged.select("item_id", "content_hash"))
    missing = catalog.join(assigned, ["item_id", "content_hash"], "left_anti").count()
    if missing:
        raise RunConflict(
            f"{missing} active item(s) have no ID for their present content: the catalog has changed since",
            where="item_catalog, semantic_id_staged",
            next_step="run assign-ids and check-drift again, or the whole nightly",
        )


def _merge(store: Store, actions: DataFrame, release: Release) -> None:
    open_rows = f"t.codebook_version = {release.codebook_version:d} AND t.valid_to IS NULL"
    condition = f"{open_rows} AND t.item_id = s.merge_item_id"
    inserted: dict[str, str | Column] = {name: f"s.{name}" for name in store.read("semantic_id").columns}
    replaced = {name: column for name, column in inserted.items() if name not in ("valid_from", "valid_to")}
    merge = store.delta("semantic_id").alias("t").merge(actions.alias("s"), condition)
    merge = merge.whenMatchedDelete("s.action = 'delete'")
    merge = merge.whenMatchedUpdate("s.action = 'close'", {"valid_to": "s.run_date"})
    merge = merge.whenMatchedUpdate("s.action = 'replace'", replaced)
    with _transaction(store.spark, release):
        merge.whenNotMatchedInsert("s.action = 'insert'", inserted).execute()


@contextmanager
def _transaction(spark: SparkSession, release: Release) -> Iterator[None]:
    settings = {_USER_METADATA: _to_metadata(release), _TXN_APP: _APP, _TXN_VERSION: str(release.release_id)}
    for key, value in settings.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key in settings:
            spark.conf.unset(key)


def _complete(store: Store, release: Release, version: int) -> Release:
    changes = changed_ids(store.changes("semantic_id", version), release.release_id)
    written = store.read("semantic_id_change").where(F.col("release_id") == release.release_id)
    if written.isEmpty():
        store.append(changes, "semantic_id_change")
    return _announce(store, replace(release, counts=_counts(store, release, version)), version)


def _announce(store: Store, release: Release, version: int | None) -> Release:
    written = {"semantic_id": store.version("semantic_id") if version is None else version}
    written["semantic_id_change"] = store.version("semantic_id_change")
    official = replace(release, table_versions={**release.table_versions, **written})
    releases.record(store, official)
    return official


def _counts(store: Store, release: Release, version: int | None) -> dict[str, int]:
    assert release.codebook_version is not None
    changes = store.read("semantic_id_change").where(F.col("release_id") == release.release_id)
    reasons = {row[0]: int(row[1]) for row in changes.groupBy("reason").count().collect()}
    total = only_current(store.read("semantic_id", version), release.codebook_version).count()
    counts = {
        "added": reasons.get("added", 0),
        "changed": reasons.get("content", 0) + reasons.get("kept", 0) + reasons.get("codebook", 0),
        "removed": reasons.get("removed", 0),
    }
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
