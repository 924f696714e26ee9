CREATE TABLE IF NOT EXISTS semantic_id_change (
  release_id BIGINT NOT NULL COMMENT 'Release that made the change',
  codebook_version INT NOT NULL COMMENT 'Codebook whose IDs changed',
  item_id STRING NOT NULL COMMENT 'Item',
  from_version INT COMMENT 'Codebook of the old ID; null for a new item',
  to_version INT COMMENT 'Codebook of the new ID; null for a removed item',
  old_semantic_id STRING COMMENT 'ID before; null for a new item',
  new_semantic_id STRING COMMENT 'ID after; null for a removed item',
  common_prefix INT NOT NULL COMMENT 'Equal leading codes of both IDs',
  reason STRING NOT NULL COMMENT 'added, content, codebook, kept or removed'
) USING DELTA
PARTITIONED BY (codebook_version)
COMMENT 'What each release changed, and the ledger of every ID ever given'
TBLPROPERTIES ('delta.appendOnly' = 'true')
