"""Making a past date again from its feed: its items, their vectors and their IDs, as the night would have had them.

The state of that date stands in for the tables, so the rules, the ledger and the gate are the night's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.config import SemidConfig
from semid.errors import ConfigError
from semid.frames import intake
from semid.frames.assign import Inputs, assign
from semid.frames.audit import Audit
from semid.frames.changes import REMOVED, only_good
from semid.frames.embed import embed_model, to_active_contents
from semid.frames.illustrate import illustrated
from semid.frames.ingest import open_feed, refuse_changed
from semid.frames.resolve import to_staged
from semid.frames.supplied import append_supplied_vectors
from semid.measure.gate import Verdict, decide, load_thresholds, refusal
from semid.tables import catalog, registry, serving
from semid.tables.drift import write_report
from semid.tables.intervals import valid_on
from semid.tables.past import Past, as_open
from semid.tables.serving import Serving
from semid.tables.staged import stage
from semid.tables.store import Store
from semid.text.model import fingerprint_of


@dataclass(frozen=True)
class PastFeed:
    """What the feed of a past date holds.

    Attributes:
        items: As item_catalog would have been: item_id, content_hash, text, image_url, is_active; text and image_url
            are null for contents that are not to be embedded.
        read: Rows of the feed.
        quarantined: Rows set aside; an item among them keeps what it had.
    """

    items: DataFrame
    read: int
    quarantined: int


def serving_on(store: Store, past: Past, config: SemidConfig) -> Serving:
    """Return the codebook versions of a past date.

    Raises:
        ConfigError: The feeds are increments: what the catalog was on that date is not in one of them.
        StoredDataError: The configured embedding model is not that of the version that was active.
    """
    if config.catalog.mode != "snapshot":
        raise ConfigError(
            "a past date can be rebuilt from a snapshot only",
            where=f"catalog.mode: {config.catalog.mode}",
            next_step="give a feed that holds the whole catalog of that date, with --set catalog.mode=snapshot",
        )
    found = served(store, past)
    serving.require_model(found, fingerprint_of(config), config.codebook)
    return found


def served(store: Store, past: Past) -> Serving:
    """Return the codebook versions of a past date with their cards."""
    cards = {c.codebook_version: c for c in registry.cards(store) if c.codebook_version in past.serving}
    return Serving(past.active, past.serving, None, cards)


@contextmanager
def past_feed(store: Store, config: SemidConfig, run_id: str, past: Past) -> Iterator[PastFeed]:
    """Judge the feed of a past date as ingesting does, and hold its items; `item_catalog` is not written.

    Raises:
        InputRefused: As ingesting refuses a feed; shrunken means beside the items of that date so far.
    """
    rules, stored = intake.rules_of(config), store.read("item_catalog")
    feed = open_feed(store.spark, config, rules.template)
    model = fingerprint_of(config) if rules.supplied else None
    dim = catalog.stored_dim(store, model) if model else None
    ids = store.read("semantic_id").where(valid_on(past.day) & (F.col("codebook_version") == past.active))
    with intake.judged_rows(store.spark, feed, rules, dim) as judged:
        counts = intake.count_rows(judged)
        intake.refuse_bad_feed(judged.rows, counts, config.catalog)
        with illustrated(judged.rows, stored, config.images) as found:
            refuse_changed(store.spark, feed, config)
            set_aside = counts.quarantined + found.unreadable
            catalog.replace_quarantine(store, found.to_quarantine(run_id), run_id, set_aside)
            if model:
                append_supplied_vectors(store, only_good(found.rows), model, run_id)
            items = to_past_items(found.rows, ids).persist(StorageLevel.MEMORY_AND_DISK)
            gone = ids.join(items, "item_id", "left_anti").count()
            intake.refuse_shrunken({REMOVED: gone}, ids.select(F.lit(True).alias("is_active")), config.catalog)
            try:
                yield PastFeed(items, counts.read, counts.quarantined)
            finally:
                items.unpersist()


@contextmanager
def published_items(store: Store, past: Past, active: int) -> Iterator[PastFeed]:
    """Hold the items that had an ID on a past date, under the codebook that was active then."""
    ids = store.read("semantic_id").where(valid_on(past.day) & (F.col("codebook_version") == active))
    items = _without_text(ids).withColumn("is_active", F.lit(True)).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield PastFeed(items, items.count(), 0)
    finally:
        items.unpersist()


def to_past_items(rows: DataFrame, ids: DataFrame) -> DataFrame:
    """Return the items of a feed; one whose row was set aside keeps the content that it had.

    Args:
        rows: Judged rows.
        ids: The IDs of the date so far, of one codebook version.
    """
    good = only_good(rows).select("item_id", "content_hash", "text", "image_url")
    listed = rows.where("item_id IS NOT NULL").select("item_id").distinct()
    bad = listed.join(good, "item_id", "left_anti")
    kept = _without_text(ids.join(bad, "item_id"))
    return good.unionByName(kept).withColumn("is_active", F.lit(True))


def embed_past(store: Store, feed: PastFeed, found: Serving, config: SemidConfig, run_id: str) -> int:
    """Embed the feed's contents that have no vector yet, by every model that was served; return how many."""
    contents = to_active_contents(feed.items.where("text IS NOT NULL"))
    models = serving.models_of(found, config)
    return sum(embed_model(store, contents, one, model, run_id)[1] for model, one in models.items())


def stage_past(store: Store, feed: PastFeed, past: Past, run_id: str) -> int:
    """Stage an ID for every item whose content was another on the date so far, and return their number.

    A content takes the codes it was ever given, an item the number it ever had in its bucket, also by later releases.
    """
    tables = {name: store.read(name) for name in ("item_embedding", "semantic_id", "semantic_id_change")}
    state = as_open(tables["semantic_id"], past.day)
    inputs = Inputs(feed.items, tables["item_embedding"], state, tables["semantic_id_change"])
    parts = [assign(inputs, registry.load(store, version), None) for version in past.serving]
    rows = to_staged(reduce(DataFrame.unionByName, [part.rows for part in parts]), run_id, past.day)
    staged = stage(store, rows, reduce(DataFrame.unionByName, [part.arrivals for part in parts]), run_id)
    for part in parts:
        for frame in part.held:
            frame.unpersist()
    return staged


def audit_past(store: Store, feed: PastFeed, past: Past, found: Serving, config: SemidConfig, run_id: str) -> Verdict:
    """Check the staged rows against the date's own state, with every check of a night, and return the verdict.

    Raises:
        GateBlocked: A check failed; nothing is published.
    """
    instead = {"item_catalog": feed.items, "semantic_id": as_open(store.read("semantic_id"), past.day)}
    checks = Audit(store, run_id, found, load_thresholds(config.gate.thresholds), instead=instead).checks()
    write_report(store, run_id, checks)
    verdict = decide(checks)
    if verdict.status == "block":
        raise refusal(run_id, checks)
    return verdict


def _without_text(ids: DataFrame) -> DataFrame:
    nothing = F.lit(None).cast("string")
    return ids.select("item_id", "content_hash", nothing.alias("text"), nothing.alias("image_url"))
