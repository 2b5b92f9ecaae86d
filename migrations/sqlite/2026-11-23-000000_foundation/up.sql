-- Times are milliseconds since the epoch. JSON and enums are text. A column that ends in `_box` is sealed.

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    is_disabled INTEGER NOT NULL DEFAULT 0,
    secrets_box BLOB,
    secret_names TEXT NOT NULL DEFAULT '{}',
    created_time INTEGER NOT NULL,
    updated_time INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    cookie_sha256 BLOB NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expire_time INTEGER NOT NULL,
    created_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expire_time);

CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    description TEXT NOT NULL,
    token_sha256 BLOB NOT NULL UNIQUE,
    expire_time INTEGER NOT NULL,
    active_time INTEGER,
    created_time INTEGER NOT NULL,
    updated_time INTEGER NOT NULL
) STRICT;

CREATE INDEX tokens_user ON tokens (user_id, created_time, id);

CREATE TABLE provider_tokens (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    origin TEXT NOT NULL,
    username TEXT,
    token_box BLOB NOT NULL,
    created_time INTEGER NOT NULL,
    updated_time INTEGER NOT NULL,
    PRIMARY KEY (user_id, provider, origin)
) STRICT, WITHOUT ROWID;

-- `trigger_spec` and `secret_names` are kept as they are shown: with `***` where a secret is.
-- The counters are changed in the transaction that changes a task, so that totals need no scan.
CREATE TABLE applications (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    provider_repo_id TEXT NOT NULL,
    repo_name TEXT NOT NULL,
    owner TEXT NOT NULL,
    repo_url TEXT NOT NULL,
    description TEXT NOT NULL,
    trigger_spec TEXT NOT NULL,
    webhook_box BLOB,
    secrets_box BLOB,
    secret_names TEXT NOT NULL DEFAULT '{}',
    envs TEXT,
    latest_task TEXT,
    latest_number INTEGER NOT NULL DEFAULT 0,
    last_number INTEGER NOT NULL DEFAULT 0,
    n_pending INTEGER NOT NULL DEFAULT 0,
    n_running INTEGER NOT NULL DEFAULT 0,
    n_success INTEGER NOT NULL DEFAULT 0,
    n_failure INTEGER NOT NULL DEFAULT 0,
    n_cancelled INTEGER NOT NULL DEFAULT 0,
    created_time INTEGER NOT NULL,
    updated_time INTEGER NOT NULL,
    UNIQUE (user_id, provider, provider_repo_id)
) STRICT;

CREATE INDEX applications_recent ON applications (user_id, updated_time, created_time, id);

-- `user_id` is the application's, which does not change; it goes with the application.
CREATE TABLE tasks (
    id TEXT NOT NULL PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    status TEXT NOT NULL,
    is_cancel_requested INTEGER NOT NULL DEFAULT 0,
    steps TEXT,
    message TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    git_ref TEXT,
    owner TEXT NOT NULL,
    repo_name TEXT NOT NULL,
    trigger_type TEXT NOT NULL,
    redelivery TEXT,
    inputs TEXT NOT NULL DEFAULT '{}',
    pipeline_file TEXT NOT NULL,
    error TEXT,
    has_log INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL DEFAULT 1,
    instance TEXT,
    claim_token TEXT,
    lease_time INTEGER,
    created_time INTEGER NOT NULL,
    updated_time INTEGER NOT NULL,
    started_time INTEGER,
    finished_time INTEGER,
    UNIQUE (app_id, number)
) STRICT;

CREATE INDEX tasks_by_status ON tasks (app_id, status, number);
-- What a runner looks through stays small, however many tasks have ended.
CREATE INDEX tasks_queue ON tasks (created_time, number, id) WHERE status = 'pending';
CREATE INDEX tasks_leases ON tasks (lease_time) WHERE status = 'running';
-- What retention looks through: tasks whose log has not been removed yet.
CREATE INDEX tasks_with_log ON tasks (finished_time, id) WHERE has_log;

-- `step_count` is the step's number; 1000000 is `completed`.
CREATE TABLE log_segments (
    task_id TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    step_count INTEGER NOT NULL,
    first_byte INTEGER NOT NULL,
    n_bytes INTEGER NOT NULL,
    first_line INTEGER NOT NULL,
    n_lines INTEGER NOT NULL,
    object TEXT,
    object_offset INTEGER NOT NULL,
    object_bytes INTEGER NOT NULL,
    PRIMARY KEY (task_id, step_count, first_byte)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotent_responses (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    idempotency_key TEXT NOT NULL,
    operation TEXT NOT NULL,
    body_sha256 BLOB NOT NULL,
    response_box BLOB NOT NULL,
    created_time INTEGER NOT NULL,
    PRIMARY KEY (user_id, idempotency_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotent_responses_age ON idempotent_responses (created_time);
