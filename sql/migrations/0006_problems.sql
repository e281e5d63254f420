-- The numbers of the problems engine, and the problems it found. Every statement may run twice.

-- Real numbers of each hour and slice of a site (a page, a browser, a network): they are read by the worker alone and are never published.
-- An hour that is counted again replaces its rows: read with FINAL. `numbers` are the people of each flag of sql/problems/series.sql.
CREATE TABLE IF NOT EXISTS pixel.series$on_cluster
(
    site       LowCardinality(String),
    hour       DateTime('UTC') CODEC(Delta, ZSTD(1)),
    dimension  LowCardinality(String),
    name       String CODEC(ZSTD(3)),
    views      UInt32 CODEC(ZSTD(1)),
    people     UInt32 CODEC(ZSTD(1)),
    numbers    Map(LowCardinality(String), UInt32) CODEC(ZSTD(3)),
    counted_at DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = $replacing_merge_tree(counted_at)
PARTITION BY toYYYYMMDD(hour)
ORDER BY (site, hour, dimension, name)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1;

-- The life of each problem: one row for each change, the newest counts. Nothing here is of one visitor: names of pages that are not
-- publicly known are left out, and the losses are sums over hours.
CREATE TABLE IF NOT EXISTS pixel.problems$on_cluster
(
    problem     String,
    changed_at  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    site        LowCardinality(String),
    watch       LowCardinality(String),
    state       Enum8('open' = 1, 'ongoing' = 2, 'resolved' = 3, 'closed' = 4),
    dimension   LowCardinality(String),
    name        String CODEC(ZSTD(3)),
    quiet_until DateTime('UTC') CODEC(ZSTD(1)),
    since       DateTime('UTC') CODEC(ZSTD(1)),
    until       DateTime('UTC') CODEC(ZSTD(1)),
    opened_at   DateTime('UTC') CODEC(ZSTD(1)),
    muted_until DateTime('UTC') CODEC(ZSTD(1)),
    fixed_by    String CODEC(ZSTD(1)),
    lost_low    Float64 CODEC(ZSTD(1)),
    lost        Float64 CODEC(ZSTD(1)),
    lost_high   Float64 CODEC(ZSTD(1)),
    confidence  Float64 CODEC(ZSTD(1)),
    sentence    String CODEC(ZSTD(3)),
    sentence_ru String CODEC(ZSTD(3)),
    facts       String CODEC(ZSTD(3))
)
ENGINE = $merge_tree
PARTITION BY toYYYYMM(changed_at)
ORDER BY (site, problem, changed_at)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1;
