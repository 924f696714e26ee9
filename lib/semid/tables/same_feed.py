"""A feed that was taken in before: the same bytes, judged by the same rules, into a catalog unchanged since.

Such a feed changes nothing, and none of its rows is looked at again: of a million items with vectors, reading and
judging took 87 s of a night that had nothing to do.
"""

from __future__ import annotations

import json
import logging
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import functions as F

from semid import __version__
from semid.config import SemidConfig
from semid.ids import fingerprint
from semid.tables import runs
from semid.tables.catalog import replace_quarantine
from semid.tables.store import Store

log = logging.getLogger(__name__)

_JOB = "ingest_catalog"


@dataclass(frozen=True)
class Earlier:
    """The run that took the feed in.

    Attributes:
        run_id: Its id, which its quarantined rows carry.
        rows_in: Rows of the feed.
        metrics: What it counted.
    """

    run_id: str
    rows_in: int
    metrics: Mapping[str, Any]


def taken_as(store: Store, config: SemidConfig, feed: str, version: int | None = None) -> str | None:
    """Return the fingerprint of all that decides what becomes of a feed's rows; None when that cannot be told.

    Args:
        store: The warehouse: the state of the catalog and, when feeds bring them, of the vectors.
        config: The rules. Images' files decide too, and are no part of the feed.
        feed: The fingerprint of the feed's contents; empty when its bytes were not read.
        version: Of item_catalog, as this run has left it; by default its newest one.
    """
    if not feed or config.images.on:
        return None
    rules = config.model_dump(mode="json", include={"catalog", "text", "embedding"})
    rules["catalog"].pop("path")
    tables = ["item_catalog", *(["item_embedding"] if config.embedding.supplied else [])]
    # With its size: a version that was lost with its commit is given again.
    state: dict[str, tuple[int, ...]] = {name: (store.version(name), *store.live_files(name)) for name in tables}
    if version is not None:
        state["item_catalog"] = (version, *state["item_catalog"][1:])
    return fingerprint([feed, rules, state, __version__, unicodedata.unidata_version])


def taken_before(store: Store, config: SemidConfig, feed: str, file: str, run_id: str) -> Earlier | None:
    """Return the newest run that took the feed in and left all as it is now; its bad rows become this run's as well.

    Args:
        store: The warehouse.
        config: The rules.
        feed: See `taken_as`.
        file: Name of its only file, which its bad rows are shown to be from; empty when it has several.
        run_id: This run.

    Returns:
        None, and nothing is written, when there is none, or the rows that it set aside are not all kept.
    """
    taken = taken_as(store, config, feed)
    then = _ended_as(store, taken) if taken else None
    if then is None or not _quarantined_again(store, then, file, run_id):
        return None
    log.info("    the feed is byte for byte that of run %s: its rows are not read again", then.run_id)
    return then


def _ended_as(store: Store, taken: str) -> Earlier | None:
    row = runs.newest_done(store, _JOB, taken_as=taken)
    return None if row is None else Earlier(row.run_id.removesuffix(f"/{_JOB}"), row.rows_in, json.loads(row.metrics))


def _quarantined_again(store: Store, then: Earlier, file: str, run_id: str) -> bool:
    count = then.metrics["quarantined"]
    rows = store.read("item_quarantine").where(F.col("run_id") == then.run_id)
    if count and rows.count() != count:
        return False
    here = rows.withColumn("run_id", F.lit(run_id))
    if file != then.metrics["feed_file"]:
        place = F.regexp_extract("source_row", r"(@\d+)?:\d+$", 0)
        here = here.withColumn("source_row", F.concat(F.lit(file), place))
    replace_quarantine(store, here, run_id, count)
    return True
