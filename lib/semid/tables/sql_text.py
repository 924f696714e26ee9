"""Values and paths inside SQL text: the one place where they are quoted.

A version is formatted with `:d`, everything else passes through here; `tests/hostile/test_security.py` looks at every
SQL text of the project for a value that does neither.
"""

from __future__ import annotations

from collections.abc import Mapping


def literal(text: str) -> str:
    """Return `text` as a string of standard SQL, for DuckDB.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def delta_path(path: str) -> str:
    """Return the Delta table of a folder as Spark SQL names it.

    >>> delta_path("/w/run"), delta_path("/odd`name")
    ('delta.`/w/run`', 'delta.`/odd``name`')
    """
    return "delta.`" + path.replace("`", "``") + "`"


def equals(values: Mapping[str, str | int]) -> str:
    r"""Return the condition, for Spark, that every column has its value.

    In Spark's strings a backslash begins an escape; in standard SQL it does not.

    >>> equals({"run_id": "nightly-1", "codebook_version": 2})
    "run_id = 'nightly-1' AND codebook_version = 2"
    >>> print(equals({"task": r"a' OR '1'='1 \ "}))
    task = 'a\' OR \'1\'=\'1 \\ '
    """
    return " AND ".join(f"{column} = {_spark_literal(value)}" for column, value in values.items())


def _spark_literal(value: str | int) -> str:
    if isinstance(value, int):
        return f"{value:d}"
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
