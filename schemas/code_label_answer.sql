CREATE TABLE IF NOT EXISTS code_label_answer (
  labeller STRING NOT NULL COMMENT 'Configured labeller, package.module:factory',
  question STRING NOT NULL COMMENT 'sha256 over the terms and samples that it was given',
  label STRING NOT NULL COMMENT 'Its answer',
  run_id STRING NOT NULL COMMENT 'Run that asked'
) USING DELTA
COMMENT 'Answers of a labeller from outside, so that no question is paid for twice'
TBLPROPERTIES ('delta.appendOnly' = 'true')
