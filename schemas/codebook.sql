CREATE TABLE IF NOT EXISTS codebook (
  codebook_version INT NOT NULL COMMENT 'Version number, 1 and up',
  kind STRING NOT NULL COMMENT 'Quantizer kind: rqvae, rkmeans, prq, pq, opq or vq',
  levels INT NOT NULL COMMENT 'Number of levels, coarse to fine',
  codebook_sizes ARRAY<INT> NOT NULL COMMENT 'Codes per level',
  model STRING NOT NULL COMMENT 'Fingerprint of the embedding model it was trained on',
  parent_version INT COMMENT 'Version it was warm-started from',
  artifact BINARY NOT NULL COMMENT 'The codebook as safetensors bytes',
  artifact_sha256 STRING NOT NULL COMMENT 'sha256 of artifact, checked before every use',
  fingerprint STRING NOT NULL COMMENT 'sha256 over kind, sizes, model and artifact hash',
  params STRING NOT NULL COMMENT 'Hyper-parameters, JSON',
  metrics STRING NOT NULL COMMENT 'Quality on the training sample and on its held-out part, JSON',
  seed BIGINT NOT NULL COMMENT 'Seed of the fit',
  trained_on STRING NOT NULL COMMENT 'Row count and item_embedding version of the sample, JSON',
  run_id STRING NOT NULL COMMENT 'Run that trained it',
  created_at TIMESTAMP NOT NULL COMMENT 'When it was written, UTC'
) USING DELTA
COMMENT 'Trained codebooks; rows never change'
TBLPROPERTIES ('delta.appendOnly' = 'true')
