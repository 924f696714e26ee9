CREATE TABLE IF NOT EXISTS release (
  release_id BIGINT NOT NULL COMMENT 'Number of the release, 1 and up',
  run_id STRING NOT NULL COMMENT 'Run that made it',
  run_date DATE NOT NULL COMMENT 'Logical date',
  kind STRING NOT NULL COMMENT 'bootstrap, nightly, retrain, backfill or rollback',
  status STRING NOT NULL COMMENT 'published or blocked',
  codebook_version INT COMMENT 'Codebook that is active from here on',
  serving_versions ARRAY<INT> COMMENT 'Codebooks whose IDs are kept current',
  table_versions MAP<STRING, BIGINT> COMMENT 'Delta version of every table read and written',
  counts MAP<STRING, BIGINT> COMMENT 'Items added, changed, removed, unchanged, and rows quarantined; for a release that replaced a past date these are of that date, rebuilt_date (20260105) under codebook rebuilt_version',
  verdict STRING NOT NULL COMMENT 'pass, warn or block',
  created_at TIMESTAMP NOT NULL COMMENT 'When the row was written, UTC'
) USING DELTA
COMMENT 'One row per attempt to publish; the newest published one says what is active'
TBLPROPERTIES ('delta.appendOnly' = 'true')
