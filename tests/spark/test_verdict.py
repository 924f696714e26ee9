"""What may be published: a run whose checks were made and all passed."""

from __future__ import annotations

import pytest

from semid.errors import GateBlocked
from semid.measure.gate import Check
from semid.tables.drift import write_report
from semid.tables.store import Store
from semid.tables.verdict import passed_verdict

SOUND = [Check("table", "items", 1.0, "pass"), Check("table", "gini", 0.5, "info")]


def test_only_a_run_that_was_checked_and_passed_may_be_published(store: Store) -> None:
    """Never checked, one check that blocks, and one without a value are refused with 4; a warning may pass."""
    with pytest.raises(GateBlocked, match="it was never checked") as refused:
        passed_verdict(store, "r")
    assert (refused.value.exit_code, refused.value.run_id) == (4, "r")
    write_report(store, "r", SOUND)
    assert passed_verdict(store, "r") == "pass"
    write_report(store, "r", [*SOUND, Check("arrivals", "psi", 0.2, "warn", 1)])
    assert passed_verdict(store, "r") == "warn"
    for broken in (Check("arrivals", "psi", 0.4, "block", 1), Check("arrivals", "psi", None, "pass", 1)):
        write_report(store, "r", [*SOUND, broken])
        with pytest.raises(GateBlocked, match="its checks failed"):
            passed_verdict(store, "r")
