ALTER TABLE tasks DROP COLUMN summary;
ALTER TABLE tasks DROP COLUMN use_debug;
