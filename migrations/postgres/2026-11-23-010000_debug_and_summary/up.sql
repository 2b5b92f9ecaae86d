-- `summary` is Markdown, masked; it is read with a single task alone.
ALTER TABLE tasks ADD COLUMN use_debug BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE tasks ADD COLUMN summary TEXT;
