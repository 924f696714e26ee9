"""The labelled code tree and a sample for the map of items, asked by DuckDB on a warehouse's tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from semid.errors import ConfigError
from semid.measure.projection import to_plane
from semid.report.code_facts import Branch, CodeTree, Family, ItemMap, LabelledCodes
from semid.tables.query import Reader
from semid.tables.sql_text import literal

_ON_A_PAGE = (64, 8, 4)
"""Branches per parent on a page, by level: at most 2,624 in all; 0.2 MB for Beauty with three quarters of them."""
_POINTS = 1500
"""Contents on the map: t-SNE takes 4 s for them."""

_OPEN = "SELECT prefixes, content_hash FROM semantic_id WHERE codebook_version = {version:d} AND valid_to IS NULL"
_ON = """SELECT prefixes, content_hash FROM semantic_id WHERE codebook_version = {version:d}
  AND valid_from <= DATE '{day}' AND (valid_to IS NULL OR valid_to > DATE '{day}')"""
_VERSIONS = """
SELECT DISTINCT unnest(serving_versions) AS version, max_by(codebook_version, release_id) OVER () AS active
FROM published_release ORDER BY version"""
_OWNER = "SELECT any_value(labelled_version) AS owner FROM code_label_effective WHERE codebook_version = {version:d}"
_NO_LABELS = """(SELECT NULL::VARCHAR AS prefix, NULL::VARCHAR AS label, NULL::DOUBLE AS purity,
  NULL::STRUCT(term VARCHAR)[] AS terms, NULL::VARCHAR[] AS exemplars WHERE false)"""
_LABELS = "(SELECT * FROM code_label_effective WHERE codebook_version = {version:d})"
# Of the children of each wanted parent those with a label and the most items; `children` and the sums are over all.
_CHILDREN = """
WITH node AS (
  SELECT prefixes[{level:d}] AS prefix, {parent} AS parent, count(*) AS items FROM ({ids})
  WHERE {parent} IN ({parents}) AND len(prefixes) >= {level:d} GROUP BY ALL),
placed AS (
  SELECT node.*, label, purity, exemplars, list_transform(terms, lambda t: t.term) AS terms,
    row_number() OVER (PARTITION BY parent
      ORDER BY label IS NULL, items DESC, length(node.prefix), node.prefix) AS place,
    count(*) OVER (PARTITION BY parent) AS children, count(label) OVER (PARTITION BY parent) AS labelled,
    sum(items) OVER (PARTITION BY parent) AS total
  FROM node LEFT JOIN {labels} AS l ON l.prefix = node.prefix)
SELECT * FROM placed WHERE place = 1 OR (label IS NOT NULL AND place <= {most:d}) ORDER BY parent, place"""
_NODE = """
SELECT n.items, label, purity, exemplars, list_transform(terms, lambda t: t.term) AS terms
FROM (SELECT count(*) AS items FROM ({ids}) WHERE prefixes[{level:d}] = {prefix}) AS n
LEFT JOIN (SELECT * FROM {labels} WHERE prefix = {prefix}) ON true"""
_TITLES = "SELECT item_id, coalesce(title, item_id) AS title FROM item_catalog WHERE item_id IN ({items})"
# The smallest content hashes are a sample that neither order nor partitioning changes.
_SAMPLE = """
SELECT i.content_hash, any_value(embedding) AS embedding, min(i.prefixes[1]) AS code
FROM ({ids}) AS i JOIN item_embedding AS e USING (content_hash)
WHERE e.model = (SELECT any_value(model) FROM codebook WHERE codebook_version = {version:d})
GROUP BY i.content_hash ORDER BY i.content_hash LIMIT {most:d}"""


@dataclass(frozen=True)
class Ids:
    """The IDs that a tree is made of: those of a codebook version, now or as on a day (YYYY-MM-DD)."""

    version: int
    day: str | None = None

    @property
    def sql(self) -> str:
        """The rows: prefixes, content_hash."""
        return (_ON if self.day else _OPEN).format(version=self.version, day=self.day)


def has_labels(reader: Reader) -> bool:
    """Return whether the warehouse has the tables of labels; one that no job has touched since they came has not."""
    return {"code_label", "code_map"} <= set(reader.tables)


def version_to_show(reader: Reader, asked: int | None) -> int:
    """Return the codebook version that is asked for, the active one for None.

    Raises:
        ConfigError: Nothing is published, or no item has an ID under it.
    """
    known = reader.mappings(_VERSIONS)
    where = f"warehouse: {reader.folder}"
    if not known:
        raise ConfigError("nothing is published yet", where=where, next_step="semid nightly --catalog PATH")
    versions = [row["version"] for row in known]
    if asked is not None and asked not in versions:
        problems = [f"versions with IDs: {', '.join(map(str, versions))}"]
        raise ConfigError(f"no item has an ID under codebook version {asked}", where="--version", problems=problems)
    return int(known[0]["active"] if asked is None else asked)


def code_tree(reader: Reader, ids: Ids, most: Sequence[int], root: str = "") -> CodeTree:
    """Return the labelled tree below a prefix.

    Args:
        reader: The warehouse.
        ids: Whose items are counted.
        most: Branches shown per parent, one number for each level below the root.
        root: The prefix; '' for the whole tree.

    Raises:
        ConfigError: No item has the prefix.
    """
    there = has_labels(reader)
    owner = reader.mappings(_OWNER.format(version=ids.version))[0]["owner"] if there else None
    labels = _LABELS.format(version=ids.version) if there else _NO_LABELS
    depth = len(root.split("-")) if root else 0
    levels: list[dict[str, list[dict[str, Any]]]] = []
    parents = [root]
    for level, shown in enumerate(most, depth + 1):
        rows = reader.mappings(_children(ids, labels, level, parents, shown)) if parents else []
        levels.append(_by_parent(rows))
        parents = [row["prefix"] for row in rows if _is_shown(row, shown)]
    titles = _titles(reader, [row for level in levels for rows in level.values() for row in rows])
    family = _family(root, levels, most, titles)
    (found,) = reader.mappings(f"SELECT count(*) AS items FROM ({ids.sql})")
    if not root:
        return CodeTree(ids.version, owner, found["items"], family)
    (row,) = reader.mappings(_NODE.format(ids=ids.sql, labels=labels, level=depth, prefix=literal(root)))
    if not row["items"]:
        raise ConfigError(
            f"no item has the prefix {root}",
            where="--prefix",
            problems=[f"codebook version {ids.version}"],
            next_step="semid tree shows the first codes",
        )
    titles |= _titles(reader, [row])
    top = _branch(root, row, family, titles)
    return CodeTree(ids.version, owner, found["items"], Family((top,)))


def labelled_codes(reader: Reader, ids: Ids) -> LabelledCodes | None:
    """Return the tree and the map of a release's page; None when no code has a label: bare numbers tell little."""
    tree = code_tree(reader, ids, _ON_A_PAGE)
    if tree.labelled_version is None:
        return None
    rows = reader.mappings(_SAMPLE.format(ids=ids.sql, version=ids.version, most=_POINTS))
    if not rows:
        return LabelledCodes(tree, None)
    x = np.array([row["embedding"] for row in rows], np.float32)
    return LabelledCodes(tree, ItemMap(to_plane(x), tuple(row["code"] for row in rows)))


def _children(ids: Ids, labels: str, level: int, parents: Sequence[str], most: int) -> str:
    parent = f"prefixes[{level - 1:d}]" if level > 1 else "''"
    wanted = ", ".join(map(literal, parents))
    return _CHILDREN.format(ids=ids.sql, labels=labels, level=level, parent=parent, parents=wanted, most=most)


def _by_parent(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row["parent"]].append(row)
    return grouped


def _is_shown(row: Mapping[str, Any], most: int) -> bool:
    return row["label"] is not None and row["place"] <= most


def _family(
    parent: str, levels: Sequence[Mapping[str, list[dict[str, Any]]]], most: Sequence[int], titles: Mapping[str, str]
) -> Family:
    rows = levels[0].get(parent, []) if levels else []
    if not rows:
        return Family()
    shown = [row for row in rows if _is_shown(row, most[0])]
    branches = [
        _branch(row["prefix"], row, _family(row["prefix"], levels[1:], most[1:], titles), titles) for row in shown
    ]
    first = rows[0]
    labelled = first["labelled"] - len(shown)
    rest = int(first["total"]) - sum(row["items"] for row in shown)
    return Family(tuple(branches), labelled, first["children"] - first["labelled"], rest)


def _branch(prefix: str, row: Mapping[str, Any], below: Family, titles: Mapping[str, str]) -> Branch:
    exemplars = tuple(dict.fromkeys(titles.get(item, item) for item in row["exemplars"] or ()))
    return Branch(prefix, row["items"], row["label"], row["purity"], tuple(row["terms"] or ()), exemplars, below)


def _titles(reader: Reader, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    items = sorted({item for row in rows for item in row["exemplars"] or ()})
    if not items:
        return {}
    found = reader.mappings(_TITLES.format(items=", ".join(map(literal, items))))
    return {row["item_id"]: row["title"] for row in found}
