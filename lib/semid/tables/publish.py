"""Publishing: the audited rows of a run become what readers see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.errors import RunConflict
from semid.tables import releases
from semid.tables.commit import commit, refuse_older_date
from semid.tables.intervals import merge_plan, merge_source, only_open
from semid.tables.releases import Release
from semid.tables.staged import staged_rows
from semid.tables.store import Store
from semid.tables.unmoved import since_release


@dataclass(frozen=True)
class Publication:
    """What is to be published: the staged rows of a run, on one date.

    Attributes:
        run_id: The run that staged the rows.
        run_date: Logical date.
        kind: bootstrap, nightly or retrain.
        active: Codebook version that readers see from this release on.
        serving: Versions whose IDs are kept current, the active one among them.
        verdict: What the gate said.
        quarantined: Rows of the feed that were set aside.
    """

    run_id: str
    run_date: date
    kind: str
    active: int
    serving: tuple[int, ...]
    verdict: str
    quarantined: int


def publish(store: Store, publication: Publication) -> Release:
    """Publish a run's staged rows and return the release; the release there is, when it did so before.

    Raises:
        ConfigError: The run date lies before the current release's.
        RunConflict: The catalog has moved on since the rows were staged.
    """
    history = releases.load(store)
    earlier = history.published_by(publication.run_id)
    if earlier is not None and not history.undone(earlier):
        return earlier
    refuse_older_date(publication.run_date, history.current)
    staged = staged_rows(store, publication.run_id).where(F.col("codebook_version").isin(*publication.serving))
    staged = staged.drop("run_id")
    current = only_open(store.read("semantic_id"), publication.serving)
    wanted = wanted_rows(store.read("item_catalog"), publication.serving)
    release = Release(
        release_id=history.next_id,
        run_id=publication.run_id,
        run_date=publication.run_date,
        kind=publication.kind,
        status="published",
        codebook_version=publication.active,
        serving_versions=publication.serving,
        table_versions={name: store.version(name) for name in ("item_catalog", "item_embedding", "codebook")},
        counts={"quarantined": publication.quarantined},
        verdict=publication.verdict,
    )
    still = history.current is not None and publication.serving == history.current.serving_versions
    if still and staged.isEmpty() and since_release(store):
        return commit(store, history, release, None)
    with planned(staged, current, wanted, release) as actions:
        return commit(store, history, release, actions)


def wanted_rows(catalog: DataFrame, serving: tuple[int, ...]) -> DataFrame:
    """Return (codebook_version, item_id, content_hash): what must have an ID, every active item in each version."""
    versions = F.explode(F.array(*[F.lit(version) for version in serving])).alias("codebook_version")
    return catalog.where("is_active").select(versions, "item_id", "content_hash")


@contextmanager
def planned(staged: DataFrame, current: DataFrame, wanted: DataFrame, release: Release) -> Iterator[DataFrame | None]:
    """Yield what the release does to `semantic_id`, as the source of a MERGE; None when there is nothing to do.

    Raises:
        RunConflict: A wanted row would have no ID for its present content.
    """
    # The plan is counted, and the MERGE reads its source twice.
    plan = merge_plan(staged, current, wanted, release.run_date, release.release_id).persist()
    try:
        (row,) = plan.agg(F.count_if("stale"), F.sum(F.size("actions"))).collect()
        refuse_stale(row[0])
        yield merge_source(plan, release.run_date) if row[1] else None
    finally:
        plan.unpersist()


def refuse_stale(missing: int) -> None:
    """Raise RunConflict when wanted rows have no ID for their present content."""
    if missing:
        raise RunConflict(
            f"{missing} active item(s) have no ID for their present content: the catalog has changed since",
            where="item_catalog, semantic_id_staged",
            next_step="run assign-ids and check-drift again, or the whole nightly",
        )
