CREATE TABLE IF NOT EXISTS semantic_id_staged (
  run_id STRING NOT NULL COMMENT 'Run that staged the row',
  codebook_version INT NOT NULL COMMENT 'Codebook that assigned the codes',
  item_id STRING NOT NULL COMMENT 'Item',
  semantic_id STRING NOT NULL COMMENT 'Printed ID: codes joined by -, #k behind when the dedup index is above 0',
  codes ARRAY<INT> NOT NULL COMMENT 'Codes, coarse to fine',
  prefixes ARRAY<STRING> NOT NULL COMMENT 'Printed prefixes of depth 1 to the number of levels',
  dedup_index INT NOT NULL COMMENT 'Number that tells the items of one bucket apart; given once',
  content_hash STRING NOT NULL COMMENT 'Content the codes were computed from',
  quantization_error FLOAT NOT NULL COMMENT 'Squared distance of the vector to its reconstruction',
  valid_from DATE NOT NULL COMMENT 'First day of validity once published'
) USING DELTA
PARTITIONED BY (run_id)
COMMENT 'Assigned but not yet audited IDs of the items that changed'
