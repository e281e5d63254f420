-- The worker counts, so it has a purpose of its own: this database holds the views of sql/rollup, which it reads.
CREATE DATABASE IF NOT EXISTS rollup$on_cluster;
