-- Life spans from the settings [retention]; run again by `migrate` whenever a life span or this file has changed.
-- A column of the sort key cannot expire by itself; tokens and visitor are not in it for that reason.

ALTER TABLE pixel.events$on_cluster MODIFY TTL toDateTime(received_at) + INTERVAL $rows_months MONTH;
ALTER TABLE pixel.events$on_cluster
    MODIFY COLUMN visitor TTL toDateTime(received_at) + INTERVAL $tokens_days DAY,
    MODIFY COLUMN ip_token TTL toDateTime(received_at) + INTERVAL $tokens_days DAY,
    MODIFY COLUMN net_token TTL toDateTime(received_at) + INTERVAL $tokens_days DAY,
    MODIFY COLUMN ua_token TTL toDateTime(received_at) + INTERVAL $tokens_days DAY,
    MODIFY COLUMN click_token TTL toDateTime(received_at) + INTERVAL $tokens_days DAY;
ALTER TABLE pixel.technical$on_cluster MODIFY TTL toDateTime(received_at) + INTERVAL $technical_days DAY;
ALTER TABLE pixel.counters$on_cluster MODIFY TTL minute + INTERVAL $counters_months MONTH;
ALTER TABLE pixel.hourly$on_cluster MODIFY TTL hour + INTERVAL $counters_months MONTH;
-- A signal without its subject proves nothing, so it ends with the tokens.
ALTER TABLE pixel.fraud_signals$on_cluster MODIFY TTL window_start + INTERVAL $tokens_days DAY;
ALTER TABLE pixel.rejects$on_cluster MODIFY TTL toDateTime(received_at) + INTERVAL $quarantine_days DAY;
