"""Show at a glance what is published, with which codebook, and how the last checks and runs ended.

Reads:      release, codebook, drift_report, run, and the row count of every table
Writes:     nothing
Exit codes: 0 done, 2 no warehouse, 6 damaged tables, 7 DuckDB's extension is missing
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from semid.cli.reader import as_table, plain, read, reader_parser
from semid.tables.query import Reader

SCHEMA_VERSION = 1
"""Of `--json`, see docs/status.schema.json; raised when a key is renamed, removed or means something else."""

_SHOWN = 5
_COUNTS = ("added", "changed", "removed", "unchanged", "quarantined")

_RELEASES = f"""
SELECT release_id, run_date, kind, status, verdict, codebook_version, counts, run_id, created_at
FROM release ORDER BY release_id DESC LIMIT {_SHOWN}"""
_CURRENT = """
SELECT release_id, run_date, kind, verdict, codebook_version, run_id, created_at,
  (SELECT count(*) FROM semantic_id_current) AS items
FROM published_release ORDER BY release_id DESC LIMIT 1"""
# A candidate was trained and never published; a shadow has IDs that are kept current beside the active ones.
_CODEBOOKS = f"""
SELECT c.*,
  CASE WHEN c.codebook_version = now.codebook_version THEN 'active'
    WHEN list_contains(now.serving_versions, c.codebook_version) THEN 'shadow'
    WHEN (SELECT bool_or(list_contains(r.serving_versions, c.codebook_version)) FROM published_release AS r)
      THEN 'retired' ELSE 'candidate' END AS state
FROM (SELECT codebook_version, kind, codebook_sizes, model, parent_version, metrics, trained_on, created_at
  FROM codebook) AS c
LEFT JOIN (SELECT * FROM published_release ORDER BY release_id DESC LIMIT 1) AS now ON true
ORDER BY c.codebook_version DESC LIMIT {_SHOWN}"""
# drift_report has no time of its own: a check is as old as its run, or as the release that it led to.
_CHECKS = """
SELECT run_id, cohort, metric, level, value, threshold_warn, threshold_block, status, note FROM drift_report
WHERE run_id = (
  SELECT d.run_id FROM drift_report AS d LEFT JOIN run USING (run_id) LEFT JOIN release AS r USING (run_id)
  GROUP BY d.run_id ORDER BY max(coalesce(started_at, created_at)) DESC NULLS LAST, d.run_id DESC LIMIT 1)
ORDER BY status, metric, cohort, level"""
_RUNS = f"""
SELECT run_id, job, run_date, status, started_at, seconds, rows_in, rows_out, message,
  (SELECT max(step.job) FROM run AS step
   WHERE starts_with(step.run_id, whole.run_id || '/') AND step.status <> 'done') AS stopped_at
FROM run AS whole WHERE NOT contains(run_id, '/') ORDER BY started_at DESC, run_id LIMIT {_SHOWN}"""


def arg_parser() -> argparse.ArgumentParser:
    """Return the command's flags."""
    parser = reader_parser("status", __doc__)
    parser.add_argument("--json", action="store_true", help="everything as one JSON object, for monitors")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print the state of the warehouse and return the exit code."""
    flags = arg_parser().parse_args(argv)
    return read(flags, lambda reader: _show(overview(reader), as_json=flags.json))


def overview(reader: Reader) -> dict[str, Any]:
    """Return the state of a warehouse; the keys are those of `semid status --json`."""
    current = reader.mappings(_CURRENT)
    writer = _writer(reader.folder)
    runs = reader.mappings(_RUNS)
    for run in runs:
        if run["status"] == "running" and writer is None:
            run["status"] = "killed"
    counts = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*) AS n FROM {name}" for name in reader.tables)
    return {
        "schema_version": SCHEMA_VERSION,
        "warehouse": str(reader.folder),
        "current": current[0] if current else None,
        "writer": writer,
        "releases": [_flat(row, row.pop("counts")) for row in reader.mappings(_RELEASES)],
        "codebooks": [_codebook(row) for row in reader.mappings(_CODEBOOKS)],
        "check": _check(reader.mappings(_CHECKS)),
        "runs": runs,
        "tables": {row["name"]: row["n"] for row in reader.mappings(f"{counts} ORDER BY 1")},
    }


def _show(state: Mapping[str, Any], *, as_json: bool) -> None:
    print(json.dumps(plain(dict(state)), indent=2, ensure_ascii=False) if as_json else _page(state))


def _page(state: Mapping[str, Any]) -> str:
    releases, runs, check = state["releases"], state["runs"], state["check"]
    sections = [
        _head(state),
        _section("RELEASES, newest first", releases, drop=("run_id",)),
        _section("CODEBOOKS, newest first", state["codebooks"]),
        _check_section(check) if check else "",
        _section("RUNS, newest first", runs, drop=() if any(run["stopped_at"] for run in runs) else ("stopped_at",)),
        _section("TABLES", [{"table": name, "rows": rows} for name, rows in state["tables"].items()]),
    ]
    return "\n\n".join(section for section in sections if section)


def _head(state: Mapping[str, Any]) -> str:
    current, writer = state["current"], state["writer"]
    lines = [f"warehouse  {state['warehouse']}"]
    if current is None:
        lines.append("current    nothing is published yet")
        lines.append(f"next       semid nightly --catalog PATH --warehouse {state['warehouse']}")
    else:
        release = f"release {current['release_id']} of {current['run_date']}"
        how = f"{current['kind']}, verdict {current['verdict']}"
        what = f"{current['items']:,} items, codebook {current['codebook_version']}"
        lines.append(f"current    {release} ({how}): {what}")
    if writer is not None:
        lines.append(f"writing    {writer['run']} (process {writer['pid']}, since {writer['since']})")
    return "\n".join(lines)


def _check_section(check: Mapping[str, Any]) -> str:
    title = f"LAST CHECK: {check['verdict']}, {check['checks']} checks of run {check['run_id']}"
    return _section(title, check["failing"]) or title


def _section(title: str, rows: Sequence[Mapping[str, Any]], drop: Sequence[str] = ()) -> str:
    if not rows:
        return ""
    columns = [name for name in rows[0] if name not in drop]
    return f"{title}\n{as_table(columns, [[row[name] for name in columns] for row in rows])}"


def _flat(release: Mapping[str, Any], counts: Mapping[str, int] | None) -> dict[str, Any]:
    return {**release, **{name: (counts or {}).get(name) for name in _COUNTS}}


def _codebook(row: Mapping[str, Any]) -> dict[str, Any]:
    metrics, sample = _object(row["metrics"]), _object(row["trained_on"])
    return {
        "version": row["codebook_version"],
        "state": row["state"],
        "kind": row["kind"],
        "sizes": row["codebook_sizes"],
        "model": row["model"],
        "parent": row["parent_version"],
        "trained_on": sample.get("rows", row["trained_on"]),
        "collision_rate": metrics.get("collision_rate"),
        "perplexity": [round(float(level), 2) for level in metrics.get("perplexity") or ()],
        "used_codes": metrics.get("used_codes"),
        "created_at": row["created_at"],
    }


def _check(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    if not rows:
        return None
    found = {row["status"] for row in rows}
    failing = [{k: v for k, v in row.items() if k != "run_id"} for row in rows if row["status"] in ("block", "warn")]
    verdict = next((status for status in ("block", "warn") if status in found), "pass")
    return {"run_id": rows[0]["run_id"], "verdict": verdict, "checks": len(rows), "failing": failing}


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _writer(folder: Path) -> dict[str, Any] | None:
    """Return who writes now on this machine; a holder file outlives a killed writer, its process does not."""
    try:
        who: dict[str, Any] = json.loads((folder / ".semid.holder").read_text())
        os.kill(int(who["pid"]), 0)
        return {"run": str(who["run"]), "pid": int(who["pid"]), "since": str(who["since"])}
    except PermissionError:
        return {"run": str(who["run"]), "pid": int(who["pid"]), "since": str(who["since"])}
    except (OSError, ValueError, KeyError):
        return None
