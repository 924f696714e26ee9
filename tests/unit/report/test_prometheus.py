"""Run metrics in the exposition format, character by character."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from semid.report.prometheus import execution_text, success_text

ENTRY: dict[str, Any] = {
    "warehouse": '/data/"a"\\b\nc',
    "job": "nightly",
    "exit_code": 0,
    "ended_at": datetime(2026, 1, 5, 3, 0, 0, 500_000, tzinfo=UTC),
    "seconds": 12.5,
    "rows_in": 300,
    "rows_out": None,
    "metrics": {"added": 7, "verdict": "warn", "levels": [1, 2], "ratio": float("nan"), "on": True},
    "steps": [
        {"job": "embed_items", "seconds": 8.25, "rows_out": 7},
        {"job": "check_drift", "seconds": None, "rows_out": None},
    ],
}
OF = 'warehouse="/data/\\"a\\"\\\\b\\nc",semid_job="nightly"'


def test_an_execution_as_metrics() -> None:
    """Families with HELP and TYPE, labels escaped; texts, lists, NaN and what is not known are left out."""
    lines = [line for line in execution_text(ENTRY).splitlines() if not line.startswith("# HELP")]
    assert lines == [
        "# TYPE semid_run_exit_code gauge",
        f"semid_run_exit_code{{{OF}}} 0",
        "# TYPE semid_run_ended_timestamp_seconds gauge",
        f"semid_run_ended_timestamp_seconds{{{OF}}} 1767582000.5",
        "# TYPE semid_run_seconds gauge",
        f"semid_run_seconds{{{OF}}} 12.5",
        "# TYPE semid_run_rows_in gauge",
        f"semid_run_rows_in{{{OF}}} 300",
        "# TYPE semid_run_count gauge",
        f'semid_run_count{{{OF},name="added"}} 7',
        "# TYPE semid_step_seconds gauge",
        f'semid_step_seconds{{{OF},step="embed_items"}} 8.25',
        "# TYPE semid_step_rows_out gauge",
        f'semid_step_rows_out{{{OF},step="embed_items"}} 7',
    ]
    assert execution_text(ENTRY).endswith("\n")


def test_each_family_has_one_help_line_before_its_samples() -> None:
    """The collector refuses a file in which a family comes twice."""
    text = execution_text(ENTRY).splitlines()
    helped = [line.split()[2] for line in text if line.startswith("# HELP")]
    assert len(helped) == len(set(helped)) == 7


def test_success_is_a_time_alone() -> None:
    """The file that a failure leaves as it is."""
    _, _, sample = success_text(ENTRY).splitlines()
    assert sample == f"semid_run_last_success_timestamp_seconds{{{OF}}} 1767582000.5"
