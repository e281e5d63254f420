-- The facts that only the edge knows: they cannot be computed later, because the request is gone.
-- Every statement may run twice.

ALTER TABLE pixel.events$on_cluster
    ADD COLUMN IF NOT EXISTS page_role LowCardinality(String) AFTER page_from,
    ADD COLUMN IF NOT EXISTS release LowCardinality(String) AFTER status,
    ADD COLUMN IF NOT EXISTS click_kind LowCardinality(String) AFTER click_token,
    ADD COLUMN IF NOT EXISTS click_sealed String CODEC(ZSTD(1)) AFTER click_kind,
    ADD COLUMN IF NOT EXISTS attack LowCardinality(String) AFTER page_flags,
    ADD COLUMN IF NOT EXISTS fetch Enum8('none' = 0, 'agree' = 1, 'contradict' = 2) AFTER hints,
    ADD COLUMN IF NOT EXISTS hints_detail LowCardinality(String) AFTER hints,
    ADD COLUMN IF NOT EXISTS engine LowCardinality(String) AFTER browser_major,
    ADD COLUMN IF NOT EXISTS engine_major UInt16 CODEC(ZSTD(1)) AFTER engine,
    ADD COLUMN IF NOT EXISTS webview Bool CODEC(ZSTD(1)) AFTER engine_major,
    ADD COLUMN IF NOT EXISTS agent_signed Enum8('none' = 0, 'verified' = 1, 'failed' = 2) AFTER robot,
    ADD COLUMN IF NOT EXISTS privacy_signal Enum8('none' = 0, 'gpc' = 1, 'dnt' = 2, 'opt_out' = 3) AFTER cookie_state,
    ADD COLUMN IF NOT EXISTS consent Enum8('unknown' = 0, 'given' = 1, 'refused' = 2) AFTER privacy_signal,
    ADD COLUMN IF NOT EXISTS cookie_age Enum8('none' = 0, 'new' = 1, 'day' = 2, 'week' = 3, 'month' = 4, 'older' = 5)
        AFTER consent,
    ADD COLUMN IF NOT EXISTS collector LowCardinality(String) AFTER dropped_params;

ALTER TABLE pixel.held$on_cluster
    ADD COLUMN IF NOT EXISTS page_role LowCardinality(String) AFTER page_from,
    ADD COLUMN IF NOT EXISTS release LowCardinality(String) AFTER status,
    ADD COLUMN IF NOT EXISTS click_kind LowCardinality(String) AFTER click_token,
    ADD COLUMN IF NOT EXISTS click_sealed String CODEC(ZSTD(1)) AFTER click_kind,
    ADD COLUMN IF NOT EXISTS attack LowCardinality(String) AFTER page_flags,
    ADD COLUMN IF NOT EXISTS fetch Enum8('none' = 0, 'agree' = 1, 'contradict' = 2) AFTER hints,
    ADD COLUMN IF NOT EXISTS hints_detail LowCardinality(String) AFTER hints,
    ADD COLUMN IF NOT EXISTS engine LowCardinality(String) AFTER browser_major,
    ADD COLUMN IF NOT EXISTS engine_major UInt16 CODEC(ZSTD(1)) AFTER engine,
    ADD COLUMN IF NOT EXISTS webview Bool CODEC(ZSTD(1)) AFTER engine_major,
    ADD COLUMN IF NOT EXISTS agent_signed Enum8('none' = 0, 'verified' = 1, 'failed' = 2) AFTER robot,
    ADD COLUMN IF NOT EXISTS privacy_signal Enum8('none' = 0, 'gpc' = 1, 'dnt' = 2, 'opt_out' = 3) AFTER cookie_state,
    ADD COLUMN IF NOT EXISTS consent Enum8('unknown' = 0, 'given' = 1, 'refused' = 2) AFTER privacy_signal,
    ADD COLUMN IF NOT EXISTS cookie_age Enum8('none' = 0, 'new' = 1, 'day' = 2, 'week' = 3, 'month' = 4, 'older' = 5)
        AFTER consent,
    ADD COLUMN IF NOT EXISTS collector LowCardinality(String) AFTER dropped_params;

-- `view` is a random number of one page load, drawn for measurements alone: no row of pixel.events has it.
ALTER TABLE pixel.technical$on_cluster
    ADD COLUMN IF NOT EXISTS browser_major UInt16 CODEC(ZSTD(1)) AFTER browser,
    ADD COLUMN IF NOT EXISTS robot LowCardinality(String) AFTER device,
    ADD COLUMN IF NOT EXISTS net_class Enum8('other' = 0, 'own' = 1, 'crawler' = 2, 'datacenter' = 3, 'vpn' = 4, 'tor' = 5, 'relay' = 6, 'mobile' = 7) AFTER country,
    ADD COLUMN IF NOT EXISTS mode Enum8('js' = 1, 'noscript' = 2, 'img' = 3, 'server' = 4) AFTER net_class,
    ADD COLUMN IF NOT EXISTS view UInt64 AFTER release;

-- What changed, and when: releases of the sites, lists, parsers, settings, the policy.
CREATE TABLE IF NOT EXISTS pixel.marks$on_cluster
(
    at         DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    site       LowCardinality(String),
    kind       LowCardinality(String),
    name       LowCardinality(String),
    before     String,
    after      String
)
ENGINE = $merge_tree
PARTITION BY toYYYYMM(at)
ORDER BY (at, kind, site, name)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1;
