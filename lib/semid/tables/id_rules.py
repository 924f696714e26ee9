"""What must be true of the rows of a warehouse, whoever wrote them: one query per rule, each finds what breaks it."""

from __future__ import annotations

from dataclasses import dataclass

from semid.errors import StoredDataError
from semid.quantize.codebook import from_bytes, sha256
from semid.tables.query import QueryError, Reader

_ACTIVE = "(SELECT max_by(codebook_version, release_id) FROM published_release)"
# A rebuilt date changes the past: its releases say nothing about the IDs of now.
_OF_NOW = "(SELECT * FROM published_release WHERE counts['rebuilt_date'] IS NULL)"

_RULES = {
    "an item has one open ID per codebook version": """
SELECT item_id AS example FROM semantic_id WHERE valid_to IS NULL
GROUP BY codebook_version, item_id HAVING count(*) > 1""",
    "intervals of an item are longer than zero and do not overlap": """
SELECT item_id AS example FROM (
  SELECT item_id, valid_from, valid_to,
    lead(valid_from) OVER (PARTITION BY codebook_version, item_id ORDER BY valid_from) AS next_from
  FROM semantic_id)
WHERE valid_to <= valid_from OR next_from < coalesce(valid_to, 'infinity'::DATE)""",
    "an ID is given to one item only": """
SELECT semantic_id AS example FROM semantic_id
GROUP BY codebook_version, semantic_id HAVING count(DISTINCT item_id) > 1""",
    "an ID and its prefixes print its codes": """
SELECT item_id AS example FROM semantic_id
WHERE semantic_id <> array_to_string(codes, '-') || CASE WHEN dedup_index > 0 THEN '#' || dedup_index ELSE '' END
  OR prefixes <> list_transform(range(1, len(codes) + 1), lambda n: array_to_string(codes[1:n], '-'))""",
    "codes lie within their codebook": """
SELECT item_id AS example FROM semantic_id LEFT JOIN codebook USING (codebook_version)
WHERE len(codes) IS DISTINCT FROM levels
  OR list_bool_or(list_transform(list_zip(codes, codebook_sizes), lambda c: c[1] IS NULL OR c[1] < 0 OR c[1] >= c[2]))
""",
    "a row of semantic_id belongs to a published release": """
SELECT item_id AS example FROM semantic_id WHERE release_id NOT IN (SELECT release_id FROM published_release)""",
    "a row of semantic_id_change belongs to a published release": """
SELECT item_id AS example FROM semantic_id_change WHERE release_id NOT IN (SELECT release_id FROM published_release)""",
    "an open ID is what the newest change of its item says": f"""
SELECT item_id AS example FROM (
  SELECT codebook_version, item_id, semantic_id FROM semantic_id WHERE valid_to IS NULL)
FULL JOIN (
  SELECT codebook_version, item_id, max_by({{'id': new_semantic_id}}, release_id).id AS changed_to
  FROM semantic_id_change SEMI JOIN {_OF_NOW} USING (release_id) GROUP BY ALL) USING (codebook_version, item_id)
WHERE semantic_id IS DISTINCT FROM changed_to""",
    "the newest release has as many items as it says": f"""
SELECT release_id::VARCHAR AS example FROM (SELECT * FROM {_OF_NOW} ORDER BY release_id DESC LIMIT 1)
WHERE counts['items'] <> (SELECT count(*) FROM semantic_id_current)""",
    "a release has as many changes as it says": f"""
SELECT release_id::VARCHAR AS example FROM {_OF_NOW} AS r
WHERE counts['added'] <> (SELECT count(*) FROM semantic_id_change AS c
  WHERE c.release_id = r.release_id AND c.codebook_version = r.codebook_version AND reason = 'added')""",
    "a release has its run": """
SELECT run_id AS example FROM published_release ANTI JOIN run USING (run_id)""",
    "what a run published is there": """
SELECT run_id AS example FROM (
  SELECT run_id, try_cast(json_extract_string(metrics, '$.release_id') AS BIGINT) AS release_id FROM run
  WHERE status = 'done' AND ends_with(run_id, '/publish_ids')) ANTI JOIN release USING (release_id)
WHERE release_id IS NOT NULL""",
    "an item is in the catalog once": """
SELECT item_id AS example FROM item_catalog GROUP BY item_id HAVING count(*) > 1""",
    "a content has one vector per model": """
SELECT content_hash AS example FROM item_embedding GROUP BY content_hash, model HAVING count(*) > 1""",
    "a vector is as wide as it says, and finite": """
SELECT content_hash AS example FROM item_embedding
WHERE len(embedding) <> dim OR list_bool_or(list_transform(embedding, lambda x: x IS NULL OR NOT isfinite(x)))""",
    "a content with a current ID has a vector of the codebook's model": f"""
SELECT item_id AS example FROM semantic_id_current
ANTI JOIN (SELECT content_hash FROM item_embedding
  WHERE model = (SELECT any_value(model) FROM codebook WHERE codebook_version = {_ACTIVE})) USING (content_hash)""",
}


@dataclass(frozen=True)
class Broken:
    """A rule that does not hold.

    Attributes:
        rule: The rule.
        count: How often it is broken.
        example: One item, content, release or run that breaks it.
    """

    rule: str
    count: int
    example: str


def broken_rules(reader: Reader) -> list[Broken]:
    """Return the rules that the rows of a warehouse break; a rule that cannot be asked is broken."""
    found = []
    for rule, query in _RULES.items():
        try:
            ((count, example),) = reader.ask(f"SELECT count(*), min(example) FROM ({query})").rows
        except (StoredDataError, QueryError) as error:  # a table or a column is gone
            count, example = 1, error.what
        if count:
            found.append(Broken(rule, count, str(example)))
    return found + _broken_codebooks(reader)


def number_of_rules() -> int:
    """Return how many rules there are, those of the codebooks' bytes among them."""
    return len(_RULES) + 1


def _broken_codebooks(reader: Reader) -> list[Broken]:
    rule, broken = "a codebook's bytes are those that were written, and make a codebook", []
    try:
        rows = reader.mappings("SELECT codebook_version, artifact, artifact_sha256 FROM codebook")
    except (StoredDataError, QueryError) as error:
        return [Broken(rule, 1, error.what)]
    for row in rows:
        try:
            if sha256(row["artifact"]) != row["artifact_sha256"]:
                raise ValueError("other bytes")
            from_bytes(row["artifact"])
        except ValueError:
            broken.append(str(row["codebook_version"]))
    return [Broken(rule, len(broken), f"version {broken[0]}")] if broken else []
