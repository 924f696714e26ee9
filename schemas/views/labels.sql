-- The labels to show, the same text in Spark and DuckDB. Made where the warehouse has code_label and code_map.

-- What the codes of a version mean: its own labels; until it has any, the labels of the first codes of the version
-- it was retrained from, where at least 70 % of the new code's items had the old one. Deeper pairs of code_map are
-- counted over all prefixes, so they say nothing of a single one. labelled_version tells whose labels they are.
CREATE OR REPLACE TEMPORARY VIEW code_label_effective AS
SELECT
  codebook_version, prefix, level, label, terms, exemplars, item_count, purity,
  codebook_version AS labelled_version
FROM code_label
UNION ALL
SELECT
  m.to_version, CAST(m.new_code AS STRING), l.level, l.label, l.terms, l.exemplars, l.item_count, l.purity,
  m.from_version
FROM code_map AS m
JOIN code_label AS l ON l.codebook_version = m.from_version AND l.prefix = CAST(m.old_code AS STRING)
WHERE m.level = 1 AND m.purity >= 0.7
  AND m.to_version NOT IN (SELECT codebook_version FROM code_label);
