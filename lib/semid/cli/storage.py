"""The storage report of `semid maintain-tables` as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from semid.cli.columns import aligned
from semid.tables.maintain import Upkeep, Upkeeps, doomed
from semid.tables.store import Store


def shown_upkeep(store: Store, plan: Upkeeps) -> str:
    """Return the plan for a terminal: sizes now, and the files that would go now."""
    head = ("table", "days", "live files", "stored files", "stored KB", "log files", "VACUUM removes")
    rows = [_planned(store, upkeep) for upkeep in plan.tables]
    return "\n".join([*_kept(plan.kept, plan.lost), *aligned(rows, head)])


def shown_report(metrics: Mapping[str, Any]) -> str:
    """Return what a run did for a terminal: files and size of each table before and after."""
    head = ("table", "days", "live files", "after", "stored files", "after", "stored KB", "after", "log files", "after")
    rows = [_done(name, report) for name, report in metrics["tables"].items()]
    return "\n".join([*_kept(metrics["kept"], metrics["lost"]), *aligned(rows, head)])


def _kept(kept: Sequence[int], lost: Sequence[str]) -> list[str]:
    told = f"{len(kept)} release(s) stay readable as published" + (f": {kept[0]} to {kept[-1]}" if kept else "")
    return [told, *[f"not readable any more: {what}" for what in lost]]


def _planned(store: Store, upkeep: Upkeep) -> Sequence[str]:
    now, gone = upkeep.before, doomed(store, upkeep)
    numbers = (upkeep.days, now.files, now.stored_files, _kilobytes(now.stored_bytes), now.log_files)
    return upkeep.table, *[f"{n:,}" for n in numbers], f"{gone:,}" + (" or more" if gone >= 1000 else "")


def _done(name: str, report: Mapping[str, Any]) -> Sequence[str]:
    before, after = report["before"], report["after"]
    pairs = [(b[key], a[key]) for b, a in [(before, after)] for key in ("files", "stored_files")]
    pairs.append((_kilobytes(before["stored_bytes"]), _kilobytes(after["stored_bytes"])))
    pairs.append((before["log_files"], after["log_files"]))
    return name, str(report["days"]), *[f"{number:,}" for pair in pairs for number in pair]


def _kilobytes(count: int) -> int:
    return round(count / 1000)
