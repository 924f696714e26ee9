-- SQL functions for DuckDB. schemas/views/spark.sql declares the same ones. What is not an ID gives NULL.

-- The first n codes, printed. The #k behind an ID never belongs to a prefix.
CREATE OR REPLACE TEMPORARY MACRO sid_prefix(semantic_id, n) AS
CASE WHEN n >= 0 AND regexp_full_match(semantic_id, '(0|[1-9][0-9]*)(-(0|[1-9][0-9]*))*(#[1-9][0-9]*)?')
  THEN array_to_string(string_split(split_part(semantic_id, '#', 1), '-')[1:n], '-') END;

-- The code at level n, 1 is the coarsest. NULL beyond the last level.
CREATE OR REPLACE TEMPORARY MACRO sid_level(semantic_id, n) AS
CASE WHEN n >= 1 AND regexp_full_match(semantic_id, '(0|[1-9][0-9]*)(-(0|[1-9][0-9]*))*(#[1-9][0-9]*)?')
  THEN try_cast(string_split(split_part(semantic_id, '#', 1), '-')[n] AS INTEGER) END;

-- The number of equal leading codes: the position of the first difference, with one put behind the last code.
CREATE OR REPLACE TEMPORARY MACRO sid_overlap(a, b) AS
CASE WHEN regexp_full_match(a, '(0|[1-9][0-9]*)(-(0|[1-9][0-9]*))*(#[1-9][0-9]*)?')
  AND regexp_full_match(b, '(0|[1-9][0-9]*)(-(0|[1-9][0-9]*))*(#[1-9][0-9]*)?')
  THEN CAST(list_position(list_append(list_transform(
    list_zip(string_split(split_part(a, '#', 1), '-'), string_split(split_part(b, '#', 1), '-')),
    lambda pair: pair[1] IS NOT DISTINCT FROM pair[2]), false), false) - 1 AS INTEGER) END;

-- The IDs as they were valid on day d, under the codebook that was active on that day.
CREATE OR REPLACE TEMPORARY MACRO semantic_id_as_of(d) AS TABLE
SELECT s.* FROM semantic_id AS s JOIN active_codebook AS a ON s.codebook_version = a.codebook_version
WHERE a.active_from <= CAST(d AS DATE) AND (a.active_to IS NULL OR a.active_to > CAST(d AS DATE))
  AND s.valid_from <= CAST(d AS DATE) AND (s.valid_to IS NULL OR s.valid_to > CAST(d AS DATE));
