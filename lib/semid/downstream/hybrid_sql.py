"""Hybrid retrieval in SQL, for DuckDB over the published tables; the answers are those of `hybrid.search`.

`points_sql` is what `hybrid.prefix_points` makes, `search_sql` what `hybrid.search` does. Texts are for `semid sql`, a
notebook's `Reader.frame`, or any DuckDB session that has run the warehouse's `catalog.sql`.
"""

from __future__ import annotations

from semid.downstream.hybrid import SPREAD

_POINTS = """\
vector AS (
  SELECT i.item_id, i.semantic_id, i.prefixes, e.embedding
  FROM semantic_id_current i
  JOIN codebook c USING (codebook_version)
  JOIN item_embedding e ON e.content_hash = i.content_hash AND e.model = c.model
), prefix_point AS (
  WITH part AS (
    SELECT prefixes[{point_depth:d}] AS point, generate_subscripts(embedding, 1) AS place, unnest(embedding) AS value
    FROM vector
  ), place AS (
    SELECT point, place, count(*) AS items, avg(value::DOUBLE)::FLOAT AS mean, var_pop(value::DOUBLE) AS spread
    FROM part GROUP BY point, place
  )
  SELECT point, array_to_string(string_split(point, '-')[1:{depth:d}], '-') AS prefix, any_value(items) AS items,
    list(mean ORDER BY place) AS mean, sum(spread)::FLOAT AS spread
  FROM place GROUP BY point
)"""

_SEARCH = """\
probe AS (
  SELECT query_id, prefix
  FROM (
    SELECT q.query_id, p.prefix,
      min(list_distance(q.embedding::DOUBLE[], p.mean::DOUBLE[]) ^ 2 + {spread} * p.spread) AS distance
    FROM query q CROSS JOIN prefix_point p
    GROUP BY q.query_id, p.prefix
  )
  QUALIFY row_number() OVER (PARTITION BY query_id ORDER BY distance, prefix) <= {probes:d}
), found AS (
  SELECT q.query_id, v.item_id, v.semantic_id,
    list_distance(q.embedding::DOUBLE[], v.embedding::DOUBLE[]) ^ 2 AS distance
  FROM query q JOIN probe USING (query_id) JOIN vector v ON v.prefixes[{depth:d}] = probe.prefix
)
SELECT query_id, row_number() OVER nearest AS rank, item_id, semantic_id, distance
FROM found
WINDOW nearest AS (PARTITION BY query_id ORDER BY distance, item_id)
QUALIFY rank <= {k:d}
ORDER BY query_id, rank"""


def points_sql(depth: int, point_depth: int = 2) -> str:
    """Return the common table expressions `vector` and `prefix_point`: rows per item and per point, of this release.

    Columns of a point: point (its codes, printed), prefix, items, mean FLOAT[], spread.

    >>> points_sql(1).splitlines()[0]
    'vector AS ('
    """
    return _POINTS.format(depth=depth, point_depth=point_depth)


def search_sql(query: str, depth: int, probes: int, k: int, point_depth: int = 2) -> str:
    """Return the query that finds the k nearest items of each row of `query`.

    Args:
        query: A SELECT of query_id and embedding, from any table or from `vector`. It is put into the text as it is.
        depth: Codes of a prefix, the filter.
        probes: Prefixes that are looked into.
        k: Answers per query.
        point_depth: As for `hybrid.prefix_points`.
    """
    found = _SEARCH.format(depth=depth, probes=probes, k=k, spread=SPREAD)
    return f"WITH {points_sql(depth, point_depth)}, query AS (\n{query}\n), {found}"
