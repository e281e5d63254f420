-- Signs of fraud, scored clients and their cases. Every statement may run twice.

-- A sign is about a suspect: one client of one day, by its cookie, else by the day's visitor of its address and browser, else by the
-- tokens of both. `link` is what a sign shares with others, such as a path that several clients took; '' for none. A client may have several
-- links of one signal, so it is part of the key.
ALTER TABLE pixel.fraud_signals$on_cluster
    ADD COLUMN IF NOT EXISTS suspect UInt64 AFTER subject,
    ADD COLUMN IF NOT EXISTS link String AFTER signal,
    ADD COLUMN IF NOT EXISTS normal_p50 Float64 CODEC(ZSTD(1)) AFTER threshold,
    ADD COLUMN IF NOT EXISTS normal_p99 Float64 CODEC(ZSTD(1)) AFTER normal_p50,
    ADD COLUMN IF NOT EXISTS is_calibrated Bool AFTER normal_p99,
    ADD COLUMN IF NOT EXISTS is_shadow Bool AFTER points,
    MODIFY ORDER BY (site, window_start, signal, subject_kind, subject, link);

-- A verdict holds for the band that the case had: one that rises afterwards is looked at again. `aliases` are the cases that this one had
-- taken in by then: the reviewer saw them, too.
ALTER TABLE pixel.verdicts$on_cluster
    ADD COLUMN IF NOT EXISTS band LowCardinality(String) AFTER decision,
    ADD COLUMN IF NOT EXISTS aliases Array(String) AFTER band;

-- One row for each suspect of a day that has enough points; the rows with one `case_id` are a case. A day that is scored again
-- replaces its rows: those of the newest run count (pixel.fraud_runs). `band` and `score` are the suspect's own. `aliases` are the ids of
-- cases that joined this one: rows of other days may still have them.
CREATE TABLE IF NOT EXISTS pixel.fraud_cases$on_cluster
(
    day           Date CODEC(Delta, ZSTD(1)),
    site          LowCardinality(String),
    suspect       UInt64,
    case_id       String,
    aliases       Array(String) CODEC(ZSTD(1)),
    visitor       UInt64 CODEC(ZSTD(1)),
    epoch         Date CODEC(Delta, ZSTD(1)),
    ip_token      IPv6 CODEC(ZSTD(1)),
    score         Float64 CODEC(ZSTD(1)),
    band          Enum8('unclear' = 1, 'watch' = 2, 'likely' = 3),
    families      Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    signals       Array(LowCardinality(String)) CODEC(ZSTD(1)),
    reasons       Array(String) CODEC(ZSTD(3)),
    reasons_ru    Array(String) CODEC(ZSTD(3)),
    links         Array(String) CODEC(ZSTD(1)),
    first_seen    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    last_seen     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    views         UInt64 CODEC(ZSTD(1)),
    impressions   UInt64 CODEC(ZSTD(1)),
    paid_clicks   Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
    touched       Array(LowCardinality(String)) CODEC(ZSTD(1)),
    client        String CODEC(ZSTD(1)),
    asn           UInt32 CODEC(ZSTD(1)),
    as_org        LowCardinality(String),
    country       LowCardinality(String),
    net_class     LowCardinality(String),
    is_sample     Bool,
    rules_version LowCardinality(String),
    computed_at   DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = $replacing_merge_tree(computed_at)
PARTITION BY toYYYYMMDD(day)
ORDER BY (site, day, suspect)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1;

-- One row for each day that was scored, written after its signs and cases: it makes them valid. Nothing here is about a person.
CREATE TABLE IF NOT EXISTS pixel.fraud_runs$on_cluster
(
    day           Date CODEC(Delta, ZSTD(1)),
    site          LowCardinality(String),
    computed_at   DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    stored        UInt64 CODEC(ZSTD(1)),
    suspects      UInt64 CODEC(ZSTD(1)),
    milliseconds  UInt64 CODEC(ZSTD(1)),
    cut           Array(LowCardinality(String)) CODEC(ZSTD(1)),
    rules_version LowCardinality(String),
    lists_version String CODEC(ZSTD(1))
)
ENGINE = $replacing_merge_tree(computed_at)
PARTITION BY toYYYYMM(day)
ORDER BY (site, day)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1;

-- Each signal on one day of a site: its percentiles over all clients, how many it flagged, and how many of these are surely people.
-- `seen` is the day on which this installation first measured with this text of the signal; `is_cut` tells that more clients were flagged than
-- are kept, so `flagged` and `people` are too small. Nothing here is about a person.
CREATE TABLE IF NOT EXISTS pixel.fraud_normals$on_cluster
(
    day         Date CODEC(Delta, ZSTD(1)),
    site        LowCardinality(String),
    signal      LowCardinality(String),
    fingerprint LowCardinality(String),
    clients     UInt64 CODEC(ZSTD(1)),
    p01         Float64 CODEC(ZSTD(1)),
    p50         Float64 CODEC(ZSTD(1)),
    p99         Float64 CODEC(ZSTD(1)),
    p999        Float64 CODEC(ZSTD(1)),
    flagged     UInt64 CODEC(ZSTD(1)),
    people      UInt64 CODEC(ZSTD(1)),
    is_cut      Bool,
    seen        Date CODEC(Delta, ZSTD(1)),
    computed_at DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = $replacing_merge_tree(computed_at)
PARTITION BY toYYYYMM(day)
ORDER BY (site, day, signal)
SETTINGS $deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1;

-- The hits of the one day that is being scored, in the order in which the signals read them: each of them would otherwise sort the day anew. A
-- copy for minutes: the scoring empties it before and after. Not replicated: who scores reads what it wrote. `run` tells the copies of two
-- hosts, and of a scoring that broke off while its copy was written, apart: a hit that counts twice accuses an innocent.
CREATE TABLE IF NOT EXISTS pixel.fraud_hits$on_cluster
(
    site          LowCardinality(String),
    run           DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    suspect       UInt64,
    at_ms         Int64 CODEC(Delta, ZSTD(1)),
    is_view       Bool,
    is_repeat     Bool,
    event_id      UUID,
    received_at   DateTime64(3, 'UTC') CODEC(Delta, ZSTD(3)),
    visitor       UInt64,
    visitor_kind  Enum8('none' = 0, 'cookie' = 1, 'day' = 2),
    cookie_state  Enum8('none' = 0, 'new' = 1, 'returning' = 2, 'refused' = 3, 'signal' = 4),
    cookie_age    Enum8('none' = 0, 'new' = 1, 'day' = 2, 'week' = 3, 'month' = 4, 'older' = 5),
    cookies       Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    epoch         Date CODEC(Delta, ZSTD(1)),
    ip_token      IPv6 CODEC(ZSTD(1)),
    net_token     IPv6 CODEC(ZSTD(1)),
    ip_version    UInt8 CODEC(ZSTD(1)),
    country       LowCardinality(String),
    asn           UInt32 CODEC(ZSTD(1)),
    as_org        LowCardinality(String),
    net_class     Enum8('other' = 0, 'own' = 1, 'crawler' = 2, 'datacenter' = 3, 'vpn' = 4, 'tor' = 5, 'relay' = 6, 'mobile' = 7),
    browser       LowCardinality(String),
    browser_major UInt16 CODEC(ZSTD(1)),
    os            LowCardinality(String),
    robot         LowCardinality(String),
    hints         Enum8('none' = 0, 'agree' = 1, 'contradict' = 2, 'missing' = 3),
    hints_detail  LowCardinality(String),
    fetch         Enum8('none' = 0, 'agree' = 1, 'contradict' = 2),
    ua_token      UInt64 CODEC(ZSTD(1)),
    ua_raw        String CODEC(ZSTD(3)),
    kind          Enum8('pageview' = 1, 'impression' = 2),
    page_host     LowCardinality(String),
    page          LowCardinality(String),
    page_flags    UInt16 CODEC(ZSTD(1)),
    page_role     LowCardinality(String),
    status        UInt16 CODEC(ZSTD(1)),
    campaign      Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    paid          Bool CODEC(ZSTD(1)),
    click_token   UInt64 CODEC(ZSTD(1)),
    click_kind    LowCardinality(String),
    ad            LowCardinality(String),
    referrer_host LowCardinality(String),
    referrer_page String CODEC(ZSTD(3)),
    referrer_kind Enum8('none' = 0, 'internal' = 1, 'search' = 2, 'social' = 3, 'mail' = 4, 'ad' = 5, 'spam' = 6, 'other' = 7),
    nonce         UInt64,
    ivt_reasons   Array(LowCardinality(String)) CODEC(ZSTD(1)),
    attack        LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (site, suspect, at_ms);
