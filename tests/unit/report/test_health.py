"""The verdict in words: what is said of a night, what to do next, when a retrain is proposed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from semid.measure.gate import Check, refusal
from semid.report import health
from tests.report_facts import BLOCKED, LOST, PASSED, SHIFTED, WARNED, blocked, facts, night, warned


def test_a_healthy_night_says_so() -> None:
    """All checks passed: one word, and how many there were."""
    page = facts(night(1), night(2, checks=(PASSED, replace(PASSED, status="info"))))
    assert health.headline(page) == "Healthy"
    assert health.summary(page) == "Release 2 is published; none of its 2 checks warned."
    assert (health.status(page.night), health.next_step(page.night)) == ("pass", None)


def test_a_warning_is_counted() -> None:
    """A published release with a warning is not called healthy."""
    page = facts(night(1), warned(2, WARNED, PASSED))
    assert (health.headline(page), health.status(page.night)) == ("Published with warnings", "warn")
    assert health.summary(page) == "Release 2 is published; 1 check of 2 warned."


def test_a_block_names_what_readers_see_and_what_to_do() -> None:
    """The step is that of the gate's own message; missing evidence asks for its cause first."""
    page = facts(night(1), blocked(2, BLOCKED, PASSED))
    assert health.headline(page) == "Blocked: nothing was published"
    assert health.summary(page) == "1 check of 2 stopped the release. Readers still see release 1 of 2026-01-01."
    assert health.next_step(page.night) == refusal("", [BLOCKED]).next_step
    assert "find out why" in (health.next_step(blocked(2, BLOCKED, LOST)) or "")
    assert "There was none before" in health.summary(facts(blocked(1, BLOCKED)))
    assert "nightly-2 are recorded" in (health.next_step(blocked(2)) or "")


def test_a_release_without_checks_is_not_called_healthy() -> None:
    """A rollback, or a promotion of a codebook that was checked when it was made, has none; a night should."""
    assert health.headline(facts(night(1), night(2, kind="rollback", checks=()))) == "Rolled back"
    assert health.headline(facts(night(1), night(2, kind="retrain", checks=()))) == "Healthy"
    page = facts(night(1), night(2, checks=()))
    assert (health.headline(page), health.status(page.night)) == ("Published with warnings", "warn")
    assert "none are recorded" in health.summary(page)


def test_what_blocks_comes_first() -> None:
    """Blocking checks, then warnings; the rest is not listed."""
    assert health.failing([PASSED, SHIFTED, LOST, WARNED, BLOCKED]) == [LOST, BLOCKED, SHIFTED, WARNED]


@pytest.mark.parametrize(
    ("check", "says"),
    [
        (WARNED, "semid retrain"),
        (SHIFTED, "arrivals flood"),
        (LOST, "missing evidence blocks"),
        (Check("contract", "id_unique", 3, "block"), "semid assign-ids"),
        (Check("contract@v2", "id_unique", 3, "block"), "semid assign-ids"),
        (Check("table", "churn_unchanged_content", 1, "block"), "semid assign-ids"),
        (Check("promotion@v2", "churn", 0.5, "block", 1), "semid retrain --shadow"),
        (Check("table", "of_tomorrow", 1, "warn"), "docs/operations.md"),
    ],
)
def test_every_failure_has_a_next_step(check: Check, says: str) -> None:
    """Known metrics have advice of their own, unknown ones a place to look."""
    assert says in health.advice(check)


def test_three_warnings_in_a_row_propose_a_retrain() -> None:
    """Three or more, whatever warned; two, or three with a pass between, do not. Rollbacks do not count."""
    row = [warned(2), warned(3, SHIFTED), night(4, kind="rollback", checks=()), warned(5)]
    assert (
        health.proposal([night(1), *row])
        == "3 releases in a row did not pass all checks (psi, quantization_error_ratio)"
    )
    assert health.proposal([warned(1), warned(2)]) is None
    assert health.proposal([warned(1), warned(2), night(3), warned(4)]) is None
    assert health.proposal([warned(1), warned(2), warned(3), night(4)]) is None
    assert health.proposal([warned(1), warned(2), blocked(3, BLOCKED)]) is not None
    assert health.proposal([]) is None


def test_a_new_codebook_starts_the_count_anew() -> None:
    """Warnings against the codebook before say nothing about the new one."""
    new = {"codebook_version": 2}
    assert health.proposal([warned(1), warned(2), warned(3, **new)]) is None
    assert health.proposal([warned(0), warned(1, **new), warned(2, **new), warned(3, **new)]) is not None


def test_the_gate_itself_proposes_a_retrain() -> None:
    """One night beyond the limit is enough, and only the newest counts."""
    beyond = replace(WARNED, note="reference: error_heldout of the codebook; propose retrain")
    assert "beyond the point" in (health.proposal([night(1), warned(2, beyond)]) or "")
    assert health.proposal([warned(1, beyond), night(2)]) is None
