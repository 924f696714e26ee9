"""What a warehouse knows of one item, asked by DuckDB: its text, its codes, its bucket, its history, its neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from semid.errors import RESTORE, ConfigError, StoredDataError
from semid.quantize.base import Codebook, Floats
from semid.tables.artifact import opened
from semid.tables.label_facts import has_labels
from semid.tables.query import Reader
from semid.tables.sql_text import literal

FEW = 5
"""Other contents that a shared prefix must have before its items are called neighbours."""

_SHOWN = 8
_CATALOG = """
SELECT item_id, title, brand, category, text, content_hash, is_active, first_seen, changed_on,
  (SELECT count(*) FROM item_catalog AS o WHERE o.content_hash = i.content_hash AND o.is_active) AS same_text
FROM item_catalog AS i WHERE item_id = {item}"""
# Of several rows the one that readers see, else the newest.
_ID = """
SELECT s.*, codebook_version = active AS is_active_version, valid_to IS NULL AND codebook_version = active AS is_current
FROM semantic_id AS s, (SELECT max_by(codebook_version, release_id) AS active FROM published_release)
WHERE item_id = {item}
ORDER BY is_current DESC, is_active_version DESC, valid_to IS NULL DESC, valid_from DESC, codebook_version DESC
LIMIT 1"""
_HISTORY = """
SELECT release_id AS release, run_date AS date, codebook_version AS codebook, old_semantic_id AS old,
  coalesce(new_semantic_id, CASE WHEN c.item_id IS NULL THEN semantic_id END) AS new,
  common_prefix AS equal_codes, reason, valid_from, valid_to
FROM (SELECT * FROM semantic_id WHERE item_id = {item}) AS s
FULL JOIN (SELECT * FROM semantic_id_change WHERE item_id = {item}) AS c USING (release_id, codebook_version)
LEFT JOIN release USING (release_id)
ORDER BY release_id, codebook"""
_QUARANTINE = f"""
SELECT q.run_id, run_date, source_row, array_to_string(reasons, ', ') AS reasons, raw
FROM item_quarantine AS q LEFT JOIN run USING (run_id) WHERE item_id = {{item}}
ORDER BY run_date DESC, run_id DESC, source_row LIMIT {_SHOWN}"""
_CODEBOOK = """
SELECT codebook_version, kind, codebook_sizes, model, artifact, artifact_sha256
FROM codebook WHERE codebook_version = {version:d}"""
_EMBEDDING = """
SELECT dim, embedding, embedded_at, run_id FROM item_embedding WHERE content_hash = {content} AND model = {model}"""
_OPEN = "codebook_version = {version:d} AND valid_to IS NULL"
_BUCKET = f"""
SELECT count(*) AS items, count(DISTINCT content_hash) AS contents FROM semantic_id
WHERE {_OPEN} AND codes = {{codes}}"""
_MEMBERS = f"""
SELECT item_id, semantic_id, title, s.content_hash = {{content}} AS same_text
FROM semantic_id AS s LEFT JOIN item_catalog USING (item_id)
WHERE {_OPEN} AND codes = {{codes}} AND item_id <> {{item}} ORDER BY dedup_index, item_id LIMIT {_SHOWN}"""
_NEAR = f"""
WITH near AS (
  SELECT content_hash, min_by(item_id, item_id) AS item_id, min_by(semantic_id, item_id) AS semantic_id,
    count(*) AS items
  FROM semantic_id
  WHERE {_OPEN} AND prefixes[{{depth:d}}] = {{prefix}} AND content_hash <> {{content}} GROUP BY content_hash),
own AS (SELECT embedding FROM item_embedding WHERE content_hash = {{content}} AND model = {{model}})
SELECT list_cosine_similarity(e.embedding, own.embedding) AS cosine, item_id, semantic_id, items AS with_this_text,
  title
FROM near JOIN item_embedding AS e USING (content_hash) CROSS JOIN own LEFT JOIN item_catalog USING (item_id)
WHERE e.model = {{model}} ORDER BY cosine DESC, item_id LIMIT {_SHOWN}"""
_LABELS = """
SELECT prefix, label, item_count AS items, purity FROM code_label_effective
WHERE codebook_version = {version:d} AND prefix IN ({prefixes}) ORDER BY level"""
_KNOWN = """
SELECT item_id FROM item_catalog UNION SELECT item_id FROM item_quarantine WHERE item_id IS NOT NULL"""
_CLOSE = f"""
SELECT item_id FROM ({_KNOWN}), (SELECT lower({{item}}) AS asked)
WHERE contains(lower(item_id), asked) OR damerau_levenshtein(lower(item_id), asked) <= greatest(2, length(asked) // 4)
ORDER BY damerau_levenshtein(lower(item_id), asked), item_id LIMIT 5"""
_HOLDER = "SELECT item_id FROM semantic_id_current WHERE semantic_id = {item}"


@dataclass(frozen=True)
class Neighbours:
    """The nearest contents among those that share the item's longest prefix with at least a few others.

    Attributes:
        prefix: The shared prefix.
        contents: Other contents with it.
        rows: The nearest: cosine, item_id, semantic_id, with_this_text, title.
    """

    prefix: str
    contents: int
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ItemFacts:
    """What is known of an item; the mappings have the columns of their tables.

    Attributes:
        item_id: The item.
        catalog: Its row in item_catalog and `same_text`, the active items with its text; None when not there.
        row: Its ID that readers see, else its newest one, with `is_current`; None when it never had one.
        history: Every ID it was given or lost, oldest first.
        quarantine: Its newest rows that were set aside.
        codebook: codebook_version, kind, codebook_sizes and model of the codebook of `row`.
        embedding: dim, embedded_at and run_id of the vector of `row`.
        vector: (1, d), the vector itself.
        bucket: items and contents with the codes of `row`, None unless it is open.
        members: Some other items of the bucket.
        neighbours: None without a vector or without others that share a code.
        labels: What its prefixes mean, coarse to fine: prefix, label, items and purity when it was labelled.
    """

    item_id: str
    catalog: Mapping[str, Any] | None
    row: Mapping[str, Any] | None
    history: Sequence[Mapping[str, Any]]
    quarantine: Sequence[Mapping[str, Any]]
    codebook: Mapping[str, Any] | None = None
    embedding: Mapping[str, Any] | None = None
    vector: Floats | None = None
    bucket: Mapping[str, int] | None = None
    members: Sequence[Mapping[str, Any]] = ()
    neighbours: Neighbours | None = None
    labels: Sequence[Mapping[str, Any]] = ()


def item_facts(reader: Reader, item_id: str) -> ItemFacts:
    """Return what is known of an item.

    Raises:
        ConfigError: No table has it; names items whose ids are close.
    """
    item = literal(item_id)
    catalog, row = (_first(reader, query.format(item=item)) for query in (_CATALOG, _ID))
    history, quarantine = (reader.mappings(query.format(item=item)) for query in (_HISTORY, _QUARANTINE))
    if not (catalog or row or history or quarantine):
        raise _unknown(reader, item_id)
    known = ItemFacts(item_id, catalog, row, history, quarantine)
    if row is None:
        return known
    codebook = _codebook(reader, row["codebook_version"])
    where = {
        "item": item,
        "version": row["codebook_version"],
        "codes": list(row["codes"]),
        "content": literal(row["content_hash"]),
        "model": literal(codebook["model"]),
    }
    embedding = _first(reader, _EMBEDDING.format(**where))
    return ItemFacts(
        **vars(known)
        | {
            "codebook": {name: codebook[name] for name in ("codebook_version", "kind", "codebook_sizes", "model")},
            "embedding": {n: embedding[n] for n in ("dim", "embedded_at", "run_id")} if embedding else None,
            "vector": np.array([embedding["embedding"]], np.float32) if embedding else None,
            "bucket": _first(reader, _BUCKET.format(**where)),
            "members": reader.mappings(_MEMBERS.format(**where)),
            "neighbours": _neighbours(reader, row, where) if embedding else None,
            "labels": _labels(reader, row),
        }
    )


def open_codebook(reader: Reader, version: int) -> Codebook:
    """Return a codebook of the registry.

    Raises:
        StoredDataError: It is missing, its bytes are not those that were written, or they make no codebook.
    """
    row = _codebook(reader, version)
    return opened(bytes(row["artifact"]), row["artifact_sha256"], version)


def _codebook(reader: Reader, version: int) -> dict[str, Any]:
    row = _first(reader, _CODEBOOK.format(version=version))
    if row is None:
        where = f"table codebook, version {version}"
        raise StoredDataError("the codebook of a published ID is not there", where=where, next_step=RESTORE)
    return row


def _neighbours(reader: Reader, row: Mapping[str, Any], where: Mapping[str, Any]) -> Neighbours | None:
    depths = range(1, len(row["prefixes"]) + 1)
    counts = ", ".join(
        f"count(DISTINCT content_hash) FILTER (prefixes[{depth}] = {literal(row['prefixes'][depth - 1])}) AS d{depth}"
        for depth in depths
    )
    others = f"FROM semantic_id WHERE {_OPEN} AND content_hash <> {{content}}".format(**where)
    (found,) = reader.mappings(f"SELECT {counts} {others}")
    enough = [depth for depth in depths if found[f"d{depth}"] >= FEW]
    depth = max(enough, default=1)
    if not found[f"d{depth}"]:
        return None
    prefix = row["prefixes"][depth - 1]
    rows = reader.mappings(_NEAR.format(**where, depth=depth, prefix=literal(prefix)))
    return Neighbours(prefix, found[f"d{depth}"], rows)


def _labels(reader: Reader, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not has_labels(reader):
        return []
    prefixes = ", ".join(map(literal, row["prefixes"]))
    return reader.mappings(_LABELS.format(version=row["codebook_version"], prefixes=prefixes))


def _unknown(reader: Reader, item_id: str) -> ConfigError:
    item = literal(item_id)
    holders = [row["item_id"] for row in reader.mappings(_HOLDER.format(item=item))]
    close = [row["item_id"] for row in reader.mappings(_CLOSE.format(item=item))]
    problems = [f"it is the semantic ID of item {holder}" for holder in holders]
    problems += [f"there is an item {name}" for name in close]
    next_step = "semid sql \"SELECT item_id, title FROM item_catalog WHERE title LIKE '%WORD%'\""
    found = [*holders, *close]
    return ConfigError(
        f"there is no item {item_id}",
        where=f"warehouse: {reader.folder}",
        problems=problems,
        next_step=f"semid explain {found[0]}" if found else next_step,
    )


def _first(reader: Reader, sql: str) -> dict[str, Any] | None:
    rows = reader.mappings(sql)
    return rows[0] if rows else None
