CREATE TABLE IF NOT EXISTS run (
  run_id STRING NOT NULL COMMENT 'Execution; a step of a nightly run is <run id>/<job>',
  job STRING NOT NULL COMMENT 'Job name',
  run_date DATE NOT NULL COMMENT 'Logical date',
  status STRING NOT NULL COMMENT 'running, partial (steps of it are done, others to come), done, blocked or failed; running without a live lock means killed',
  started_at TIMESTAMP NOT NULL COMMENT 'Start of the last attempt, UTC',
  ended_at TIMESTAMP COMMENT 'End, UTC',
  seconds DOUBLE COMMENT 'Wall time',
  rows_in BIGINT COMMENT 'Rows read',
  rows_out BIGINT COMMENT 'Rows written',
  metrics STRING COMMENT 'What else the job counted, JSON',
  inputs STRING COMMENT 'Fingerprint of inputs and configuration',
  config STRING COMMENT 'Configuration without secrets, JSON',
  semid_version STRING COMMENT 'Version of semid',
  spark_version STRING COMMENT 'Version of Spark',
  delta_version STRING COMMENT 'Version of Delta Lake',
  message STRING COMMENT 'Why it failed or was blocked'
) USING DELTA
COMMENT 'One row per execution of a job'
