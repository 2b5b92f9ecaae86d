ALTER TABLE users ADD COLUMN is_admin INTEGER NOT NULL DEFAULT 0;

-- Whoever has run the server so far goes on doing so: the first start's `admin`, or else the first user there was.
UPDATE users SET is_admin = 1 WHERE id = (
    SELECT id FROM users ORDER BY is_disabled, username <> 'admin', created_time, id LIMIT 1
);
