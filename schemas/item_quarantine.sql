CREATE TABLE IF NOT EXISTS item_quarantine (
  run_id STRING NOT NULL COMMENT 'Run that set the row aside',
  source_row STRING NOT NULL COMMENT 'Where the row stands: file name and row number or key',
  item_id STRING COMMENT 'The row''s item id, when it could be read',
  reasons ARRAY<STRING> NOT NULL COMMENT 'Every reason code of the row, see docs/operations.md',
  raw STRING NOT NULL COMMENT 'The row as it came, as JSON; a vector in a Parquet or Delta feed by its length'
) USING DELTA
COMMENT 'Feed rows that were not taken, with the reasons'
