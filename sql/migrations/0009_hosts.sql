-- The hosts that write into this database. Every statement may run twice.

-- One row for each installation of `ship`, and the newest is valid: read with FINAL. `reported_at` is the clock of ClickHouse, `clock_ms` how far that
-- of the host is ahead of it. A key is here by its name and its fingerprint (HKDF-SHA256 of the key under a label of its own), which
-- tells nothing about the key. Nobody's data.
CREATE TABLE IF NOT EXISTS pixel.hosts$on_cluster
(
    instance        UUID,
    reported_at     DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    host            String CODEC(ZSTD(1)),
    version         String CODEC(ZSTD(1)),
    clock_ms        Int64 CODEC(ZSTD(1)),
    round_trip_ms   UInt32 CODEC(ZSTD(1)),
    mints           Bool CODEC(ZSTD(1)),
    evaluates_since DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    keys            Map(String, String) CODEC(ZSTD(1)),
    worked          Map(String, DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    stored_before   DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = $replacing_merge_tree(reported_at)
ORDER BY instance
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1;
