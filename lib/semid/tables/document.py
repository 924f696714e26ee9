"""`docs/tables.md`, made from `schemas/`: `python -m semid.tables.document docs/tables.md`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path

# Delta knows no keys: these are held by the jobs and checked by the gate.
KEYS = {
    "code_label": ("codebook_version", "prefix"),
    "code_label_answer": ("labeller", "question"),
    "code_map": ("from_version", "to_version", "level", "old_code", "new_code"),
    "codebook": ("codebook_version",),
    "drift_report": ("run_id", "cohort", "metric", "level"),
    "eval_report": ("run_id", "task", "slice", "metric"),
    "item_catalog": ("item_id",),
    "item_embedding": ("content_hash", "model"),
    "item_quarantine": ("run_id", "source_row"),
    "release": ("release_id",),
    "run": ("run_id",),
    "semantic_id": ("codebook_version", "item_id", "valid_from"),
    "semantic_id_change": ("release_id", "codebook_version", "item_id"),
    "semantic_id_staged": ("run_id", "codebook_version", "item_id"),
}
_COLUMN = re.compile(r"^  (\w+) (.+?)( NOT NULL)? COMMENT '((?:[^']|'')*)',?$", re.MULTILINE)
_INTRO = """# Tables

<!-- Made from schemas/ by: python -m semid.tables.document docs/tables.md -->

Every table is a Delta table in the folder `<warehouse>/<table>`, readable without semid by Spark, delta-rs
and DuckDB. Timestamps are UTC. A key is held by the jobs and checked before every publish.

Query them without Spark: `semid sql "SELECT * FROM semantic_id_current LIMIT 5"`, or with it:
`spark-sql --properties-file conf/spark/local.conf -i <warehouse>/catalog.sql -e "SELECT ..."`. Both know the
views and functions at the end of this page, and both show one whole release: the newest published one when
they start, also while the next one is being written. [sql](sql.md) has questions with their queries.
"""


def render() -> str:
    """Return the page: every table, then the views and functions."""
    return "\n".join([_INTRO, *map(_table, _table_files()), "## Views and functions\n", *_views(), *_functions()])


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page into the file that is named."""
    (target,) = sys.argv[1:] if argv is None else argv
    Path(target).write_text(render(), encoding="utf-8")
    return 0


def _table_files() -> list[str]:
    names = [file.name for file in resources.files("semid.schemas").iterdir()]
    return sorted(name.removesuffix(".sql") for name in names if name.endswith(".sql"))


def _table(name: str) -> str:
    ddl = resources.files("semid.schemas").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    body, _, tail = ddl.partition("\n) USING DELTA")
    lines = [
        f"## {name}\n",
        f"{_comment(tail)}.\n",
        f"Key: {', '.join(f'`{column}`' for column in KEYS[name])}.",
    ]
    if partitioned := re.search(r"PARTITIONED BY \((.*?)\)", tail):
        lines.append(f"Partitioned by `{partitioned.group(1)}`.")
    if "'delta.appendOnly' = 'true'" in tail:
        lines.append("Rows are only ever added.")
    lines += [f"Every row meets `{rule}`." for rule in _constraints(tail)]
    lines += ["", "| column | type | null | meaning |", "|---|---|---|---|"]
    for column, kind, required, meaning in _COLUMN.findall(body):
        lines.append(f"| {column} | `{kind}` | {'no' if required else 'yes'} | {_escaped(meaning)} |")
    return "\n".join(lines) + "\n"


def _comment(tail: str) -> str:
    found = re.search(r"^COMMENT '((?:[^']|'')*)'", tail, re.MULTILINE)
    return _escaped(found.group(1)) if found else ""


def _constraints(tail: str) -> list[str]:
    return [_plain(rule) for rule in re.findall(r"'delta\.constraints\.\w+' = '((?:[^']|'')*)'", tail)]


def _plain(literal: str) -> str:
    return literal.replace("''", "'")


def _escaped(literal: str) -> str:
    return _plain(literal).replace("<", "&lt;").replace("|", "\\|")


def _views() -> Iterator[str]:
    yield "- `published_release`: The rows of `release` that are published."
    for file in ("views.sql", "labels.sql"):
        for name, meaning in _declared(file, r"VIEW (\w+)"):
            yield f"- `{name}`: {meaning}"


def _functions() -> Iterator[str]:
    for signature, meaning in _declared("spark.sql", r"FUNCTION (.+)"):
        yield f"- `{signature}`: {meaning}"
    yield ""


def _declared(file: str, pattern: str) -> Iterator[tuple[str, str]]:
    """Yield what each statement of a view file declares, with the comment right above it."""
    text = resources.files("semid.schemas").joinpath("views", file).read_text(encoding="utf-8")
    for comment, declared in re.findall(rf"((?:^--.*\n)+)CREATE OR REPLACE TEMPORARY {pattern}", text, re.MULTILINE):
        name = declared.removesuffix(" AS")
        yield name, " ".join(line.removeprefix("--").strip() for line in comment.splitlines())


if __name__ == "__main__":
    sys.exit(main())
