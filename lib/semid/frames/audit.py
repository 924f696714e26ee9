"""All checks of a staged run: contracts and gates, for every codebook version that it works with."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.errors import SemidError
from semid.frames.arrivals import sum_vectors
from semid.frames.coded_sample import collect_table_sample
from semid.frames.expectations import Record, declared, facts_frame, judge
from semid.frames.profile import profile
from semid.frames.promotion import to_prefix_counts
from semid.frames.spark_errors import meaning_of
from semid.measure.checks import compare, reproduced
from semid.measure.drift import Profile
from semid.measure.gate import Check, Thresholds
from semid.measure.neighbours import CodedSample, compare_neighbours
from semid.measure.promotion import compare_versions
from semid.measure.shift import compare_vectors
from semid.measure.streak import NIGHTS, streaks
from semid.quantize.capacity import best_last
from semid.quantize.hysteresis import keep_codes
from semid.tables import registry
from semid.tables.drift import earlier_statuses
from semid.tables.intervals import only_open
from semid.tables.registry import Card
from semid.tables.serving import Serving
from semid.tables.staged import staged_rows
from semid.tables.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Audit:
    """What is to be checked.

    Attributes:
        store: The warehouse.
        run_id: The run that staged the rows.
        serving: The versions it works with.
        thresholds: The gate's thresholds.
        shadow: Whether a candidate is only served beside the active version, so that no reader moves.
        record: Takes what Great Expectations answers; None when nobody wants it.
        instead: Frames that stand in for tables: the catalog and the IDs of a past date.
    """

    store: Store
    run_id: str
    serving: Serving
    thresholds: Thresholds
    shadow: bool = False
    record: Record | None = None
    instead: Mapping[str, DataFrame] = field(default_factory=dict)

    def checks(self) -> list[Check]:
        """Return the checks of the staged rows and of the tables as they would be after publication.

        With several versions, the cohort of a check says which one it is of (`table@v2`).

        Raises:
            SemidError: The stored data cannot be trusted. Anything else that goes wrong is a blocking check.
        """
        found: list[Check] = []
        for version in self.serving.versions:
            suffix = f"@v{version}" if len(self.serving.versions) > 1 else ""
            checks = self._guarded(self.serving.cards[version])
            found += [replace(check, cohort=check.cohort + suffix) for check in checks]
        if not found:
            return [Check("contract", "evidence", None, "block", note="nothing staged and nothing published")]
        return [*found, streaks(found, earlier_statuses(self.store, self.run_id, NIGHTS - 1))]

    def _guarded(self, card: Card) -> list[Check]:
        try:
            return self._of_version(card)
        except SemidError:
            raise
        except Exception as error:
            if (known := meaning_of(error)) is not None:
                raise known from error
            # A gate that breaks must stop the release, like one that finds something.
            log.exception("the checks failed")
            note = f"the checks themselves failed: {type(error).__name__}: {str(error).strip()[:200]}"
            return [Check("contract", "evidence", None, "block", note=note[:300])]

    def _of_version(self, card: Card) -> list[Check]:
        version, levels = card.codebook_version, len(card.codebook_sizes)
        same, ids = F.col("codebook_version") == version, self._read("semantic_id")
        staged = staged_rows(self.store, self.run_id).where(same).persist()
        try:
            # Side by side: loading Great Expectations takes 3 s, in which Spark can count.
            with ThreadPoolExecutor(1) as pool:
                contracts = declared("semantic_id_staged", "rows", levels)
                on_rows = pool.submit(judge, staged, contracts, f"staged_rows_v{version}", self.record)
                counted = profile(
                    staged,
                    ids.where(same),
                    self._read("item_catalog"),
                    self.store.read("semantic_id_change").where(F.col("to_version") == version),
                    card.codebook_sizes,
                )
            moved = self._promotion(card, staged, ids)
            embeddings = self.store.read("item_embedding").where(F.col("model") == card.model)
            vectors = sum_vectors(staged, embeddings)
            sample = _sampled(only_open(ids, [version]), staged, embeddings, levels, counted)
        finally:
            staged.unpersist()
        contracts = [*declared("semantic_id_staged", "facts", levels), *declared("semantic_id", "facts", levels)]
        on_facts = judge(facts_frame(counted.facts, staged), contracts, f"counted_facts_v{version}", self.record)
        metrics, limits = card.json_of("metrics"), self.thresholds
        shifted = compare_vectors(vectors, metrics, limits.centroid_shift, limits.embedding_norm)
        near = compare_neighbours(sample, metrics, limits.neighbour_preservation)
        again = self._reproduced(version, sample) if counted.facts["current_items"] else []
        return [*on_rows.result(), *on_facts, *compare(counted, metrics, limits), *shifted, *near, *moved, *again]

    def _read(self, name: str) -> DataFrame:
        return self.instead[name] if name in self.instead else self.store.read(name)

    def _reproduced(self, version: int, sample: CodedSample) -> list[Check]:
        stored, published = registry.load(self.store, version), sample.published & sample.among
        if not published.any():
            return [reproduced(0, 0)]
        x, codes = sample.x[published], sample.codes[published]
        if stored.capacity is not None:  # the last code may be the next best
            codes = best_last(x, stored.codebook, codes)
        kept = keep_codes(x, stored.codebook, codes, stored.tolerance).kept
        return [reproduced(len(kept), int((~kept).sum()))]

    def _promotion(self, card: Card, staged: DataFrame, ids: DataFrame) -> list[Check]:
        if card.codebook_version != self.serving.candidate or self.serving.active is None:
            return []
        counts = to_prefix_counts(staged, only_open(ids, [self.serving.active])).collect()
        levels = min(len(card.codebook_sizes), len(self.serving.cards[self.serving.active].codebook_sizes))
        rows = [row.asDict() for row in counts]
        return compare_versions(rows, levels, self.thresholds.promotion_churn, self.shadow)


def _sampled(
    current: DataFrame, staged: DataFrame, embeddings: DataFrame, levels: int, counted: Profile
) -> CodedSample:
    contents, arrivals = (int(counted.facts[name] or 0) for name in ("contents", "arrival_contents"))
    return collect_table_sample(current, staged, embeddings, levels, (contents, arrivals))
