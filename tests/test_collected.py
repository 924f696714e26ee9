"""Nothing that grows with the catalog reaches the driver: every place that brings rows there says what bounds them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
BRINGS = {"collect", "toArrow", "toPandas", "toLocalIterator", "head", "tail"}
BOUNDED = {
    "a few rows of counts": (
        "cli/steps.py rows_read",
        "frames/audit.py _promotion",
        "frames/budget.py try_settings",
        "frames/embed.py check_complete",
        "frames/embed_images.py image_counts",
        "frames/evaluated.py _cuts",
        "frames/evaluated.py bucket_sizes",
        "frames/evaluated.py coverage",
        "frames/evaluated.py level_counts",
        "frames/evaluated.py pair_counts",
        "frames/foreign_codes.py _check",
        "frames/illustrate.py count_images",
        "frames/intake.py _count_reasons",
        "frames/intake.py count_changes",
        "frames/intake.py count_rows",
        "frames/pairs.py count_pairs",
        "frames/profile.py profile",
        "frames/retrieval.py read_sequences",
        "frames/sequences.py _check",
        "frames/slates.py _check",
        "frames/slates.py counts",
        "jobs/build_features.py main",
        "tables/past.py past_under",
        "tables/past.py publish_past",
        "tables/publish.py planned",
        "tables/staged.py count_staged",
        "tables/staged.py stage",
    ),
    "a limited number of examples": (
        "frames/foreign_codes.py _only_source",
        "frames/illustrate.py refuse_unreadable_images",
        "frames/intake.py refuse_bad_feed",
        "tables/catalog.py stored_dim",
        "tables/switch.py _as_released",
    ),
    "a sample, or pairs of its rows": (
        "frames/coded_sample.py collect_table_sample",
        "frames/evaluated.py collect_sample",
        "frames/pairs.py _collect",
        "frames/sample.py collect_coded_sample",
        "frames/sample.py collect_pairs",
        "frames/sample.py collect_sample",
    ),
    "a row per code": ("frames/fit.py to_clusters",),
    "distinct codes and how many items have them": ("frames/features.py to_pieces",),
    "what one process trains on: users' histories, and an ID per item": ("frames/retrieval.py to_corpus",),
    "what one process trains on and is judged by: searches, and an ID, a text and a vector per item": (
        "frames/search.py read_items",
        "frames/search.py read_queries",
        "frames/search_training.py read_vectors",
    ),
    "a row per Arrow batch: 100 for a million contents": ("frames/arrivals.py sum_vectors",),
    "rows of tables that grow with nights": (
        "tables/commit.py _counts",
        "tables/commit.py finish_interrupted",
        "tables/drift.py earlier_statuses",
        "tables/evaluation.py read_evaluation",
        "tables/evaluation.py read_params",
        "tables/registry.py load",
        "tables/store.py rows",
        "tables/verdict.py passed_verdict",
    ),
    "rows that the driver wrote itself": ("tables/store.py append_rows",),
    "commits of one table": (
        "frames/feed_files.py _delta_version",
        "frames/feed_files.py fingerprints_of_files",
        "tables/layout.py _is_sorted",
        "tables/maintain.py _commits",
        "tables/maintain.py _keep_for",
        "tables/maintain.py maintain",
        "tables/views.py _same_rows",
    ),
}
"""Places by what bounds the rows that they bring."""


def brought() -> Iterator[str]:
    """`file function` of every call that brings rows to the driver."""
    for path in [*(ROOT / "lib/semid").rglob("*.py"), *(ROOT / "jobs").glob("*.py")]:
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef):
                calls = (n.func for n in ast.walk(function) if isinstance(n, ast.Call))
                if any(isinstance(call, ast.Attribute) and call.attr in BRINGS for call in calls):
                    yield f"{path.relative_to(ROOT).as_posix().removeprefix('lib/semid/')} {function.name}"


def test_every_collect_is_bounded() -> None:
    """A collect in a place that is not listed is a mistake, or a line here with what bounds its rows."""
    assert sorted(set(brought())) == sorted(place for places in BOUNDED.values() for place in places)
