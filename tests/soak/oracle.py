"""What must be true of a warehouse after each night, asked with delta-rs and plain Python: none of it is semid's code.

The numbers are those of the rules in docs/guarantees.md.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

Row = dict[str, Any]


@dataclass
class Oracle:
    """Remembers what was shown, and finds what contradicts it.

    Attributes:
        warehouse: The warehouse.
        holders: The item of every ID ever seen, by (codebook version, ID).
        coded: The ID of every (codebook version, item, content) ever seen.
        shown: The IDs that each past day showed.
        states: The IDs that each release showed when it was the current one.
        artifacts: The hash of each codebook version's bytes.
    """

    warehouse: Path
    holders: dict[tuple[int, str], str] = field(default_factory=dict)
    coded: dict[tuple[int, str, str], str] = field(default_factory=dict)
    shown: dict[date, dict[str, str]] = field(default_factory=dict)
    states: dict[int, dict[str, str]] = field(default_factory=dict)
    artifacts: dict[int, str] = field(default_factory=dict)

    def rows(self, table: str, version: int | None = None) -> list[Row]:
        found: list[Row] = DeltaTable(self.warehouse / table, version=version).to_pyarrow_table().to_pylist()
        return found

    def published(self) -> list[Row]:
        rows = [row for row in self.rows("release") if row["status"] == "published"]
        return sorted(rows, key=lambda row: row["release_id"])

    def check(self) -> dict[str, str]:
        """Check everything that readers see now, and return it: the current ID of each item."""
        releases = self.published()
        assert [row["release_id"] for row in releases] == sorted({row["release_id"] for row in releases})
        current = releases[-1]
        ids = self.rows("semantic_id", dict(current["table_versions"])["semantic_id"])
        self._check_intervals(ids)
        self._check_holders(ids)
        self._check_codes(ids)
        self._check_gate(current)
        self._check_ledger(ids, current)
        now = self._check_counts(ids, current)
        self._check_past(ids, releases)
        embeddings = Counter((row["content_hash"], row["model"]) for row in self.rows("item_embedding"))
        assert max(embeddings.values()) == 1, "5: a content was embedded twice"
        self.shown[current["run_date"]] = self.states[current["release_id"]] = now
        return now

    def versions(self) -> dict[str, int]:
        """Return the version of each table but `run`."""
        tables = [file.parent.name for file in self.warehouse.glob("*/_delta_log") if file.parent.name != "run"]
        return {name: DeltaTable(self.warehouse / name).version() for name in tables}

    def newest_run(self) -> Row:
        """Return the row of the run that says that it started last."""
        return max((row for row in self.rows("run") if "/" not in row["run_id"]), key=lambda row: row["started_at"])

    def check_feed(self, run_id: str, rows: int) -> None:
        """Check that the rows of a night's feed were all taken or set aside; a killed run may have kept no account."""
        for step in [row for row in self.rows("run") if row["run_id"] == f"{run_id}/ingest_catalog"]:
            counts = json.loads(step["metrics"])
            read = sum(counts[name] for name in ("good", "quarantined", "duplicates_dropped", "superseded"))
            assert step["rows_in"] == read == rows, f"11: {rows} rows in the feed, {step['rows_in']} read, {counts}"

    def _check_intervals(self, ids: list[Row]) -> None:
        by_item = defaultdict(list)
        for row in ids:
            by_item[row["codebook_version"], row["item_id"]].append((row["valid_from"], row["valid_to"] or date.max))
        for key, intervals in by_item.items():
            ordered = sorted(intervals)
            assert all(start < end for start, end in ordered), f"an empty interval of {key}"
            assert all(a[1] <= b[0] for a, b in itertools.pairwise(ordered)), f"{key} overlaps"

    def _check_holders(self, ids: list[Row]) -> None:
        for row in ids:
            version, item, sid = row["codebook_version"], row["item_id"], row["semantic_id"]
            assert self.holders.setdefault((version, sid), item) == item, f"3: {sid} is given twice"
            known = self.coded.setdefault((version, item, row["content_hash"]), sid)
            assert known == sid, f"3: {item} moved from {known} to {sid} with the same content"

    def _check_codes(self, ids: list[Row]) -> None:
        """IDs are their codes in print, within a codebook whose bytes are what they were."""
        sizes = {}
        for row in self.rows("codebook"):
            version, found = row["codebook_version"], hashlib.sha256(row["artifact"]).hexdigest()
            assert found == row["artifact_sha256"] == self.artifacts.setdefault(version, found), (
                f"12: version {version}"
            )
            sizes[version] = row["codebook_sizes"]
        for row in ids:
            codes, own = row["codes"], sizes[row["codebook_version"]]
            assert len(codes) == len(own), row
            assert all(0 <= code < size for code, size in zip(codes, own, strict=True)), row
            number = re.fullmatch("-".join(map(str, codes)) + r"(?:#([1-9]\d*))?", row["semantic_id"])
            assert number is not None, row
            assert int(number[1] or 0) == row["dedup_index"], row

    def _check_gate(self, current: Row) -> None:
        """What the feed or a retraining published has passed the gate with its evidence; a promotion was gated before."""
        checks = [row for row in self.rows("drift_report") if row["run_id"] == current["run_id"]]
        assert not [row for row in checks if row["status"] == "block"], "1: a blocked run was published"
        assert checks or current["kind"] in ("retrain", "rollback"), "6: published without evidence"

    def _check_ledger(self, ids: list[Row], current: Row) -> None:
        """The changes, played one after the other, end in the open IDs."""
        version = dict(current["table_versions"])["semantic_id_change"]
        told: dict[tuple[int, str], str | None] = {}
        for row in sorted(self.rows("semantic_id_change", version), key=lambda row: row["release_id"]):
            told[row["codebook_version"], row["item_id"]] = row["new_semantic_id"]
        is_open = {(r["codebook_version"], r["item_id"]): r["semantic_id"] for r in ids if r["valid_to"] is None}
        served = set(current["serving_versions"])
        expected = {key: sid for key, sid in told.items() if sid is not None and key[0] in served}
        assert {key: sid for key, sid in is_open.items() if key[0] in served} == expected, "changes do not add up"

    def _check_counts(self, ids: list[Row], current: Row) -> dict[str, str]:
        active, counts = current["codebook_version"], dict(current["counts"])
        is_open = [row for row in ids if row["valid_to"] is None and row["codebook_version"] == active]
        now = {row["item_id"]: row["semantic_id"] for row in is_open}
        assert len(now) == len(is_open) == counts["items"], "11: items of the release"
        assert counts["added"] + counts["changed"] + counts["unchanged"] == counts["items"], "11: counts of the release"
        return now

    def _check_past(self, ids: list[Row], releases: list[Row]) -> None:
        """Every day shows what it showed when it was the newest one."""
        active = {row["run_date"]: row["codebook_version"] for row in releases}
        today = releases[-1]["run_date"]
        for day, shown in self.shown.items():
            if day < today:
                now = {
                    row["item_id"]: row["semantic_id"]
                    for row in ids
                    if row["codebook_version"] == active[day]
                    and row["valid_from"] <= day < (row["valid_to"] or date.max)
                }
                assert now == shown, f"the IDs of {day} are not what they were"
