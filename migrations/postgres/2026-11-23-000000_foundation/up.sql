-- Times are milliseconds since the epoch. JSON and enums are text. A column that ends in `_box` is sealed.
-- Ids and names have the collation "C": they sort by bytes, as they do in SQLite, whatever the database's locale.

CREATE TABLE users (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    username TEXT COLLATE "C" NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    is_disabled BOOLEAN NOT NULL DEFAULT FALSE,
    secrets_box BYTEA,
    secret_names TEXT NOT NULL DEFAULT '{}',
    created_time BIGINT NOT NULL,
    updated_time BIGINT NOT NULL
);

CREATE TABLE sessions (
    cookie_sha256 BYTEA NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expire_time BIGINT NOT NULL,
    created_time BIGINT NOT NULL
);

CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expire_time);

CREATE TABLE tokens (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    description TEXT NOT NULL,
    token_sha256 BYTEA NOT NULL UNIQUE,
    expire_time BIGINT NOT NULL,
    active_time BIGINT,
    created_time BIGINT NOT NULL,
    updated_time BIGINT NOT NULL
);

CREATE INDEX tokens_user ON tokens (user_id, created_time, id);

CREATE TABLE provider_tokens (
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider TEXT COLLATE "C" NOT NULL,
    origin TEXT COLLATE "C" NOT NULL,
    username TEXT COLLATE "C",
    token_box BYTEA NOT NULL,
    created_time BIGINT NOT NULL,
    updated_time BIGINT NOT NULL,
    PRIMARY KEY (user_id, provider, origin)
);

-- `trigger_spec` and `secret_names` are kept as they are shown: with `***` where a secret is.
-- The counters are changed in the transaction that changes a task, so that totals need no scan.
CREATE TABLE applications (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider TEXT COLLATE "C" NOT NULL,
    provider_repo_id TEXT COLLATE "C" NOT NULL,
    repo_name TEXT NOT NULL,
    owner TEXT NOT NULL,
    repo_url TEXT NOT NULL,
    description TEXT NOT NULL,
    trigger_spec TEXT NOT NULL,
    webhook_box BYTEA,
    secrets_box BYTEA,
    secret_names TEXT NOT NULL DEFAULT '{}',
    envs TEXT,
    latest_task TEXT,
    latest_number BIGINT NOT NULL DEFAULT 0,
    last_number BIGINT NOT NULL DEFAULT 0,
    n_pending BIGINT NOT NULL DEFAULT 0,
    n_running BIGINT NOT NULL DEFAULT 0,
    n_success BIGINT NOT NULL DEFAULT 0,
    n_failure BIGINT NOT NULL DEFAULT 0,
    n_cancelled BIGINT NOT NULL DEFAULT 0,
    created_time BIGINT NOT NULL,
    updated_time BIGINT NOT NULL,
    UNIQUE (user_id, provider, provider_repo_id)
);

CREATE INDEX applications_recent ON applications (user_id, updated_time, created_time, id);

-- `user_id` is the application's, which does not change; it goes with the application.
CREATE TABLE tasks (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    app_id TEXT COLLATE "C" NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
    user_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    is_cancel_requested BOOLEAN NOT NULL DEFAULT FALSE,
    steps TEXT,
    message TEXT NOT NULL,
    commit_id TEXT COLLATE "C" NOT NULL,
    git_ref TEXT,
    owner TEXT NOT NULL,
    repo_name TEXT NOT NULL,
    trigger_type TEXT NOT NULL,
    redelivery TEXT,
    inputs TEXT NOT NULL DEFAULT '{}',
    pipeline_file TEXT NOT NULL,
    error TEXT,
    has_log BOOLEAN NOT NULL DEFAULT FALSE,
    revision BIGINT NOT NULL DEFAULT 1,
    instance TEXT COLLATE "C",
    claim_token TEXT COLLATE "C",
    lease_time BIGINT,
    created_time BIGINT NOT NULL,
    updated_time BIGINT NOT NULL,
    started_time BIGINT,
    finished_time BIGINT,
    UNIQUE (app_id, number)
);

CREATE INDEX tasks_by_status ON tasks (app_id, status, number);
-- What a runner looks through stays small, however many tasks have ended.
CREATE INDEX tasks_queue ON tasks (created_time, number, id) WHERE status = 'pending';
CREATE INDEX tasks_leases ON tasks (lease_time) WHERE status = 'running';
-- What retention looks through: tasks whose log has not been removed yet.
CREATE INDEX tasks_with_log ON tasks (finished_time, id) WHERE has_log;

-- `step_count` is the step's number; 1000000 is `completed`.
CREATE TABLE log_segments (
    task_id TEXT COLLATE "C" NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    step_count INTEGER NOT NULL,
    first_byte BIGINT NOT NULL,
    n_bytes BIGINT NOT NULL,
    first_line BIGINT NOT NULL,
    n_lines BIGINT NOT NULL,
    object TEXT,
    object_offset BIGINT NOT NULL,
    object_bytes BIGINT NOT NULL,
    PRIMARY KEY (task_id, step_count, first_byte)
);

CREATE TABLE idempotent_responses (
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    idempotency_key TEXT COLLATE "C" NOT NULL,
    operation TEXT NOT NULL,
    body_sha256 BYTEA NOT NULL,
    response_box BYTEA NOT NULL,
    created_time BIGINT NOT NULL,
    PRIMARY KEY (user_id, idempotency_key)
);

CREATE INDEX idempotent_responses_age ON idempotent_responses (created_time);
