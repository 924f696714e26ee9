"""Damage to a log that Delta itself takes for good, looked for before a run trusts the tables."""

from __future__ import annotations

from semid.errors import StoredDataError
from semid.tables import releases
from semid.tables.contract import table_names
from semid.tables.store import Store


def require_intact(store: Store) -> None:
    """Raise when a table's newest commit is empty, or its log ends before what the newest release recorded.

    Delta reads an emptied commit as one without rows, and after a lost one it goes on from the version before:
    the next write would take the lost one's number. `semid verify` reads everything; this only looks at the ends.

    Raises:
        StoredDataError: Lists every such table.
    """
    problems = [f"{name}: its newest commit is empty" for name in table_names() if store.newest_commit(name) == 0]
    if not problems:
        current = releases.load(store).current
        recorded = current.table_versions if current else {}
        found = {name: store.version(name) for name in recorded}
        problems = [
            f"{name}: the log ends at version {found[name]}, the newest release recorded {version}"
            for name, version in sorted(recorded.items())
            if found[name] < version
        ]
    if problems:
        raise StoredDataError(
            "commits of the tables are lost",
            where=store.warehouse,
            problems=problems,
            next_step="semid verify shows the files; then docs/runbook.md, A table is damaged",
        )
