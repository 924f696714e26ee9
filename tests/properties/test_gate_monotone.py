"""The gate as a function: what gets worse is never judged better, and nothing that is not a number passes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.measure.checks import reproduced
from semid.measure.drift import LevelCounts
from semid.measure.gate import Check, decide, falling, refusal, rising
from semid.measure.promotion import compare_versions
from tests.unit.measure.test_gate import FACTS, LIMITS, judged

Judged = dict[tuple[str, int], Check]
RANK = ["info", "pass", "warn", "block"]
numbers = st.floats(allow_nan=False, allow_infinity=False)
nothing = st.sampled_from([None, math.nan, math.inf, -math.inf])
statuses = st.sampled_from(["pass", "warn", "block", "info"])
any_check = st.builds(
    Check, st.sampled_from(["table", "contract", "promotion"]), st.text(max_size=5), numbers | nothing, statuses
)

sound_check = st.builds(Check, st.just("table"), st.just("m"), numbers, st.sampled_from(["pass", "warn", "info"]))

WORSE_WHEN_HIGH = {
    "uncovered_items": 10_000, "changed_ids": 9_400, "largest_bucket_contents": 9_000, "arrival_error": 9,
}  # fmt: skip


def verdict(found: Judged) -> int:
    return RANK.index(decide(found.values()).status)


@given(numbers, numbers, numbers, numbers)
@settings(deadline=None)
def test_a_worse_value_never_has_a_better_status(a: float, b: float, one: float, other: float) -> None:
    """Thresholds in the order in which a threshold file must have them."""
    (low, high), (less, more) = sorted((a, b)), sorted((one, other))
    assert RANK.index(rising(low, less, more)) <= RANK.index(rising(high, less, more))
    assert RANK.index(falling(low, more, less)) >= RANK.index(falling(high, more, less))


@given(nothing, numbers, numbers)
@settings(deadline=None)
def test_what_is_no_number_blocks(value: float | None, warn: float, block: float) -> None:
    """None, NaN and infinity, in both directions and as a check, whatever status it claims."""
    assert rising(value, warn, block) == falling(value, warn, block) == "block"
    assert rising(value, None, None) == "block"
    assert all(decide([Check("table", "m", value, status)]).status == "block" for status in ("pass", "warn", "info"))


@given(st.lists(any_check, max_size=6))
@settings(max_examples=40, deadline=None)
def test_every_reason_is_a_check_of_the_worst_status_and_the_error_names_each(checks: list[Check]) -> None:
    """As many reasons as checks that made the verdict; a refusal has a line for each that blocks."""
    verdict = decide(checks)
    blocking = [check for check in checks if check.blocks]
    assert (verdict.status == "block") == bool(blocking or not checks)
    deciding = blocking or [check for check in checks if check.status == "warn"]
    assert list(verdict.reasons) == [check.describe() for check in deciding] or not checks
    assert refusal("r", checks).problems == tuple(check.describe() for check in blocking)


@pytest.mark.parametrize("fact", WORSE_WHEN_HIGH)
@given(st.data())
@settings(max_examples=25, deadline=None)
def test_a_worse_fact_never_gives_a_better_verdict(fact: str, data: st.DataObject) -> None:
    """Check by check and as a whole, from the sound value up."""
    values = sorted(data.draw(st.floats(FACTS[fact], WORSE_WHEN_HIGH[fact])) for _ in range(2))
    better, worse = (judged({fact: value}) for value in values)
    assert better.keys() == worse.keys()
    assert all(RANK.index(better[name].status) <= RANK.index(worse[name].status) for name in better)
    assert verdict(better) <= verdict(worse)


@given(st.integers(1, 8_500), st.integers(1, 8_500))
@settings(max_examples=25, deadline=None)
def test_fewer_distinct_codes_never_give_a_better_verdict(one: int, other: int) -> None:
    """The collision rate rises as codes vanish."""
    few, many = (judged({"distinct_codes": codes}) for codes in sorted((one, other)))
    assert verdict(few) >= verdict(many)


@given(st.integers(1, 3), st.integers(0, 37), st.integers(0, 37))
@settings(max_examples=25, deadline=None)
def test_more_skewed_arrivals_never_give_a_better_verdict(at: int, one: int, other: int) -> None:
    """Contents move from half of a level's codes to the other half: PSI goes from nothing to a block."""

    def moved(by: int) -> Judged:
        arrivals = np.array([37 + by, 37 - by] * 8)
        rows = {True: arrivals, False: np.full(16, 37)}
        levels = [LevelCounts(n, np.full(16, 562), rows[n == at], np.full(16, 531)) for n in (1, 2, 3)]
        return judged(at=levels)

    little, much = (moved(by) for by in sorted((one, other)))
    assert verdict(little) <= verdict(much)
    assert (moved(0)["psi", at].status, moved(37)["psi", at].status) == ("pass", "block")


@given(st.sets(st.sampled_from(sorted(FACTS)), min_size=1), nothing)
@settings(max_examples=50, deadline=None)
def test_any_facts_that_could_not_be_counted_block(missing: set[str], value: float | None) -> None:
    """One or several at once; no sum or ratio of them comes out as a pass or as a crash."""
    assert decide(judged(dict.fromkeys(missing, value)).values()).status == "block"


@given(st.integers(0, 50), st.integers(0, 50))
@settings(deadline=None)
def test_one_published_code_that_comes_out_else_blocks(looked: int, other: int) -> None:
    """And so does having looked at none."""
    assert (decide([reproduced(looked, other)]).status == "pass") == (looked > 0 and other == 0)


@given(st.lists(st.integers(0, 30), min_size=4, max_size=4), st.integers(0, 3), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_items_that_keep_less_never_give_a_promotion_a_better_verdict(rows: list[int], at: int, lost: int) -> None:
    """Items by equal leading codes of three levels; some of them keep fewer. Nobody to compare is no evidence."""

    def judged_by(counts: list[int]) -> int:
        found = [
            {"edited": False, "common_prefix": n, "items": count, "same_ids": 0, "old_error": 0.0, "new_error": 0.0}
            for n, count in enumerate(counts)
        ]
        return RANK.index(decide(compare_versions(found, 3, LIMITS.promotion_churn, shadow=False)).status)

    before, after = rows, rows[:]
    after[max(at - lost, 0)] += rows[at]
    after[at] -= rows[at]
    assert judged_by(before) <= judged_by(after)
    assert [judged_by(counts) for counts in ([0, 0, 0, 0], [0, 0, 0, 9], [9, 0, 0, 0])] == [3, 1, 3]


@given(st.lists(sound_check, max_size=5), nothing, statuses, st.data())
def test_missing_evidence_never_passes(checks, value, status, data):
    """A check without a finite value blocks, whatever its status says and wherever it stands."""
    checks.insert(data.draw(st.integers(0, len(checks))), Check("table", "m", value, status))
    verdict = decide(checks)
    assert verdict.status == "block"
    assert any("missing evidence" in reason for reason in verdict.reasons)


@given(st.lists(any_check, max_size=6), any_check)
def test_one_more_check_never_improves_a_verdict(checks, extra):
    """Adding a check to some leaves the verdict as it is or makes it worse."""
    rank = ["pass", "warn", "block"]
    if checks:
        assert rank.index(decide([*checks, extra]).status) >= rank.index(decide(checks).status)


@given(st.lists(any_check, min_size=1, max_size=6), st.randoms())
def test_order_of_checks_does_not_decide(checks, random):
    """The verdict's status depends on which checks there are, not on their order."""
    shuffled = checks[:]
    random.shuffle(shuffled)
    assert decide(shuffled).status == decide(checks).status


@given(numbers, numbers, numbers)
def test_thresholds_act_at_the_number_itself(value, warn, block):
    """Both directions: at the block threshold a value blocks, and only beyond the warn threshold it passes."""
    assert (rising(value, warn, block) == "block") == (value >= block)
    assert (falling(value, warn, block) == "block") == (value <= block)
    assert rising(block, warn, block) == falling(block, warn, block) == "block"
    assert rising(math.nan, warn, block) == falling(math.nan, warn, block) == "block"
    assert rising(value, math.nan, math.nan) == "block"
