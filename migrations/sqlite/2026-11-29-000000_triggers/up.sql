-- `is_fork`: the code comes from a fork, so it gets no secrets unless the application says otherwise.
ALTER TABLE tasks ADD COLUMN event TEXT;
ALTER TABLE tasks ADD COLUMN delivery_id TEXT;
ALTER TABLE tasks ADD COLUMN is_fork INTEGER NOT NULL DEFAULT 0;

-- `poll_time` is when the repository is to be looked at next, `polled_time` when it last was.
ALTER TABLE applications ADD COLUMN fork_secrets INTEGER NOT NULL DEFAULT 0;
ALTER TABLE applications ADD COLUMN webhook TEXT;
ALTER TABLE applications ADD COLUMN poll_seconds INTEGER;
ALTER TABLE applications ADD COLUMN poll_time INTEGER;
ALTER TABLE applications ADD COLUMN polled_time INTEGER;
ALTER TABLE applications ADD COLUMN poll_problem TEXT;

CREATE INDEX applications_polls ON applications (poll_time) WHERE poll_time IS NOT NULL;

-- What the refs of a repository pointed to when it was last looked at: JSON, name to commit.
CREATE TABLE polled_refs (
    app_id TEXT NOT NULL PRIMARY KEY REFERENCES applications (id) ON DELETE CASCADE,
    refs TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- `delivery_key` is what makes two deliveries the same. Ids grow with time, so they order a list and tell the age.
-- `body_zstd` holds `***` where a secret was.
CREATE TABLE deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    kind TEXT NOT NULL,
    delivery_key TEXT NOT NULL,
    event TEXT NOT NULL,
    git_ref TEXT,
    commit_id TEXT,
    message TEXT NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    rules TEXT NOT NULL,
    task_ids TEXT NOT NULL,
    replay_of TEXT,
    headers TEXT NOT NULL,
    body_zstd BLOB,
    body_bytes INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    created_time INTEGER NOT NULL,
    UNIQUE (app_id, provider, delivery_key)
) STRICT;

CREATE INDEX deliveries_recent ON deliveries (app_id, id);
-- Whether somebody has told of a commit.
CREATE INDEX deliveries_refs ON deliveries (app_id, git_ref, id) WHERE git_ref IS NOT NULL;

-- `entry` is what the entry of the trigger says, hashed: an entry that is changed begins anew.
CREATE TABLE schedules (
    app_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
    entry TEXT NOT NULL,
    next_time INTEGER NOT NULL,
    PRIMARY KEY (app_id, entry)
) STRICT, WITHOUT ROWID;

CREATE INDEX schedules_due ON schedules (next_time);

-- What the Git host is to be told of a task. `next_time` is when to try; NULL when there is nothing to tell for now.
CREATE TABLE status_reports (
    task_id TEXT NOT NULL PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
    wanted TEXT NOT NULL,
    sent TEXT,
    n_attempts INTEGER NOT NULL DEFAULT 0,
    next_time INTEGER,
    problem TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX status_reports_due ON status_reports (next_time) WHERE next_time IS NOT NULL;
