"""Rows of text as aligned lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], head: Sequence[str] = ()) -> list[str]:
    """Return one line per row; a column that holds numbers only, below its heading, is right-aligned.

    >>> aligned([("a", "1,000"), ("bc", "2")], ("name", "n"))
    ['name      n', 'a     1,000', 'bc        2']
    >>> aligned([("a", "1,000 x"), ("bc", "2")])
    ['a   1,000 x', 'bc  2']
    """
    table = [head, *rows] if head else list(rows)
    width = max(map(len, table), default=0)
    padded = list(zip(*[[*row, *[""] * (width - len(row))] for row in table], strict=True))
    return ["  ".join(cells).rstrip() for cells in zip(*[_column(c, bool(head)) for c in padded], strict=True)]


def _column(cells: Sequence[str], headed: bool) -> list[str]:
    width = max(map(len, cells))
    numeric = all(not cell or cell.replace(",", "").isdigit() for cell in cells[headed:])
    return [cell.rjust(width) if numeric else cell.ljust(width) for cell in cells]
