-- Databases and tables of clinic-pixel.
-- One purpose is one database: technical, fraud and privacy hold only views, pixel holds the rows.
-- Every column is computed before the insert; nothing here may have a DEFAULT that asks the clock.
-- Terms are not here but in retention.sql, because they follow the settings. Rows have a partition for each day, which ends
-- as a whole; numbers and what has no term have one for each month.
-- Engine, cluster and deduplication window are words of pipeline/database/cluster.py: one schema for one server and for many.
-- Every statement may run twice. A statement ends with a semicolon at the end of its line.

CREATE DATABASE IF NOT EXISTS pixel$on_cluster;
CREATE DATABASE IF NOT EXISTS technical$on_cluster;
CREATE DATABASE IF NOT EXISTS fraud$on_cluster;
CREATE DATABASE IF NOT EXISTS privacy$on_cluster;

-- One row per page view or ad impression. `country` is not FixedString(2): its empty value would be two NUL bytes in
-- every answer. Sorted by plain time: measured over a
-- million rows, a report of one day reads 5 % of the month; with toStartOfHour(received_at), page in the key it reads all
-- of it, since the index does not see through that function of a DateTime64, and the table is a quarter larger.
CREATE TABLE IF NOT EXISTS pixel.events$on_cluster
(
    received_at    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(3)),
    event_id       UUID,
    site           LowCardinality(String),
    kind           Enum8('pageview' = 1, 'impression' = 2),
    mode           Enum8('js' = 1, 'noscript' = 2, 'img' = 3, 'server' = 4),
    policy         LowCardinality(String),
    epoch          Date CODEC(Delta, ZSTD(1)),
    visitor        UInt64,
    visitor_kind   Enum8('none' = 0, 'cookie' = 1, 'day' = 2),
    cookie_state   Enum8('none' = 0, 'new' = 1, 'returning' = 2, 'refused' = 3, 'signal' = 4),
    cookies        Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    ip_token       IPv6 CODEC(ZSTD(1)),
    net_token      IPv6 CODEC(ZSTD(1)),
    ip_version     UInt8 CODEC(ZSTD(1)),
    country        LowCardinality(String),
    asn            UInt32 CODEC(ZSTD(1)),
    as_org         LowCardinality(String),
    net_class      Enum8('other' = 0, 'own' = 1, 'crawler' = 2, 'datacenter' = 3, 'vpn' = 4, 'tor' = 5, 'relay' = 6, 'mobile' = 7),
    browser        LowCardinality(String),
    browser_major  UInt16 CODEC(ZSTD(1)),
    os             LowCardinality(String),
    os_major       UInt16 CODEC(ZSTD(1)),
    device         LowCardinality(String),
    hints          Enum8('none' = 0, 'agree' = 1, 'contradict' = 2, 'missing' = 3),
    robot          LowCardinality(String),
    ua_token       UInt64 CODEC(ZSTD(1)),
    ua_raw         String CODEC(ZSTD(3)),
    page_host      LowCardinality(String),
    page           LowCardinality(String),
    page_flags     UInt16 CODEC(ZSTD(1)),
    page_scheme    Enum8('other' = 0, 'https' = 1, 'http' = 2),
    page_from      Enum8('none' = 0, 'parameter' = 1, 'referer' = 2),
    status         UInt16 CODEC(ZSTD(1)),
    campaign       Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    paid           Bool CODEC(ZSTD(1)),
    click_token    UInt64 CODEC(ZSTD(1)),
    ad             LowCardinality(String),
    referrer_host  LowCardinality(String),
    referrer_page  String CODEC(ZSTD(3)),
    referrer_kind  Enum8('none' = 0, 'internal' = 1, 'search' = 2, 'social' = 3, 'mail' = 4, 'ad' = 5, 'spam' = 6, 'other' = 7),
    nonce          UInt64,
    ivt_reasons    Array(LowCardinality(String)) CODEC(ZSTD(1)),
    scrubbed       UInt16 CODEC(ZSTD(1)),
    dropped_params UInt8 CODEC(ZSTD(1)),
    batch_id       UUID CODEC(ZSTD(1)),
    INDEX batch_id_bloom batch_id TYPE bloom_filter GRANULARITY 1
)
ENGINE = $merge_tree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (site, kind, received_at)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- Opt-in technical signals of the script: no visitor, no token.
CREATE TABLE IF NOT EXISTS pixel.technical$on_cluster
(
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(3)),
    event_id    UUID,
    site        LowCardinality(String),
    page        LowCardinality(String),
    browser     LowCardinality(String),
    os          LowCardinality(String),
    device      LowCardinality(String),
    country     LowCardinality(String),
    kind        Enum8('js_error' = 1, 'resource' = 2, 'vital' = 3),
    name        LowCardinality(String),
    template    String CODEC(ZSTD(3)),
    source_host LowCardinality(String),
    source_file LowCardinality(String),
    source_line UInt32 CODEC(ZSTD(1)),
    value       Float64 CODEC(ZSTD(1)),
    release     LowCardinality(String),
    batch_id    UUID CODEC(ZSTD(1)),
    INDEX batch_id_bloom batch_id TYPE bloom_filter GRANULARITY 1
)
ENGINE = $merge_tree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (site, kind, received_at)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What happened to every hit, per minute and collector; offered = spooled + refused.
CREATE TABLE IF NOT EXISTS pixel.counters$on_cluster
(
    minute    DateTime('UTC') CODEC(Delta, ZSTD(1)),
    collector LowCardinality(String),
    name      LowCardinality(String),
    reason    LowCardinality(String),
    net_class LowCardinality(String),
    country   LowCardinality(String),
    asn       UInt32 CODEC(ZSTD(1)),
    value     UInt64 CODEC(ZSTD(1)),
    batch_id  UUID CODEC(ZSTD(1)),
    INDEX batch_id_bloom batch_id TYPE bloom_filter GRANULARITY 1
)
ENGINE = $merge_tree
PARTITION BY toYYYYMM(minute)
ORDER BY (name, minute, collector, reason)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- Closed hours as numbers that outlive the rows. `grouping` names the dimensions a row counts by (others are
-- empty), because distinct visitors do not add up. A recomputed hour replaces its rows: read with FINAL.
CREATE TABLE IF NOT EXISTS pixel.hourly$on_cluster
(
    hour        DateTime('UTC') CODEC(Delta, ZSTD(1)),
    site        LowCardinality(String),
    grouping    LowCardinality(String),
    page_group  LowCardinality(String),
    browser     LowCardinality(String),
    os          LowCardinality(String),
    device      LowCardinality(String),
    country     LowCardinality(String),
    asn         UInt32,
    mode        LowCardinality(String),
    robot       Bool,
    pageviews   UInt64 CODEC(ZSTD(1)),
    impressions UInt64 CODEC(ZSTD(1)),
    visitors    UInt64 CODEC(ZSTD(1)),
    computed_at DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = $replacing_merge_tree(computed_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (site, grouping, hour, page_group, browser, os, device, country, asn, mode, robot)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- Blocks of a person's rows (policy clause 6.2.4), one row per case and matched value; the newest row counts.
CREATE TABLE IF NOT EXISTS pixel.subject_blocks$on_cluster
(
    case_id    String,
    kind       Enum8('visitor' = 1, 'ip_token' = 2),
    epoch      Date,
    visitor    UInt64,
    ip_token   IPv6,
    since      DateTime64(3, 'UTC'),
    until      DateTime64(3, 'UTC'),
    requester  String,
    ground     String,
    state      Enum8('blocked' = 1, 'unblocked' = 2, 'erased' = 3),
    blocked_at DateTime64(3, 'UTC'),
    changed_at DateTime64(3, 'UTC')
)
ENGINE = $replacing_merge_tree(changed_at)
ORDER BY (case_id, kind, epoch, visitor, ip_token)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

-- Rows of a blocked person that would end while the block lasts; they have no term of their own.
CREATE TABLE IF NOT EXISTS pixel.held$on_cluster AS pixel.events
ENGINE = $merge_tree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, kind, received_at)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What the fraud rules found, with the evidence a reviewer sees first.
CREATE TABLE IF NOT EXISTS pixel.fraud_signals$on_cluster
(
    window_start  DateTime('UTC') CODEC(Delta, ZSTD(1)),
    window_end    DateTime('UTC') CODEC(Delta, ZSTD(1)),
    site          LowCardinality(String),
    epoch         Date,
    subject_kind  LowCardinality(String),
    subject       String,
    visitor       UInt64 CODEC(ZSTD(1)),
    ip_token      IPv6 CODEC(ZSTD(1)),
    signal        LowCardinality(String),
    value         Float64 CODEC(ZSTD(1)),
    threshold     Float64 CODEC(ZSTD(1)),
    points        Int16 CODEC(ZSTD(1)),
    evidence      String CODEC(ZSTD(3)),
    rules_version LowCardinality(String),
    computed_at   DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = $replacing_merge_tree(computed_at)
PARTITION BY toYYYYMMDD(window_start)
ORDER BY (site, window_start, signal, subject_kind, subject)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1;

-- A reviewer's decisions: append-only.
CREATE TABLE IF NOT EXISTS pixel.verdicts$on_cluster
(
    decided_at DateTime64(3, 'UTC'),
    case_id    String,
    site       LowCardinality(String),
    decision   LowCardinality(String),
    reason     String CODEC(ZSTD(3)),
    reviewer   LowCardinality(String)
)
ENGINE = $merge_tree
ORDER BY (case_id, decided_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

-- Who read or did what, for which purpose: append-only, the readable copy of the hash-chained file.
CREATE TABLE IF NOT EXISTS pixel.audit$on_cluster
(
    seq    UInt64,
    at     DateTime64(3, 'UTC'),
    action LowCardinality(String),
    who    LowCardinality(String),
    facts  Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    hash   String
)
ENGINE = $merge_tree
ORDER BY (at, seq)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1;

-- Events that could not be stored, with the reason and nothing a visitor sent.
CREATE TABLE IF NOT EXISTS pixel.rejects$on_cluster
(
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    site        LowCardinality(String),
    event_id    UUID,
    reason      LowCardinality(String),
    batch_id    UUID CODEC(ZSTD(1)),
    INDEX batch_id_bloom batch_id TYPE bloom_filter GRANULARITY 1
)
ENGINE = $merge_tree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (received_at, event_id)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;
