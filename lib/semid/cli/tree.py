"""Show what the codes mean: the tree of labelled prefixes, those with the most items first, each with an example.

Reads:      code_label, code_map, semantic_id, item_catalog, release
Writes:     nothing
Exit codes: 0 done (also when there are no labels yet), 2 no such version or prefix, 6 damaged tables, 7 environment
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence

from semid.cli.reader import cut, read, reader_parser, width
from semid.errors import ConfigError, escape_controls
from semid.report.code_facts import Branch, CodeTree, Family
from semid.report.code_tree import left_out
from semid.tables.label_facts import Ids, code_tree, version_to_show
from semid.tables.query import Reader

_PREFIX = r"(0|[1-9][0-9]*)(-(0|[1-9][0-9]*))*"
_WIDTH = 100


def arg_parser() -> argparse.ArgumentParser:
    """Return the command's flags."""
    parser = reader_parser("tree", __doc__)
    parser.add_argument("--depth", metavar="N", type=int, default=1, help="levels to show below the prefix, 1")
    parser.add_argument("--prefix", metavar="PREFIX", default="", help="show what is below it, for example 12-153")
    parser.add_argument("--version", metavar="VERSION", type=int, help="codebook version; the active one by default")
    parser.add_argument("--top", metavar="N", type=int, default=20, help="prefixes to show below each, 20")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tree and return the exit code."""
    flags = arg_parser().parse_args(argv)
    return read(flags, lambda reader: print(_page(reader, flags)))


def _page(reader: Reader, flags: argparse.Namespace) -> str:
    wrong = [f"--{name} must be 1 or more" for name in ("depth", "top") if getattr(flags, name) < 1]
    if flags.prefix and not re.fullmatch(_PREFIX, flags.prefix):
        wrong.append(f"--prefix {flags.prefix}: codes joined by -, for example 12-153")
    if wrong:
        raise ConfigError("the flags are wrong", where="semid tree", problems=wrong)
    version = version_to_show(reader, flags.version)
    tree = code_tree(reader, Ids(version), [flags.top] * flags.depth, flags.prefix)
    return shown(tree, f"semid label-codes --version {version} --warehouse {reader.folder}")


def shown(tree: CodeTree, command: str) -> str:
    """Return the tree for a terminal of 100 columns.

    Args:
        tree: The tree.
        command: What labels the version.
    """
    head = f"codebook {tree.version}: {_items(tree.items)}"
    if tree.labelled_version is None:
        return f"{head}\nno code has a label yet: {command}"
    lines = [head]
    if tree.labelled_version != tree.version:
        lines.append(f"labels of codebook {tree.labelled_version}, carried to the first codes that took over its items")
        lines.append(f"for labels of its own: {command}")
    rows = list(_rows(tree.family, 0))
    return "\n".join([*lines, "", *_aligned(rows)])


def _rows(family: Family, depth: int) -> Iterator[tuple[str, ...]]:
    """Yield prefix, items, purity, label, example; a row of one text says what is left out."""
    for branch in family.shown:
        yield _row(branch, depth)
        yield from _rows(branch.below, depth + 1)
    if left := left_out(family):
        yield (f"{'  ' * depth}{left}",)


def _row(branch: Branch, depth: int) -> tuple[str, ...]:
    purity = "" if branch.purity is None else f"{branch.purity:.2f}"
    example = branch.exemplars[0] if branch.exemplars else ""
    return f"{'  ' * depth}{branch.prefix}", f"{branch.items:,}", purity, branch.label or "(no label)", example


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    table = [("PREFIX", "ITEMS", "PURITY", "LABEL", "EXAMPLE"), *rows]
    first, second = (max(len(row[i]) for row in table if len(row) > 1) for i in (0, 1))
    left = _WIDTH - first - second - len("PURITY") - 8
    label = min(max(width(row[3]) for row in table if len(row) > 1), left * 11 // 20)
    for row in table:
        if len(row) == 1:
            yield row[0]
            continue
        name, example = (cut(escape_controls(text), room) for text, room in ((row[3], label), (row[4], left - label)))
        padding = " " * (label - width(name))
        yield f"{row[0]:<{first}}  {row[1]:>{second}}  {row[2]:>6}  {name}{padding}  {example}".rstrip()


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count:,} items"
