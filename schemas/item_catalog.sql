CREATE TABLE IF NOT EXISTS item_catalog (
  item_id STRING NOT NULL COMMENT 'The feed''s key of the item, exactly as given',
  title STRING COMMENT 'Normalised title',
  brand STRING COMMENT 'Normalised brand, artist or creator',
  category ARRAY<STRING> COMMENT 'Category path, coarse to fine',
  description STRING COMMENT 'Normalised description',
  price DOUBLE COMMENT 'Price in the feed''s currency; null when it could not be read',
  image_url STRING COMMENT 'Where the item''s picture is',
  attributes MAP<STRING, STRING> COMMENT 'Further feed columns named in catalog.attributes',
  text STRING NOT NULL COMMENT 'The text exactly as embedded',
  content_hash STRING NOT NULL COMMENT 'sha256 of exactly what is embedded',
  is_active BOOLEAN NOT NULL COMMENT 'False once the item has left the feed',
  first_seen DATE NOT NULL COMMENT 'Run date that brought the item first',
  changed_on DATE NOT NULL COMMENT 'Run date of the last change of any column, removals included',
  run_id STRING NOT NULL COMMENT 'Run that wrote this row last'
) USING DELTA
COMMENT 'The item catalog as last ingested: one row per item ever seen'
