CREATE TABLE IF NOT EXISTS code_map (
  from_version INT NOT NULL COMMENT 'Codebook that was active when the new one was trained',
  to_version INT NOT NULL COMMENT 'New codebook',
  level INT NOT NULL COMMENT 'Level, 1 is the coarsest',
  old_code INT NOT NULL COMMENT 'Code under from_version',
  new_code INT NOT NULL COMMENT 'Code under to_version',
  weight BIGINT NOT NULL COMMENT 'Items that have the one and get the other',
  purity DOUBLE NOT NULL COMMENT 'weight over all items of the new code; pairs below 0.01 are left out, except each new code''s heaviest'
) USING DELTA
COMMENT 'Which old codes each new code took over: E_new = sum of purity times E_old moves a trained table of codes'
