"""The tables as their schema files declare them: `schemas/<table>.sql` is the single source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from semid.errors import StoredDataError
from semid.tables.sql_text import delta_path


@dataclass(frozen=True)
class Table:
    """A table of the contract.

    Attributes:
        name: Table name, also its folder in the warehouse.
        ddl: The CREATE TABLE statement with the table's name in it.
        columns: Column names in order.
        schema: Column names, types and comments.
    """

    name: str
    ddl: str
    columns: tuple[str, ...]
    schema: StructType

    def create_at(self, path: str) -> str:
        """Return the statement that creates the table in the folder `path`, unless it is there."""
        return self.ddl.replace(f"EXISTS {self.name} ", f"EXISTS {delta_path(path)} ", 1)


def table_names() -> list[str]:
    """Return the names of all tables, sorted."""
    files = resources.files("semid.schemas").iterdir()
    return sorted(file.name.removesuffix(".sql") for file in files if file.name.endswith(".sql"))


@cache
def table(name: str) -> Table:
    """Return the declared table `name`."""
    ddl = resources.files("semid.schemas").joinpath(f"{name}.sql").read_text()
    body = re.search(r"\((.*?)\n\) USING DELTA", ddl, re.DOTALL)
    assert body is not None, f"schemas/{name}.sql has no column list"
    schema = StructType.fromDDL(body.group(1))
    assert isinstance(schema, StructType), f"schemas/{name}.sql declares no columns"
    return Table(name, ddl, tuple(schema.names), schema)


def conform(df: DataFrame, name: str) -> DataFrame:
    """Return `df` with exactly the columns of table `name`, in order and with its types.

    Raises:
        StoredDataError: Lists every missing and every unknown column and every type that differs.
    """
    declared = table(name)
    found = {field.name: field.dataType.simpleString() for field in df.schema}
    problems = [f"{c}: missing" for c in declared.columns if c not in found]
    problems += [f"{c}: not a column of the table" for c in found if c not in declared.columns]
    problems += [
        f"{field.name}: {found[field.name]}, declared {field.dataType.simpleString()}"
        for field in declared.schema
        if field.name in found and found[field.name] != field.dataType.simpleString()
    ]
    if problems:
        raise StoredDataError("rows do not fit their table", where=f"schemas/{name}.sql", problems=problems)
    return df.select(*[F.col(c) for c in declared.columns])
