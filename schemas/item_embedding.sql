CREATE TABLE IF NOT EXISTS item_embedding (
  content_hash STRING NOT NULL COMMENT 'sha256 of exactly what was embedded',
  model STRING NOT NULL COMMENT 'Fingerprint of the embedding model: name#hash',
  dim INT NOT NULL COMMENT 'Width of the vector',
  embedding ARRAY<FLOAT> NOT NULL COMMENT 'L2-normalised float32 vector',
  run_id STRING NOT NULL COMMENT 'Run that computed the vector',
  embedded_at TIMESTAMP NOT NULL COMMENT 'When the vector was computed, UTC'
) USING DELTA
COMMENT 'One vector per distinct content and model, never computed twice'
TBLPROPERTIES (
  'delta.constraints.finite' = 'size(array_compact(embedding)) = dim AND array_max(embedding) < float(''inf'') AND array_min(embedding) > float(''-inf'')'
)
