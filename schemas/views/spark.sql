-- SQL functions for Spark. schemas/views/duckdb.sql declares the same ones. What is not an ID gives NULL.

-- The first n codes, printed. The #k behind an ID never belongs to a prefix.
CREATE OR REPLACE TEMPORARY FUNCTION sid_prefix(semantic_id STRING, n INT) RETURNS STRING
RETURN CASE WHEN n >= 0 AND semantic_id RLIKE r'^(0|[1-9][0-9]*)(-(0|[1-9][0-9]*))*(#[1-9][0-9]*)?\z'
  THEN substring_index(substring_index(semantic_id, '#', 1), '-', n) END;

-- The code at level n, 1 is the coarsest. NULL beyond the last level.
CREATE OR REPLACE TEMPORARY FUNCTION sid_level(semantic_id STRING, n INT) RETURNS INT
RETURN CASE WHEN n >= 1 AND semantic_id RLIKE r'^(0|[1-9][0-9]*)(-(0|[1-9][0-9]*))*(#[1-9][0-9]*)?\z'
  THEN try_cast(get(split(substring_index(semantic_id, '#', 1), '-'), n - 1) AS INT) END;

-- The number of equal leading codes: the position of the first difference, with one put behind the last code.
CREATE OR REPLACE TEMPORARY FUNCTION sid_overlap(a STRING, b STRING) RETURNS INT
RETURN CASE WHEN a RLIKE r'^(0|[1-9][0-9]*)(-(0|[1-9][0-9]*))*(#[1-9][0-9]*)?\z'
  AND b RLIKE r'^(0|[1-9][0-9]*)(-(0|[1-9][0-9]*))*(#[1-9][0-9]*)?\z'
  THEN CAST(array_position(array_append(
    zip_with(split(substring_index(a, '#', 1), '-'), split(substring_index(b, '#', 1), '-'), (x, y) -> x <=> y),
    false), false) - 1 AS INT) END;

-- The IDs as they were valid on day d, under the codebook that was active on that day.
CREATE OR REPLACE TEMPORARY FUNCTION semantic_id_as_of(d DATE) RETURNS TABLE
RETURN SELECT s.* FROM semantic_id AS s JOIN active_codebook AS a ON s.codebook_version = a.codebook_version
WHERE a.active_from <= d AND (a.active_to IS NULL OR a.active_to > d)
  AND s.valid_from <= d AND (s.valid_to IS NULL OR s.valid_to > d);
