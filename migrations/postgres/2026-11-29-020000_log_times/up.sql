-- When the bytes of a segment were printed. What was printed so far has no times.
ALTER TABLE log_segments ADD COLUMN times TEXT NOT NULL DEFAULT '';
