"""Two nights on the embedded catalog: what was published, what the second night changed, where to look next.

The folder `demo/` is made anew each time.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from semid.cli.demo_catalog import write_feeds
from semid.cli.main import main as semid
from semid.cli.reader import as_table
from semid.tables.query import Reader, open_reader

NIGHTS = ("2026-01-05", "2026-01-06")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo and return the exit code of the first night that failed, else 0."""
    parser = argparse.ArgumentParser(
        "semid demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="where feeds and warehouse go")
    folder = parser.parse_args(argv).folder
    started = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    warehouse = str(folder / "warehouse")
    for night, feed in zip(NIGHTS, write_feeds(folder / "feed"), strict=True):
        flags = ["--warehouse", warehouse, "--catalog", str(feed), "--run-date", night]
        print(f"\n$ semid nightly {' '.join(flags)}", flush=True)
        if code := semid(["nightly", *flags]):
            return code
    _show(open_reader(warehouse), warehouse)
    print(f"\nBoth nights took {time.monotonic() - started:.0f} s.")
    return 0


def _show(reader: Reader, warehouse: str) -> None:
    counts = [(name, *next(iter(reader.ask(f"SELECT count(*) FROM {name}").rows))) for name in reader.tables]
    _section("Rows per table", as_table(["table", "rows"], counts))
    _section("Five items and the neighbours that share their first two codes", _neighbours(reader))
    changed = reader.ask(
        "SELECT reason, count(*) AS items, arg_min(item_id, item_id) AS example,"
        " arg_min(old_semantic_id, item_id) AS old_id, arg_min(new_semantic_id, item_id) AS new_id"
        " FROM semantic_id_change WHERE release_id = 2 GROUP BY reason ORDER BY reason"
    )
    _section("What the second night changed", as_table(changed.columns, changed.rows))
    releases = reader.ask(
        "SELECT release_id, run_date, verdict, counts['added'] AS added, counts['changed'] AS changed,"
        " counts['removed'] AS removed, counts['unchanged'] AS unchanged, counts['quarantined'] AS quarantined"
        " FROM release ORDER BY release_id"
    )
    _section("The gate's verdict on each night", as_table(releases.columns, releases.rows))
    _section(f"The tables are in {warehouse}. Look further with", _next_commands(warehouse))


def _neighbours(reader: Reader) -> str:
    rows = reader.ask(
        "WITH ids AS (SELECT i.*, c.title FROM semantic_id_current i JOIN item_catalog c USING (item_id)),"
        " families AS (SELECT prefixes[2] AS family FROM ids GROUP BY family"
        "   HAVING count(DISTINCT title) BETWEEN 4 AND 8 ORDER BY hash(family) LIMIT 5),"
        " ranked AS (SELECT ids.*, family, row_number() OVER (PARTITION BY family ORDER BY item_id) AS n"
        "   FROM ids JOIN families ON prefixes[2] = family QUALIFY row_number() OVER"
        "   (PARTITION BY family, title ORDER BY item_id) = 1)"
        " SELECT CASE WHEN row_number() OVER (PARTITION BY family ORDER BY item_id) = 1 THEN 'item' ELSE '  near' END"
        " AS role, semantic_id, title FROM ranked"
        " QUALIFY row_number() OVER (PARTITION BY family ORDER BY item_id) <= 4 ORDER BY family, item_id"
    )
    return as_table(rows.columns, rows.rows)


def _next_commands(warehouse: str) -> str:
    query = "SELECT prefixes[1] AS code, count(*) AS items FROM semantic_id_current GROUP BY code ORDER BY items DESC"
    return "\n".join(
        [
            f"  .venv/bin/semid status --warehouse {warehouse}",
            f"  .venv/bin/semid report --warehouse {warehouse}",
            f'  .venv/bin/semid sql --warehouse {warehouse} "{query}"',
            "  .venv/bin/semid nightly --catalog YOUR_ITEMS.parquet --warehouse YOUR_FOLDER",
        ]
    )


def _section(title: str, body: str) -> None:
    print(f"\n{title}\n\n{body}")
