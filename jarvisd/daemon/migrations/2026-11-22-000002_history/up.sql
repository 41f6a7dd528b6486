-- A series is one metric of one entity. AUTOINCREMENT: an id never means another series later.
CREATE TABLE history_series (
    id      INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    entity  TEXT    NOT NULL,
    metric  TEXT    NOT NULL,
    -- End of the newest hour with a sample of it, for dropping series of things long gone.
    last_ms INTEGER NOT NULL,
    UNIQUE (entity, metric)
) STRICT;

-- One row is one moment of up to 128 series (a shard: id / 128). A row per sample would cost five times the bytes.
CREATE TABLE history_raw (
    shard   INTEGER NOT NULL,
    t_ms    INTEGER NOT NULL,
    samples BLOB    NOT NULL,
    PRIMARY KEY (shard, t_ms)
) STRICT, WITHOUT ROWID;

-- One row is one hour (tier 60) or one day (tier 900) of one series, packed: see store/history/chunk.rs.
-- Time comes before the series, so that an hour is written, and dropped, in one place.
CREATE TABLE history_chunks (
    tier     INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    series   INTEGER NOT NULL,
    data     BLOB    NOT NULL,
    PRIMARY KEY (tier, start_ms, series)
) STRICT, WITHOUT ROWID;
