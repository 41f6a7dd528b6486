-- The audit: a chain of rows, each with the hash of the one before it (jarvis-core, audit.rs).
CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY NOT NULL CHECK (seq > 0),
    at_ms   INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    who     TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    detail  TEXT    NOT NULL,
    prev    BLOB    NOT NULL CHECK (length(prev) = 32),
    -- Not UNIQUE: a conflict clause would remove the older row without asking the trigger below.
    hash    BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

CREATE TRIGGER audit_is_never_shortened BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

CREATE TRIGGER audit_only_continues BEFORE INSERT ON audit
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
    OR NEW.prev IS NOT coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), zeroblob(32))
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

-- One question put to people. `body` is core's Approval; `card` is what is shown and what the action needs.
CREATE TABLE approvals (
    id         TEXT    PRIMARY KEY NOT NULL,
    state      TEXT    NOT NULL,
    opened_ms  INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    card       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX approvals_recent ON approvals (opened_ms);
CREATE INDEX approvals_unsettled ON approvals (state) WHERE state IN ('pending', 'approved');

-- One action: written before its first byte is sent, completed by what became of it.
CREATE TABLE intents (
    number    INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id        TEXT    NOT NULL UNIQUE,
    hash      BLOB    NOT NULL CHECK (length(hash) = 32),
    operation TEXT    NOT NULL,
    caller    TEXT    NOT NULL,
    target    TEXT    NOT NULL,
    -- The rest of it as JSON: approval, runbook, identity, exact call, prediction.
    meant     TEXT    NOT NULL,
    -- A moment on both clocks: wall, since boot, and which boot (the bits of an unsigned number).
    wall_ms   INTEGER NOT NULL,
    boot_ms   INTEGER NOT NULL,
    boot      INTEGER NOT NULL,
    -- The task Proxmox made of it.
    upid      TEXT,
    -- How it ended; missing while nobody knows.
    ended     TEXT CHECK (ended IN ('ok', 'warnings', 'failed', 'unknown', 'not_sent')),
    verified  TEXT CHECK (verified IN ('yes', 'no', 'inconclusive')),
    ended_ms  INTEGER,
    outcome   TEXT,
    CHECK ((ended IS NULL) = (ended_ms IS NULL)),
    CHECK ((ended IS NULL) = (verified IS NULL)),
    CHECK ((ended IS NULL) = (outcome IS NULL))
) STRICT;

CREATE INDEX intents_open ON intents (number) WHERE ended IS NULL;

CREATE TRIGGER intents_are_never_removed BEFORE DELETE ON intents
BEGIN SELECT RAISE(ABORT, 'intents are kept'); END;

-- A conflict clause would remove the older row without asking the trigger above.
CREATE TRIGGER intents_begin_once BEFORE INSERT ON intents
WHEN NEW.ended IS NOT NULL OR NEW.upid IS NOT NULL
    OR EXISTS (SELECT 1 FROM intents WHERE id = NEW.id OR number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'an intent begins once'); END;

-- What was meant never changes, and an outcome stands.
CREATE TRIGGER intents_keep_what_was_meant BEFORE UPDATE ON intents
WHEN OLD.ended IS NOT NULL
    OR NEW.number IS NOT OLD.number OR NEW.id IS NOT OLD.id OR NEW.hash IS NOT OLD.hash
    OR NEW.operation IS NOT OLD.operation OR NEW.caller IS NOT OLD.caller OR NEW.target IS NOT OLD.target
    OR NEW.meant IS NOT OLD.meant OR NEW.wall_ms IS NOT OLD.wall_ms OR NEW.boot_ms IS NOT OLD.boot_ms
    OR NEW.boot IS NOT OLD.boot OR (OLD.upid IS NOT NULL AND NEW.upid IS NOT OLD.upid)
BEGIN SELECT RAISE(ABORT, 'an intent is never rewritten'); END;

-- How long each boot of the machine is known to have lasted, oldest first: ages without the wall clock.
CREATE TABLE boots (
    number       INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    boot         INTEGER NOT NULL UNIQUE,
    last_boot_ms INTEGER NOT NULL
) STRICT;

-- What was granted to a runbook on a class of targets, and what bad outcomes have left of it.
CREATE TABLE trust (
    runbook    TEXT    NOT NULL,
    class      TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (runbook, class)
) STRICT, WITHOUT ROWID;

-- How well predictions fitted, per kind of action.
CREATE TABLE scores (
    kind       TEXT    PRIMARY KEY NOT NULL,
    body       TEXT    NOT NULL,
    changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What holds for everything. Each key is there from the start, so that a missing one is an error and no default.
CREATE TABLE standing (
    key        TEXT    PRIMARY KEY NOT NULL,
    value      TEXT    NOT NULL,
    changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Level 2, recommend: a person decides until somebody commissions more.
INSERT INTO standing (key, value, changed_ms) VALUES
    ('level', '2', 0),
    ('level_by', 'null', 0),
    ('epoch', '1', 0),
    ('flaps', '{"downs":{},"quarantined":{},"tries":{}}', 0),
    ('kill_switch', '"never seen"', 0);
