"""How many files a query read, as each engine reports it."""

from __future__ import annotations

import re
from typing import Any

from semid.tables.query import Reader


def by_spark(query: Any) -> int:
    """Return the files that the scans of a DataFrame read; it is collected for that."""
    query.collect()
    return sum(_scans(query._jdf.queryExecution().executedPlan()))


def by_duckdb(reader: Reader, sql: str) -> int:
    """Return the files that the scans of a query read."""
    # EXPLAIN is no SELECT, so the reader refuses it from analysts.
    ((_, plan),) = reader._connection.execute(f"EXPLAIN ANALYZE {sql}").fetchall()
    return sum(int(read) for read in re.findall(r"Total Files Read: (\d+)", plan))


def _scans(node: Any) -> list[int]:
    if "AdaptiveSparkPlan" in node.nodeName() or "QueryStage" in node.nodeName():
        inner = node.executedPlan() if "AdaptiveSparkPlan" in node.nodeName() else node.plan()
        return _scans(inner)
    metric = node.metrics().get("numFiles")
    own = [int(metric.get().value())] if metric.isDefined() else []
    children = node.children()
    return own + [number for i in range(children.size()) for number in _scans(children.apply(i))]
