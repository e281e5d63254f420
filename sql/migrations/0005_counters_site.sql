-- The site of the worker's own counts: it tells which site sends nothing. The collector does not count by site, and counts
-- from before this column have no site: both are ''. Every statement may run twice.

ALTER TABLE pixel.counters$on_cluster
    ADD COLUMN IF NOT EXISTS site LowCardinality(String) AFTER asn;
