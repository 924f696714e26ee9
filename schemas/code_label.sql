CREATE TABLE IF NOT EXISTS code_label (
  codebook_version INT NOT NULL COMMENT 'Codebook whose codes are named',
  prefix STRING NOT NULL COMMENT 'Printed prefix, as in semantic_id.prefixes',
  level INT NOT NULL COMMENT 'Number of codes in the prefix',
  label STRING COMMENT 'Name made of the terms that tell the prefix from its siblings, or by the configured labeller; null when it has no term',
  terms ARRAY<STRUCT<term: STRING, score: DOUBLE>> NOT NULL COMMENT 'Terms of one to four words with the highest c-TF-IDF among the siblings, the most telling first; a part of a longer term that stands for it is left out',
  exemplars ARRAY<STRING> NOT NULL COMMENT 'Items nearest the mean vector of the prefix, nearest first; one item per content',
  item_count BIGINT NOT NULL COMMENT 'Items with the prefix when it was labelled',
  purity DOUBLE COMMENT 'Share of the commonest category among its items that have one, at the category depth that fits the level best; null when none has'
) USING DELTA
PARTITIONED BY (codebook_version)
COMMENT 'What the codes mean: one row per prefix with enough items; labelling a version again replaces its rows in one commit'
