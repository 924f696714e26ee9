"""All checks of a staged run: contracts and gates, for every codebook version it staged rows for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from pyspark.sql import functions as F

from semid.errors import SemidError
from semid.frames.expectations import declared, facts_frame, judge
from semid.frames.profile import profile
from semid.measure.checks import compare
from semid.measure.gate import Check, Thresholds
from semid.tables.drift import trained
from semid.tables.staged import staged_rows
from semid.tables.store import Store

log = logging.getLogger(__name__)


def audit(store: Store, run_id: str, versions: Sequence[int], thresholds: Thresholds) -> list[Check]:
    """Return the checks of a run's staged rows and of the tables as they would be after publication.

    Args:
        store: The warehouse.
        run_id: The run that staged the rows.
        versions: Codebook versions to check; with several, the cohort of a check says which (`table@v2`).
        thresholds: The gate's thresholds.

    Raises:
        SemidError: The stored data cannot be trusted. Anything else that goes wrong is a blocking check.
    """
    checks: list[Check] = []
    for version in versions:
        found = _guarded(store, run_id, version, thresholds)
        suffix = f"@v{version}" if len(versions) > 1 else ""
        checks += [replace(check, cohort=check.cohort + suffix) for check in found]
    return checks or [Check("contract", "evidence", None, "block", note="nothing staged and nothing published")]


def _guarded(store: Store, run_id: str, version: int, thresholds: Thresholds) -> list[Check]:
    try:
        return _checks(store, run_id, version, thresholds)
    except SemidError:
        raise
    except Exception as error:
        # A gate that breaks must stop the release, like one that finds something.
        log.exception("the checks failed")
        note = f"the checks themselves failed: {type(error).__name__}: {str(error).strip()[:200]}"
        return [Check("contract", "evidence", None, "block", note=note[:300])]


def _checks(store: Store, run_id: str, version: int, thresholds: Thresholds) -> list[Check]:
    book = trained(store, version)
    levels, same = len(book.sizes), F.col("codebook_version") == version
    staged = staged_rows(store, run_id).where(same).persist()
    try:
        # Side by side: loading Great Expectations takes 3 s, in which Spark can count.
        with ThreadPoolExecutor(1) as pool:
            on_rows = pool.submit(judge, staged, declared("semantic_id_staged", "rows", levels))
            counted = profile(
                staged,
                store.read("semantic_id").where(same),
                store.read("item_catalog"),
                store.read("semantic_id_change").where(F.col("to_version") == version),
                book.sizes,
            )
    finally:
        staged.unpersist()
    contracts = [*declared("semantic_id_staged", "facts", levels), *declared("semantic_id", "facts", levels)]
    on_facts = judge(facts_frame(counted.facts, staged), contracts)
    return [*on_rows.result(), *on_facts, *compare(counted, book.metrics, thresholds)]
