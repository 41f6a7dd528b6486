-- Times are UTC milliseconds. Secrets are never here: only SHA-256 hashes of tokens, argon2id of passwords.

-- AUTOINCREMENT: an id is never given twice, not even after the newest rows were removed.
CREATE TABLE events (
    id       INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    ts_ms    INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    severity INTEGER NOT NULL,
    source   TEXT    NOT NULL,
    title    TEXT    NOT NULL,
    detail   TEXT,
    node     TEXT,
    vmid     INTEGER,
    upid     TEXT
) STRICT;

-- An index on one column carries the rowid too, so that a filter on it reads newest first without sorting.
CREATE INDEX events_kind ON events (kind);
CREATE INDEX events_severity ON events (severity);
CREATE INDEX events_source ON events (source);
CREATE INDEX events_node ON events (node) WHERE node IS NOT NULL;
CREATE INDEX events_vmid ON events (vmid) WHERE vmid IS NOT NULL;

CREATE TABLE users (
    name          TEXT    PRIMARY KEY NOT NULL,
    password_hash TEXT    NOT NULL,
    created_ms    INTEGER NOT NULL,
    changed_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id_hash        BLOB    PRIMARY KEY NOT NULL CHECK (length(id_hash) = 32),
    account        TEXT    NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    created_ms     INTEGER NOT NULL,
    last_seen_ms   INTEGER NOT NULL,
    expires_ms     INTEGER NOT NULL,
    -- Until when the log-in counts as fresh.
    fresh_until_ms INTEGER NOT NULL,
    address        TEXT    NOT NULL,
    user_agent     TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_account ON sessions (account, created_ms);

CREATE TABLE api_tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name         TEXT    NOT NULL,
    secret_hash  BLOB    NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    -- Names parted by one blank.
    scopes       TEXT    NOT NULL,
    created_ms   INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL,
    last_used_ms INTEGER,
    revoked_ms   INTEGER
) STRICT;

CREATE TABLE login_attempts (
    id           INTEGER PRIMARY KEY NOT NULL,
    -- SHA-256 of account and address: a password typed into the name field is not kept.
    subject_hash BLOB    NOT NULL CHECK (length(subject_hash) = 32),
    at_ms        INTEGER NOT NULL
) STRICT;

CREATE INDEX login_attempts_subject ON login_attempts (subject_hash, at_ms);

CREATE TABLE settings (
    key        TEXT    PRIMARY KEY NOT NULL,
    value      TEXT    NOT NULL,
    changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
