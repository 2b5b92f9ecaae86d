DROP TABLE idempotent_responses;
DROP TABLE log_segments;
DROP TABLE tasks;
DROP TABLE applications;
DROP TABLE provider_tokens;
DROP TABLE tokens;
DROP TABLE sessions;
DROP TABLE users;
