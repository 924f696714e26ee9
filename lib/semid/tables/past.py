"""The state of a past date, and how it is replaced without touching the days before it or from the next release on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from delta.tables import DeltaMergeBuilder
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from semid.errors import ConfigError
from semid.tables import releases
from semid.tables.commit import commit
from semid.tables.contract import table
from semid.tables.intervals import KEY, valid_on
from semid.tables.publish import refuse_stale
from semid.tables.releases import Release, Releases
from semid.tables.store import Store


@dataclass(frozen=True)
class Past:
    """A past date.

    Attributes:
        day: The date.
        until: Run date of the first release after it: the state of `day` holds up to there.
        active: Codebook version that was active.
        serving: Versions whose IDs were kept current.
    """

    day: date
    until: date
    active: int
    serving: tuple[int, ...]


@dataclass(frozen=True)
class Audited:
    """A run that has passed the gate: its id, the gate's verdict, the rows of its feed that were set aside."""

    run_id: str
    verdict: str
    quarantined: int


def past_of(history: Releases, day: date) -> Past:
    """Return what was in force on a past date.

    Raises:
        ConfigError: No release is newer than the date, or none as old.
    """
    before = [release for release in history.published if release.run_date <= day]
    after = [release.run_date for release in history.published if release.run_date > day]
    if not before or not after:
        what = "nothing was published by then" if after else "it does not lie before the current release"
        raise ConfigError(
            f"{day} cannot be rebuilt: {what}",
            where="table release",
            next_step="semid backfill without --rebuild replays the dates after the current release",
        )
    active = before[-1].codebook_version
    assert active is not None, "a published release has a codebook"
    return Past(day, min(after), active, before[-1].serving_versions)


def past_under(history: Releases, ids: DataFrame, day: date, version: int) -> Past:
    """Return a date before a codebook version was first served, as if it had been: a span without any of its rows.

    Raises:
        ConfigError: The version was never served, or the date is not before that.
    """
    first = first_served(history, version)
    if day >= first:
        raise ConfigError(f"codebook version {version} has IDs of its own from {first} on", where=f"date {day}")
    ends = [F.min(F.when(F.col(name) > F.lit(day), F.col(name))) for name in ("valid_from", "valid_to")]
    (row,) = ids.where(F.col("codebook_version") == version).agg(*ends).collect()
    until = min([first, *[end for end in row if end is not None]])
    return Past(day, until, version, (version,))


def first_served(history: Releases, version: int) -> date:
    """Return the run date of the first release that served a codebook version.

    Raises:
        ConfigError: None has.
    """
    dates = [release.run_date for release in history.published if version in release.serving_versions]
    if not dates:
        raise ConfigError(
            f"codebook version {version} was never served",
            where="--codebook",
            next_step="semid retrain --shadow serves a new one; semid status shows them",
        )
    return min(dates)


def only_valid(ids: DataFrame, past: Past) -> DataFrame:
    """Return the rows that were valid on the date, of the versions that were served."""
    return ids.where(F.col("codebook_version").isin(*past.serving) & valid_on(past.day))


def as_open(ids: DataFrame, day: date) -> DataFrame:
    """Return the ID table as it would be had time stopped on `day`: its rows are open, all others are closed."""
    closed = F.coalesce("valid_to", F.lit(day).cast("date"))
    return ids.withColumn("valid_to", F.when(~valid_on(day), closed))


def publish_past(store: Store, audited: Audited, past: Past, staged: DataFrame, wanted: DataFrame) -> Release:
    """Make the IDs of a past date those of its feed, and return the release that does so.

    The release stands on the current one's date and moves nothing that is current: rows of the date are cut, added
    and removed between the date and the next release's.

    Args:
        store: The warehouse.
        audited: The run, what the gate said of it, and the rows of its feed that were set aside.
        past: The date.
        staged: Audited rows of `semantic_id_staged`, of the items whose content differs from that of the date so far.
        wanted: (codebook_version, item_id, content_hash) of what had an ID on the date.

    Raises:
        RunConflict: A wanted row would have no ID for its content.
    """
    history = releases.load(store)
    current = history.current
    assert current is not None, "a past date lies before a release"
    release = Release(
        release_id=history.next_id,
        run_id=audited.run_id,
        run_date=current.run_date,
        kind="backfill",
        status="published",
        codebook_version=current.codebook_version,
        serving_versions=current.serving_versions,
        table_versions={name: store.version(name) for name in ("item_catalog", "item_embedding", "codebook")},
        counts={
            "quarantined": audited.quarantined,
            "rebuilt_date": int(f"{past.day:%Y%m%d}"),
            "rebuilt_version": past.active,
        },
        verdict=audited.verdict,
    )
    before = only_valid(store.read("semantic_id"), past)
    plan = past_plan(staged, before, wanted, past, release.release_id).persist()
    try:
        (row,) = plan.agg(F.count_if("stale"), F.sum(F.size("actions"))).collect()
        refuse_stale(row[0])
        return commit(store, history, release, plan.select(F.inline("actions")) if row[1] else None, past_merge)
    finally:
        plan.unpersist()


def past_plan(staged: DataFrame, before: DataFrame, wanted: DataFrame, past: Past, release_id: int) -> DataFrame:
    """Return what replacing a past date does to `semantic_id`: one row per codebook version and item.

    Args:
        staged: Rows to publish; at most one per codebook version and item.
        before: The rows valid on the date; at most one per codebook version and item.
        wanted: (codebook_version, item_id, content_hash) of what is to be valid on the date.
        past: The date. No release lies between it and `past.until`, so no interval begins or ends there.
        release_id: The release that opens the new intervals.

    Returns:
        `stale`: whether the item is wanted with a content it has no ID for; `actions`: an array of structs with
        `action`, `merge_from` (valid_from of the row that is meant, null for an insert) and the columns of
        `semantic_id`.
    """
    columns = table("semantic_id").columns
    day, until = (F.lit(d).cast("date") for d in (past.day, past.until))
    opened = {"valid_from": day, "valid_to": until, "release_id": F.lit(release_id).cast("long")}
    old = before.select(*KEY, F.struct(*columns).alias("old"))
    new = staged.withColumns(opened).select(*KEY, F.struct(*columns).alias("new"))
    hoped = wanted.select(*KEY, F.col("content_hash").alias("wanted"))
    sides = old.join(new, KEY, "full_outer").join(hoped, KEY, "full_outer")
    has_old, has_new = F.col("old").isNotNull(), F.col("new").isNotNull()
    content = F.coalesce("new.content_hash", "old.content_hash")
    stale = F.col("wanted").isNotNull() & ~content.eqNullSafe(F.col("wanted"))
    leaves = has_old & (has_new | F.col("wanted").isNull())
    starts_before = F.col("old.valid_from") < day
    goes_on = F.col("old.valid_to").isNull() | (F.col("old.valid_to") > until)
    actions = F.array(
        F.when(leaves & starts_before, _do("rewrite", "old", valid_to=day)),
        F.when(leaves & starts_before & goes_on, _do("insert", "old", valid_from=until)),
        F.when(leaves & ~starts_before & goes_on, _do("rewrite", "old", valid_from=until)),
        F.when(leaves & ~starts_before & ~goes_on, _do("delete", "old")),
        F.when(has_new, _do("insert", "new")),
    )
    plan = sides.select(stale.alias("stale"), F.array_compact(actions).alias("actions"))
    return plan.where(F.col("stale") | (F.size("actions") > 0))


def past_merge(store: Store, actions: DataFrame) -> DeltaMergeBuilder:
    """Return the MERGE of a `past_plan`'s actions."""
    condition = "t.codebook_version = s.codebook_version AND t.item_id = s.item_id AND t.valid_from = s.merge_from"
    inserted: dict[str, str | Column] = {name: f"s.{name}" for name in table("semantic_id").columns}
    merge = store.delta("semantic_id").alias("t").merge(actions.alias("s"), condition)
    merge = merge.whenMatchedDelete("s.action = 'delete'")
    merge = merge.whenMatchedUpdate("s.action = 'rewrite'", {"valid_from": "s.valid_from", "valid_to": "s.valid_to"})
    return merge.whenNotMatchedInsert("s.action = 'insert'", inserted)


def _do(action: str, row: str, **instead: Column) -> Column:
    meant = F.lit(None).cast("date") if action == "insert" else F.col(f"{row}.valid_from")
    values = [instead.get(name, F.col(f"{row}.{name}")).alias(name) for name in table("semantic_id").columns]
    return F.struct(F.lit(action).alias("action"), meant.alias("merge_from"), *values)
