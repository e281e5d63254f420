-- Only on the servers of a cluster (docs/cluster.md), after the other files.

-- For tables that ask the other servers, and for statements that run on all of them. Whoever has REMOTE may send what he reads to
-- any server: this user reads every row anyway, and only `migrate` works as it.
GRANT REMOTE ON *.* TO pixel_migrator;
GRANT CLUSTER ON *.* TO pixel_migrator;

-- The hits of a day by time, of all shards, before they are copied for their scoring.
GRANT SELECT(site, received_at) ON pixel.events TO pixel_writer;

-- For `doctor --cluster`.
GRANT SELECT ON system.clusters TO pixel_admin;
GRANT SELECT ON system.replicas TO pixel_admin;
GRANT SELECT ON system.zookeeper_connection TO pixel_admin;
