-- Views over the tables, the same text in Spark and DuckDB. `published_release` holds the published releases
-- up to the one the reader has resolved.

-- Which codebook was active on which days [active_from, active_to). A release is in force from its run date
-- until the first run date of any later release. An empty interval means that it was replaced the same day.
CREATE OR REPLACE TEMPORARY VIEW active_codebook AS
SELECT
  release_id,
  codebook_version,
  run_date AS active_from,
  min(run_date) OVER (
    PARTITION BY status ORDER BY release_id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS active_to
FROM published_release;

-- One row per active item: its ID under the active codebook.
CREATE OR REPLACE TEMPORARY VIEW semantic_id_current AS
SELECT * FROM semantic_id
WHERE valid_to IS NULL
  AND codebook_version = (SELECT max_by(codebook_version, release_id) FROM published_release);
