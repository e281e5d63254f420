-- Terms from the settings [retention]; run again by `migrate` whenever a term or this file has changed.
-- A part is dropped whole, never rewritten: rows when their day is over the term, numbers when their month is. `ship` drops
-- the partitions itself every hour; these TTLs hold where no `ship` runs.

ALTER TABLE pixel.events$on_cluster MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
ALTER TABLE pixel.events$on_cluster MODIFY TTL toDate(received_at) + INTERVAL $after_rows_days DAY;
ALTER TABLE pixel.technical$on_cluster MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
ALTER TABLE pixel.technical$on_cluster MODIFY TTL toDate(received_at) + INTERVAL $after_rows_days DAY;
ALTER TABLE pixel.rejects$on_cluster MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
ALTER TABLE pixel.rejects$on_cluster MODIFY TTL toDate(received_at) + INTERVAL $after_rows_days DAY;
ALTER TABLE pixel.fraud_signals$on_cluster MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
ALTER TABLE pixel.fraud_signals$on_cluster MODIFY TTL toDate(window_start) + INTERVAL $after_rows_days DAY;
ALTER TABLE pixel.fraud_hits$on_cluster MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
ALTER TABLE pixel.fraud_hits$on_cluster MODIFY TTL toDate(received_at) + INTERVAL $after_rows_days DAY;
ALTER TABLE pixel.fraud_cases$on_cluster MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
ALTER TABLE pixel.fraud_cases$on_cluster MODIFY TTL day + INTERVAL $after_rows_days DAY;
ALTER TABLE pixel.series$on_cluster MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
ALTER TABLE pixel.series$on_cluster MODIFY TTL toDate(hour) + INTERVAL $after_rows_days DAY;
ALTER TABLE pixel.counters$on_cluster MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
ALTER TABLE pixel.counters$on_cluster MODIFY TTL toStartOfMonth(minute) + INTERVAL $after_numbers_months MONTH;
ALTER TABLE pixel.marks$on_cluster MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
ALTER TABLE pixel.marks$on_cluster MODIFY TTL toStartOfMonth(toDateTime(at)) + INTERVAL $after_numbers_months MONTH;
ALTER TABLE pixel.hourly$on_cluster MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
ALTER TABLE pixel.hourly$on_cluster MODIFY TTL toStartOfMonth(hour) + INTERVAL $after_numbers_months MONTH;
ALTER TABLE pixel.publications$on_cluster MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
ALTER TABLE pixel.publications$on_cluster MODIFY TTL toStartOfMonth(start) + INTERVAL $after_numbers_months MONTH;
ALTER TABLE pixel.cells$on_cluster MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
ALTER TABLE pixel.cells$on_cluster MODIFY TTL toStartOfMonth(start) + INTERVAL $after_numbers_months MONTH;
ALTER TABLE pixel.problems$on_cluster MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
ALTER TABLE pixel.problems$on_cluster MODIFY TTL toStartOfMonth(toDateTime(changed_at)) + INTERVAL $after_numbers_months MONTH;
ALTER TABLE pixel.fraud_runs$on_cluster MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
ALTER TABLE pixel.fraud_runs$on_cluster MODIFY TTL toStartOfMonth(day) + INTERVAL $after_numbers_months MONTH;
ALTER TABLE pixel.fraud_normals$on_cluster MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
ALTER TABLE pixel.fraud_normals$on_cluster MODIFY TTL toStartOfMonth(day) + INTERVAL $after_numbers_months MONTH;
