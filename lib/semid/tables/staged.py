"""The staged rows of a run: written whole, replaced whole, complete or refused."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.errors import StoredDataError
from semid.tables.store import Store


def stage(store: Store, rows: DataFrame, arrivals: DataFrame, run_id: str) -> int:
    """Replace the run's staged rows by `rows` and return their number.

    Raises:
        StoredDataError: An arrival got no row because its content has no vector; names how many and one of them.
    """
    expected = arrivals.count()
    if expected or not staged_rows(store, run_id).isEmpty():
        store.replace_where(rows, "semantic_id_staged", f"run_id = '{run_id}'")
    written = staged_rows(store, run_id)
    if written.count() != expected:
        lost = arrivals.join(written.select("item_id"), "item_id", "left_anti").agg(F.count("*"), F.min("item_id"))
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


def staged_run(store: Store, asked: str | None, own: str) -> str:
    """Return the run whose staged rows a step works on: the one asked for, its own, or the newest one staged.

    Args:
        store: The warehouse.
        asked: The run named on the command line, if any.
        own: The run id of the step itself, which inside a nightly run is the staging run's.
    """
    if asked is not None:
        return asked
    runs = store.read("run").where("job IN ('assign_ids', 'nightly') AND NOT contains(run_id, '/')")
    if own in {row[0] for row in runs.select("run_id").collect()}:
        return own
    newest = runs.where("status = 'done'").orderBy(F.desc("started_at")).limit(1).collect()
    if not newest:
        raise StoredDataError("no run has staged anything yet", where="table run", next_step="semid assign-ids")
    return str(newest[0].run_id)


def quarantined_rows(store: Store, run_id: str) -> int:
    """Return how many feed rows the run set aside."""
    return store.read("item_quarantine").where(F.col("run_id") == run_id).count()
