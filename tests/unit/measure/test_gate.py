"""The gate: thresholds are checked, evidence that is missing blocks, and one block is enough."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest

from semid.config import packaged
from semid.errors import ConfigError
from semid.measure.checks import compare
from semid.measure.drift import LevelCounts, Profile
from semid.measure.gate import Check, decide, load_thresholds, refusal

LIMITS = load_thresholds()

FACTS = {
    "staged_rows": 600, "active_items": 10_000, "uncovered_items": 0, "changed_ids": 0, "kept_items": 9_400,
    "removed_items": 3, "current_items": 9_403, "contents": 9_000, "distinct_codes": 8_500, "items": 10_000,
    "largest_bucket_items": 40, "largest_bucket_contents": 9, "arrival_contents": 600, "arrival_error": 0.31,
}  # fmt: skip
METRICS = {"used_codes": [16, 16, 16], "perplexity": [15.0, 15.5, 15.8], "error_heldout": 0.3}


def levels(size=16, rows=9_000, arrivals=600, previous=8_500):
    """Three levels with equal use of every code."""
    return [LevelCounts(n, *(np.full(size, count // size) for count in (rows, arrivals, previous))) for n in (1, 2, 3)]


def judged(facts=None, metrics=None, at=None):
    """The checks of a sound profile with some facts or metrics replaced, by (metric, level)."""
    checks = compare(Profile(FACTS | (facts or {}), at or levels()), METRICS | (metrics or {}), LIMITS)
    return {(check.metric, check.level): check for check in checks}


def test_worst_status_wins_and_reasons_name_it():
    """Passes and infos pass, a warning warns, a block blocks; the reasons are those of the worst status."""
    ok, info, warn = (Check("table", name, 1.0, name) for name in ("pass", "info", "warn"))
    block = Check("arrivals", "psi", 0.4, "block", 2, threshold_block=0.25, note="shifted")
    assert decide([ok, info]).status == "pass"
    assert decide([ok, warn]).status == "warn"
    assert decide([ok, warn, block]) == decide([block])
    assert decide([block]).reasons == ("arrivals: psi, level 2 = 0.4, blocks at 0.25 (shifted)",)


def test_no_checks_at_all_block():
    """Nothing checked is no evidence of anything."""
    assert decide([]).status == "block"


def test_a_sound_profile_passes():
    """No check of a sound profile warns or blocks."""
    assert decide(judged().values()).status == "pass"


@pytest.mark.parametrize(
    ("facts", "metric", "status"),
    [
        ({"uncovered_items": 1}, "uncovered_items", "block"),
        ({"changed_ids": 1}, "churn_unchanged_content", "block"),
        ({"arrival_error": 0.3 * 1.14}, "quantization_error_ratio", "pass"),
        ({"arrival_error": 0.3 * 1.2}, "quantization_error_ratio", "warn"),
        ({"arrival_error": 0.3 * 2.1}, "quantization_error_ratio", "block"),
        ({"arrival_error": 0.3 * 2.1, "arrival_contents": 99}, "quantization_error_ratio", "info"),
        ({"arrival_error": math.nan, "arrival_contents": 99}, "quantization_error_ratio", "block"),
        ({"arrival_error": None}, "quantization_error_ratio", "block"),
        ({"distinct_codes": 2_000}, "collision_rate_contents", "warn"),
        ({"distinct_codes": 500}, "collision_rate_contents", "block"),
        ({"distinct_codes": 5, "contents": 900}, "collision_rate_contents", "info"),
        ({"largest_bucket_contents": 100}, "largest_bucket_contents", "warn"),
        ({"largest_bucket_contents": 600}, "largest_bucket_contents", "block"),
        ({"largest_bucket_contents": None}, "largest_bucket_contents", "block"),
        ({"contents": 0}, "collision_rate_contents", "info"),
    ],
)
def test_each_fact_is_judged(facts, metric, status):
    """One fact moved at a time moves its own check, and a missing one blocks."""
    check = judged(facts)[metric, 0]
    assert check.status == status
    assert decide([check]).status == ("block" if check.value is None else {"info": "pass"}.get(status, status))


@pytest.mark.parametrize("name", sorted(FACTS))
@pytest.mark.parametrize("missing", [None, math.nan])
def test_any_fact_that_is_missing_blocks(name, missing):
    """Not one of the gated facts can be null or NaN and pass."""
    assert decide(judged({name: missing}).values()).status == "block"


def test_propose_retrain_is_said_from_its_threshold_on():
    """From 1.30 on the note proposes to retrain; below it does not."""
    assert "propose retrain" not in judged({"arrival_error": 0.3 * 1.29})["quantization_error_ratio", 0].note
    assert "propose retrain" in judged({"arrival_error": 0.3 * 1.31})["quantization_error_ratio", 0].note


@pytest.mark.parametrize("metrics", [{"error_heldout": math.nan}, {"error_heldout": 0.0}, {"error_heldout": "0.3"}])
def test_an_unusable_reference_blocks(metrics):
    """A codebook whose recorded error is no positive number is no reference, also for few arrivals."""
    assert judged(metrics=metrics)["quantization_error_ratio", 0].blocks
    assert judged({"arrival_contents": 5}, metrics)["quantization_error_ratio", 0].blocks


def test_training_error_stands_in_for_heldout():
    """Without error_heldout the training error is the reference; without both the check blocks."""
    check = judged(metrics={"error_heldout": None, "error_train": 0.31})["quantization_error_ratio", 0]
    assert (check.value, check.status) == (pytest.approx(1.0), "pass")
    assert "error_train" in check.note
    assert judged(metrics={"error_heldout": None})["quantization_error_ratio", 0].blocks


@pytest.mark.parametrize(("used", "status"), [(16, "pass"), (15, "warn"), (8, "block")])
def test_lost_codes_are_judged_against_the_training_contents(used, status):
    """15 of 16 codes in use is below 95 %; half of them is a collapse."""
    at = levels()
    at[1].state[:] = 0
    at[1].state[:used] = 1_000
    assert judged(at=at)["used_codes", 2].status == status


def test_collapsed_perplexity_blocks_although_every_code_is_used():
    """One code that takes nearly everything leaves all codes in use and no information."""
    at = levels()
    at[0].state[:] = 1
    at[0].state[3] = 9_000
    found = judged(at=at)
    assert found["used_codes", 1].status == "pass"
    assert found["perplexity", 1].status == "block"


def test_usage_without_training_metrics_is_judged_against_the_previous_release():
    """The previous release stands in; a first release then has no reference, and blocks."""
    metrics = {"perplexity": None, "used_codes": [16]}
    assert judged(metrics=metrics)["perplexity", 2].reference == pytest.approx(16)
    assert judged(metrics=metrics)["used_codes", 3].status == "pass"
    first = judged(metrics=metrics, at=levels(previous=0))
    assert first["perplexity", 1].status == "block"
    assert first["used_codes", 1].status == "pass"


def test_small_tables_are_reported_but_not_judged():
    """Below 10 contents per code the usage of codes says more about the size than about the codebook."""
    check = judged(at=levels(rows=159 // 16 * 16))["perplexity", 1]
    assert check.status == "info"
    assert "not judged" in check.note


def test_psi_is_judged_only_with_enough_rows_and_never_on_a_first_release():
    """A shift of the arrivals blocks with 10 rows per code, is only reported with fewer, and needs a release before."""
    at = levels()
    at[0].arrivals[:8] = 70
    at[0].arrivals[8:] = 5
    shifted = judged(at=at)
    assert shifted["psi", 1].status == "block"
    assert shifted["psi", 2].status == "pass"
    assert shifted["psi", 2].reference == pytest.approx(15 * (1 / 592 + 1 / 8496))
    at[0].arrivals[:] = [30, 0] * 4 + [1] * 8
    assert judged(at=at)["psi", 1].status == "info"
    assert ("psi", 1) not in judged(at=levels(previous=0))


def test_a_night_without_arrivals_passes():
    """Nothing new is no missing evidence: the arrivals' checks do not apply."""
    found = judged({"arrival_contents": 0, "arrival_error": None}, at=levels(arrivals=0))
    assert decide(found.values()).status == "pass"
    assert ("quantization_error_ratio", 0) not in found


def test_tiny_codebooks_are_not_blamed_for_their_size():
    """With 8 buckets collisions are unavoidable: random codes are the reference, and no larger bucket is a sink."""
    at = [LevelCounts(1, *(np.full(8, 1_200),) * 3)]
    found = judged({"distinct_codes": 8, "largest_bucket_contents": 2_000}, at=at)
    assert found["collision_rate_contents", 0].status == "pass"
    assert found["largest_bucket_contents", 0].status == "pass"


def test_refusal_names_each_check_and_what_to_do():
    """The message has metric, value and threshold of every block, and advice that fits the kind of failure."""
    drift = Check("arrivals", "psi", 0.4, "block", 1, threshold_block=0.25)
    contract = Check("contract", "id_unique", 2, "block", threshold_block=1)
    report = refusal("r1", [drift, Check("table", "m", 1, "warn")]).report()
    assert "arrivals: psi, level 1 = 0.4, blocks at 0.25" in report
    assert "gate.thresholds" in report
    assert "table: m" not in report
    assert "assign-ids" in refusal("r1", [drift, contract]).report()


def test_packaged_thresholds_have_a_reason_each():
    """Every number in conf/thresholds.yaml has a comment beside it or above it that says why."""
    lines = packaged("thresholds.yaml").read_text().splitlines()
    first_use = {}
    for line in lines:
        if match := re.match(r"  (\w+): *[\d.]+ *(#.+)?$", line):
            first_use.setdefault(match[1], []).append(match[2])
    assert set(first_use) >= {"warn", "block", "propose_retrain", "min_rows", "min_rows_per_code", "fair_multiple"}
    assert all(len(reason or "") > 20 for name in ("warn", "block") for reason in first_use[name])


def write(folder: Path, text: str) -> str:
    file = folder / "mine.yaml"
    file.write_text(text)
    return str(file)


def test_an_operators_file_overrides_single_thresholds(tmp_path):
    """Keys that the file leaves out keep the packaged values."""
    mine = load_thresholds(write(tmp_path, "psi: {block: 0.5}\n"))
    assert mine.psi.block == 0.5
    assert mine == LIMITS.model_copy(update={"psi": LIMITS.psi.model_copy(update={"block": 0.5})})


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("psi: {blok: 0.5}", "psi.blok"),
        ("psi: {block: .nan}", "psi.block"),
        ("psi: {block: .inf}", "psi.block"),
        ("psi: {block: '0.5'}", "psi.block"),
        ("psi: {block: null}", "psi.block"),
        ("psi: {block: -1}", "psi.block"),
        ("psi: {warn: 0.3}", "psi"),
        ("used_codes: {warn: 0.4}", "used_codes"),
        ("used_codes: {warn: 1.5}", "used_codes.warn"),
        ("largest_bucket: {min_rows: 0}", "largest_bucket.min_rows"),
        ("churn: {block: 10}", "churn"),
    ],
)
def test_a_wrong_threshold_is_refused_with_file_and_key(tmp_path, text, key):
    """Unknown keys, NaN, infinity, texts, and warn on the wrong side of block name the key and the file."""
    file = write(tmp_path, text + "\n")
    with pytest.raises(ConfigError) as refused:
        load_thresholds(file)
    assert refused.value.exit_code == 2
    assert any(problem.startswith(f"{key}:") for problem in refused.value.problems)
    assert file in refused.value.report()


def test_checks_are_the_columns_of_the_report():
    """The fields of a check are the columns of drift_report beside run_id, so that none gets lost."""
    schema = (packaged("default.yaml").parents[1] / "schemas" / "drift_report.sql").read_text()
    columns = set(re.findall(r"^  (\w+) [A-Z]+", schema, re.MULTILINE)) - {"run_id"}
    assert columns == {field.name for field in dataclasses.fields(Check)}
