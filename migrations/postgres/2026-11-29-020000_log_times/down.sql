ALTER TABLE log_segments DROP COLUMN times;
