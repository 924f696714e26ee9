CREATE TABLE IF NOT EXISTS semantic_id (
  codebook_version INT NOT NULL COMMENT 'Codebook that assigned the codes',
  item_id STRING NOT NULL COMMENT 'Item',
  semantic_id STRING NOT NULL COMMENT 'Printed ID: codes joined by -, #k behind when the dedup index is above 0',
  codes ARRAY<INT> NOT NULL COMMENT 'Codes, coarse to fine',
  prefixes ARRAY<STRING> NOT NULL COMMENT 'Printed prefixes of depth 1 to the number of levels',
  dedup_index INT NOT NULL COMMENT 'Number that tells the items of one bucket apart; given once',
  content_hash STRING NOT NULL COMMENT 'Content the codes were computed from',
  quantization_error FLOAT NOT NULL COMMENT 'Squared distance of the vector to its reconstruction',
  valid_from DATE NOT NULL COMMENT 'First day of validity',
  valid_to DATE COMMENT 'Day the row stopped being valid; null while current',
  release_id BIGINT NOT NULL COMMENT 'Release that opened the row'
) USING DELTA
PARTITIONED BY (codebook_version)
COMMENT 'Published semantic IDs by validity interval: a log row joins to the ID of its day'
TBLPROPERTIES (
  'delta.enableChangeDataFeed' = 'true',
  'delta.constraints.interval' = 'valid_to IS NULL OR valid_to > valid_from',
  'delta.constraints.codes' = 'size(codes) > 0 AND array_min(codes) >= 0'
)
