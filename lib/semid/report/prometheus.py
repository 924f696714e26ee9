"""An execution as Prometheus metrics, in the text format that node-exporter's textfile collector reads.

Format: https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

_HELP = {
    "semid_run_exit_code": "Exit code of the last execution: 0 done, 4 blocked, see docs/operations.md",
    "semid_run_ended_timestamp_seconds": "When the last execution ended, Unix time",
    "semid_run_seconds": "Wall time of the last execution",
    "semid_run_rows_in": "Rows that the last execution read",
    "semid_run_rows_out": "Rows that the last execution wrote",
    "semid_run_count": "What the last execution counted, by name: the numbers of run.metrics",
    "semid_step_seconds": "Wall time of each step of the last execution",
    "semid_step_rows_out": "Rows that each step of the last execution wrote",
    "semid_run_last_success_timestamp_seconds": "When the job last ended with 0, Unix time",
}

Sample = tuple[str, Mapping[str, str], float]


def execution_text(execution: Mapping[str, Any]) -> str:
    """Return the metrics of an execution, one line of `runs.jsonl` (docs/monitoring.md).

    What the execution did not get to is left out; a number that is not finite too, as a missing metric can be
    alerted on and a NaN compares to nothing.
    """
    of = _of(execution)
    samples = [(f"semid_run_{name}", of, execution[name]) for name in ("exit_code", "seconds", "rows_in", "rows_out")]
    samples.append(("semid_run_ended_timestamp_seconds", of, execution["ended_at"].timestamp()))
    samples += [("semid_run_count", {**of, "name": name}, n) for name, n in (execution["metrics"] or {}).items()]
    for step in execution["steps"]:
        at = {**of, "step": str(step["job"])}
        samples += [(f"semid_step_{name}", at, step.get(name)) for name in ("seconds", "rows_out")]
    return _text(samples)


def success_text(execution: Mapping[str, Any]) -> str:
    """Return when the job succeeded: a file of its own, that a later failure does not replace."""
    of = _of(execution)
    return _text([("semid_run_last_success_timestamp_seconds", of, execution["ended_at"].timestamp())])


def _of(execution: Mapping[str, Any]) -> dict[str, str]:
    # Not `job`: that is the scrape's own label, and Prometheus would rename ours.
    return {"warehouse": str(execution["warehouse"]), "semid_job": str(execution["job"])}


def _text(samples: Iterable[tuple[str, Mapping[str, str], Any]]) -> str:
    families: dict[str, list[Sample]] = {name: [] for name in _HELP}
    for name, labels, value in samples:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            families[name].append((name, labels, value))
    lines: list[str] = []
    for name, found in families.items():
        if found:
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge", *map(_line, found)]
    return "\n".join(lines) + "\n"


def _line(sample: Sample) -> str:
    name, labels, value = sample
    shown = ",".join(f'{key}="{_quoted(text)}"' for key, text in labels.items())
    return f"{name}{{{shown}}} {value!r}"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
