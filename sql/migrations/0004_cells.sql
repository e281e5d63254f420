-- Published numbers: all that readers of `technical` may see of visitors. They are computed once, perturbed, and never changed
-- by an erasure or a block: a published sum is nobody's datum. Nothing here has a visitor, a token or a single event.
-- Every statement may run twice.

-- One row for each span of time of a report whose numbers were published: an insert of its cells comes before it, so a row here
-- means that all of them are stored. A span is published again at most once, with revision 1.
CREATE TABLE IF NOT EXISTS pixel.publications$on_cluster
(
    site         LowCardinality(String),
    report       LowCardinality(String),
    grain        Enum8('hour' = 1, 'day' = 2, 'week' = 3, 'four_weeks' = 4),
    start        DateTime('UTC') CODEC(Delta, ZSTD(1)),
    end          DateTime('UTC') CODEC(Delta, ZSTD(1)),
    revision     UInt8,
    id           UUID,
    events       UInt64 CODEC(ZSTD(1)),
    has_dropped  Bool,
    published_at DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = $merge_tree
PARTITION BY toYYYYMM(start)
ORDER BY (site, report, grain, start, revision)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1;

-- One published cell. `visitors` is NULL, and `numbers` is empty, if fewer than five visitors were there after noise; in a report of
-- robots alone `visitors` is always NULL.
CREATE TABLE IF NOT EXISTS pixel.cells$on_cluster
(
    publication UUID,
    site        LowCardinality(String),
    report      LowCardinality(String),
    grain       Enum8('hour' = 1, 'day' = 2, 'week' = 3, 'four_weeks' = 4),
    start       DateTime('UTC') CODEC(Delta, ZSTD(1)),
    end         DateTime('UTC') CODEC(Delta, ZSTD(1)),
    keys        Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    visitors    Nullable(UInt64) CODEC(ZSTD(1)),
    numbers     Map(LowCardinality(String), UInt64) CODEC(ZSTD(3))
)
ENGINE = $merge_tree
PARTITION BY toYYYYMM(start)
ORDER BY (site, report, grain, start)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1;
