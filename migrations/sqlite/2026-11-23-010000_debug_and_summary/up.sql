-- `summary` is Markdown, masked; it is read with a single task alone.
ALTER TABLE tasks ADD COLUMN use_debug INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN summary TEXT;
