"""What the report shows of releases, counted by DuckDB on a warehouse's tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from semid.errors import ConfigError
from semid.measure.drift import Counts
from semid.measure.evaluation import Measure
from semid.measure.gate import Check
from semid.report.evaluation import Evaluation
from semid.report.facts import CodeUse, Example, Night, ReleaseFacts, State, Survivors, Unfinished
from semid.tables.query import Reader

EXAMPLES = 10

_RELEASES = """
SELECT release_id, run_id, run_date, kind, status, verdict, codebook_version, counts, created_at
FROM release ORDER BY release_id"""
_CHECKS = """
SELECT run_id, cohort, metric, level, value, reference, threshold_warn, threshold_block, status,
  coalesce(note, '') AS note
FROM drift_report WHERE run_id IN (SELECT run_id FROM release) ORDER BY cohort, metric, level"""
_MOVES = """
SELECT release_id, c.reason = 'content' AS edited, common_prefix,
  count(*) AS items, count(*) FILTER (old_semantic_id <> new_semantic_id) AS moved
FROM semantic_id_change AS c JOIN published_release AS r USING (release_id)
WHERE c.codebook_version = r.codebook_version AND old_semantic_id IS NOT NULL AND new_semantic_id IS NOT NULL
GROUP BY ALL"""
_EXAMPLES = f"""
SELECT item_id, title, old_semantic_id AS old, new_semantic_id AS new, common_prefix, reason
FROM semantic_id_change AS c JOIN published_release AS r USING (release_id) LEFT JOIN item_catalog USING (item_id)
WHERE release_id = {{release_id:d}} AND c.codebook_version = r.codebook_version
  AND old_semantic_id <> new_semantic_id
ORDER BY common_prefix, item_id LIMIT {EXAMPLES}"""
_SIZES = "SELECT codebook_version, codebook_sizes FROM codebook"
# The steps of a chain have rows of their own, `run_id/job`; the chain's row says how all of it ended.
_UNFINISHED = """
SELECT run_id, job, run_date, status, message FROM run
WHERE NOT contains(run_id, '/') AND status IN ('failed', 'running')
  AND started_at > (SELECT coalesce(max(created_at), TIMESTAMP '1970-01-01') FROM release)
  AND started_at >= (SELECT max(started_at) FROM run)
ORDER BY run_id LIMIT 1"""

_EVALUATION = """
SELECT run_id, metric, value, ci_low AS low, ci_high AS high, slice FROM eval_report
WHERE task = 'codes' AND run_id = (
  SELECT e.run_id FROM eval_report AS e JOIN run AS r USING (run_id)
  WHERE task = 'codes' AND json_extract_string(params, '$.codebook_version') = '{version:d}'
  ORDER BY r.started_at DESC, e.run_id LIMIT 1)
ORDER BY metric, slice"""

_STATE = """
SELECT codes, content_hash FROM semantic_id
WHERE codebook_version = {version:d} AND valid_from <= DATE '{day}' AND (valid_to IS NULL OR valid_to > DATE '{day}')"""
_CODES = f"""
SELECT level, code, count(*) AS items, count(DISTINCT content_hash) AS contents
FROM (SELECT unnest(codes) AS code, generate_subscripts(codes, 1) AS level, content_hash FROM ({_STATE}))
GROUP BY ALL"""
_BUCKETS = f"""
WITH bucket AS (SELECT count(*) AS items, count(DISTINCT content_hash) AS contents FROM ({_STATE}) GROUP BY codes)
SELECT 'items' AS what, items AS size, count(*) AS buckets FROM bucket GROUP BY ALL
UNION ALL SELECT 'contents', contents, count(*) FROM bucket GROUP BY ALL ORDER BY what, size"""


def nights(reader: Reader) -> list[Night]:
    """Return every release, blocked ones included, with its checks and churn, oldest first."""
    checks, moves = defaultdict(list), defaultdict(list)
    for row in reader.mappings(_CHECKS):
        checks[row.pop("run_id")].append(Check(**row))
    for row in reader.mappings(_MOVES):
        moves[row["release_id"]].append(row)
    depths = {row["codebook_version"]: len(row["codebook_sizes"]) for row in reader.mappings(_SIZES)}
    found: list[Night] = []
    for row in reader.mappings(_RELEASES):
        compared = row["status"] == "published" and any(night.published for night in found)
        counts = dict(row.pop("counts") or {})
        rows = moves[row["release_id"]]
        levels = depths.get(row["codebook_version"], 0)
        survivors = _survivors(counts, rows, levels) if compared else None
        found.append(Night(**row, counts=counts, checks=tuple(checks[row["run_id"]]), survivors=survivors))
    return found


def release_facts(reader: Reader, history: Sequence[Night], release_id: int | None) -> ReleaseFacts:
    """Return what there is to know of one release.

    Args:
        reader: The warehouse.
        history: All its releases, from `nights`.
        release_id: Which one; None for the newest.

    Raises:
        ConfigError: There is no such release.
    """
    known = {night.release_id: night for night in history}
    night = known.get(max(known, default=0) if release_id is None else release_id)
    if night is None:
        raise _no_release(reader, release_id, sorted(known))
    until = tuple(n for n in history if n.release_id <= night.release_id)
    before = next((n for n in reversed(until[:-1]) if n.published), None)
    seen = night if night.published else before
    return ReleaseFacts(
        night=night,
        history=until,
        before=before,
        state=None if seen is None else _state(reader, seen, history),
        moved=night.survivors.moved[-1] if night.survivors else 0,
        examples=tuple(Example(**row) for row in reader.mappings(_EXAMPLES.format(release_id=night.release_id))),
        evaluation=_evaluation(reader, night),
    )


def unfinished(reader: Reader) -> Unfinished | None:
    """Return the newest run if it made no release: it failed, still runs, or was killed."""
    if "run" not in reader.tables:
        return None
    rows = reader.mappings(_UNFINISHED)
    return Unfinished(**rows[0]) if rows else None


def _survivors(counts: Mapping[str, int], rows: Iterable[Mapping[str, Any]], levels: int) -> Survivors:
    edited, moved = 0, {True: [0] * (levels + 1), False: [0] * (levels + 1)}
    for row in rows:
        edited += row["items"] if row["edited"] else 0
        tally = moved[row["edited"]]
        tally[-1] += row["moved"]
        for depth in range(row["common_prefix"], levels):
            tally[depth] += row["items"]
    total = counts.get("unchanged", 0) + counts.get("changed", 0)
    return Survivors(edited, max(total - edited, 0), tuple(moved[True]), tuple(moved[False]))


def _evaluation(reader: Reader, night: Night) -> Evaluation | None:
    if night.codebook_version is None or not {"eval_report", "run"} <= set(reader.tables):
        return None
    rows = reader.mappings(_EVALUATION.format(version=night.codebook_version))
    if not rows:
        return None
    run_id = str(rows[0]["run_id"])
    return Evaluation(run_id, tuple(Measure(**{k: v for k, v in row.items() if k != "run_id"}) for row in rows))


def _state(reader: Reader, night: Night, history: Sequence[Night]) -> State | None:
    if night.codebook_version is None:
        return None
    where = {"version": night.codebook_version, "day": night.run_date.isoformat()}
    sizes = {row["codebook_version"]: row["codebook_sizes"] for row in reader.mappings(_SIZES)}
    rows = reader.mappings(_CODES.format(**where))
    if not rows:
        return None
    buckets: dict[str, dict[int, int]] = {"items": {}, "contents": {}}
    for row in reader.mappings(_BUCKETS.format(**where)):
        buckets[row["what"]][row["size"]] = row["buckets"]
    later = [n for n in history if n.published and n.release_id > night.release_id and n.run_date == night.run_date]
    levels = _code_use(rows, sizes.get(night.codebook_version, []))
    return State(night.release_id, levels, buckets["items"], buckets["contents"], replaced=bool(later))


def _code_use(rows: Sequence[Mapping[str, Any]], sizes: Sequence[int]) -> tuple[CodeUse, ...]:
    levels = []
    for level in range(1, max(row["level"] for row in rows) + 1):
        here = [row for row in rows if row["level"] == level]
        declared = sizes[level - 1] if level <= len(sizes) else 0
        size = max(declared, max(row["code"] for row in here) + 1)
        items, contents = (_by_code(here, name, size) for name in ("items", "contents"))
        levels.append(CodeUse(level, items, contents))
    return tuple(levels)


def _by_code(rows: Sequence[Mapping[str, Any]], name: str, size: int) -> Counts:
    counts = np.zeros(size, np.int64)
    counts[[row["code"] for row in rows]] = [row[name] for row in rows]
    return counts


def _no_release(reader: Reader, wanted: int | None, known: Sequence[int]) -> ConfigError:
    if not known:
        return ConfigError(
            "there is no release yet",
            where=f"warehouse: {reader.folder}",
            next_step=f"semid nightly --catalog PATH --warehouse {reader.folder}",
        )
    return ConfigError(
        f"there is no release {wanted}",
        where=f"warehouse: {reader.folder}",
        problems=[f"releases are {known[0]} to {known[-1]}"],
        next_step="semid status shows the newest; without --release the newest is shown",
    )
