"""The staged rows of a run: written whole, replaced whole, complete or refused."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.errors import ConfigError, StoredDataError
from semid.tables.catalog import IMAGE_ROW
from semid.tables.intervals import KEY
from semid.tables.sql_text import equals
from semid.tables.store import Store


def stage(store: Store, rows: DataFrame, arrivals: DataFrame, run_id: str) -> int:
    """Replace the run's staged rows by `rows` and return their number.

    Args:
        store: The warehouse.
        rows: Rows of `semantic_id_staged` of this run.
        arrivals: (codebook_version, item_id) that must get a row each.
        run_id: The run.

    Raises:
        StoredDataError: An arrival got no row because its content has no vector; names how many and one of them.
    """
    expected = arrivals.count()
    if expected or not staged_rows(store, run_id).isEmpty():
        store.replace_where(rows, "semantic_id_staged", equals({"run_id": run_id}))
    written = staged_rows(store, run_id)
    if written.count() != expected:
        lost = arrivals.join(written.select(*KEY), KEY, "left_anti").agg(F.count("*"), F.min("item_id"))
        (row,) = lost.collect()
        raise StoredDataError(
            f"{row[0]} of {expected} arrivals have no embedding under the codebook's model",
            where="item_embedding",
            problems=[f"for example item {row[1]!r}"],
            next_step="semid embed-items, then semid assign-ids",
        )
    return expected


def staged_rows(store: Store, run_id: str) -> DataFrame:
    """Return the staged rows of a run."""
    return store.read("semantic_id_staged").where(F.col("run_id") == run_id)


def count_staged(store: Store, run_id: str, versions: Sequence[int]) -> int:
    """Return how many rows a run has staged, all of them under `versions`.

    Raises:
        StoredDataError: Rows are staged under another codebook version, which the run does not work with.
    """
    counts = staged_rows(store, run_id).groupBy("codebook_version").count().collect()
    if foreign := sorted(int(row[0]) for row in counts if row[0] not in versions):
        raise StoredDataError(
            f"rows are staged under codebook version {', '.join(map(str, foreign))}, which is not served",
            where=f"table semantic_id_staged, run_id {run_id}",
            next_step="semid assign-ids, then semid check-drift",
        )
    return sum(int(row[1]) for row in counts)


def staged_run(store: Store, asked: str | None, own: str) -> str:
    """Return the run whose staged rows a step works on: the one asked for, its own, or the newest one staged.

    Args:
        store: The warehouse.
        asked: The run named on the command line, if any.
        own: The run id of the step itself, which inside a nightly run is the staging run's.

    Raises:
        ConfigError: There is no run of the name asked for.
        StoredDataError: Nothing was staged yet.
    """
    jobs = ("assign_ids", "nightly", "retrain")
    rows = [row for row in store.rows("run") if row.job in jobs and "/" not in row.run_id]
    if asked is not None and asked not in {row.run_id for row in rows}:
        raise ConfigError("no such run", where=f"--staged-run {asked}", next_step="semid status shows the runs")
    if asked is not None or own in {row.run_id for row in rows}:
        return asked or own
    done = [row for row in rows if row.status == "done"]
    if not done:
        raise StoredDataError("no run has staged anything yet", where="table run", next_step="semid assign-ids")
    return str(max(done, key=lambda row: row.started_at).run_id)


def quarantined_rows(store: Store, run_id: str) -> int:
    """Return how many feed rows the run set aside; a row whose image alone was set aside is an item."""
    own = (F.col("run_id") == run_id) & ~F.col("source_row").endswith(IMAGE_ROW)
    return store.read("item_quarantine").where(own).count()
