CREATE TABLE IF NOT EXISTS drift_report (
  run_id STRING NOT NULL COMMENT 'Run whose staged rows were checked',
  cohort STRING NOT NULL COMMENT 'arrivals: new and edited items; table: every current item; contract: a Great Expectations rule; with @vN behind it when several codebooks are checked',
  metric STRING NOT NULL COMMENT 'What was measured',
  level INT NOT NULL COMMENT 'Level of the code, 0 for the whole ID',
  value DOUBLE COMMENT 'Measured value; null when it could not be computed',
  reference DOUBLE COMMENT 'What it is compared with',
  threshold_warn DOUBLE COMMENT 'Warn at or beyond this',
  threshold_block DOUBLE COMMENT 'Block at or beyond this',
  status STRING NOT NULL COMMENT 'pass, warn, block, or info when not gated',
  note STRING COMMENT 'Why, in words'
) USING DELTA
COMMENT 'Every check of every run, with its threshold and outcome'
