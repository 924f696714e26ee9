CREATE TABLE IF NOT EXISTS eval_report (
  run_id STRING NOT NULL COMMENT 'Run that measured',
  task STRING NOT NULL COMMENT 'What was measured: codes (semid evaluate), budget (semid tune-codebook), retrieval (semid train-retrieval) or search (semid train-search)',
  slice STRING NOT NULL COMMENT 'all; head, mid, tail or cold by interactions; validation; for budget the sizes of the setting, coarse to fine; for search the retriever',
  metric STRING NOT NULL COMMENT 'Name of the number; _l2 is level 2, _d2 the first 2 codes, _c1 the first name of the category path',
  value DOUBLE COMMENT 'Measured value; null when it could not be computed',
  ci_low DOUBLE COMMENT 'Lower end of the 95 % interval; null for an exact number',
  ci_high DOUBLE COMMENT 'Upper end of the 95 % interval; null for an exact number',
  seed INT NOT NULL COMMENT 'Seed of shuffles, resamples and fits',
  params STRING NOT NULL COMMENT 'What was measured and how, JSON: codebook or file, model, sample sizes, definitions'
) USING DELTA
COMMENT 'How good codes are: one row per measurement, slice and metric'
