-- Grants. A purpose is a database: readers have grants on views only; the rows are for the definer of the views, for requests
-- of persons and for the operator.
-- No user has a grant on *.* or on a source (FILE, URL, REMOTE, S3), and no user may pass on a grant.

-- An upgrade must remove a right that is no longer listed below. REVOKE ALL covers every database and source.
REVOKE ALL ON *.* FROM ops;
REVOKE ALL ON *.* FROM security;
REVOKE ALL ON *.* FROM privacy;
REVOKE ALL ON *.* FROM pixel_viewer;
REVOKE ALL ON *.* FROM pixel_migrator;
REVOKE ALL ON *.* FROM pixel_writer;
REVOKE ALL ON *.* FROM pixel_eraser;
REVOKE ALL ON *.* FROM pixel_admin;

GRANT SELECT ON technical.* TO ops;

GRANT SELECT ON technical.* TO security;
GRANT SELECT ON fraud.* TO security;

GRANT SELECT ON privacy.* TO privacy;

-- The definer of every view; nobody works as this user.
GRANT SELECT ON pixel.* TO pixel_viewer;

GRANT CREATE DATABASE, SHOW DATABASES, CREATE TABLE, ALTER TABLE, DROP TABLE, TRUNCATE, SHOW TABLES, SHOW COLUMNS ON pixel.* TO pixel_migrator;
GRANT CREATE DATABASE, SHOW DATABASES, CREATE VIEW, DROP VIEW, SHOW TABLES, SHOW COLUMNS ON technical.* TO pixel_migrator;
GRANT CREATE DATABASE, SHOW DATABASES, CREATE VIEW, DROP VIEW, SHOW TABLES, SHOW COLUMNS ON fraud.* TO pixel_migrator;
GRANT CREATE DATABASE, SHOW DATABASES, CREATE VIEW, DROP VIEW, SHOW TABLES, SHOW COLUMNS ON privacy.* TO pixel_migrator;
GRANT CREATE DATABASE, SHOW DATABASES, CREATE VIEW, DROP VIEW, SHOW TABLES, SHOW COLUMNS ON rollup.* TO pixel_migrator;
GRANT SET DEFINER ON pixel_viewer TO pixel_migrator;
-- Copies rows when a table changes its partitions. It makes the views of pixel_viewer, so it could read every row anyway.
GRANT SELECT, INSERT, ALTER DELETE ON pixel.* TO pixel_migrator;

-- Writes rows, reads the identities of stored batches, counts stored rows by site and time, and counts hours.
-- Nothing else. No KILL QUERY: it needs SELECT ON system.processes, which shows the queries of all users; delivery does not
-- need it.
GRANT INSERT ON pixel.* TO pixel_writer;
GRANT SELECT(batch_id, site, received_at) ON pixel.events${local} TO pixel_writer;
GRANT SELECT(batch_id, site, received_at) ON pixel.technical${local} TO pixel_writer;
GRANT SELECT(batch_id) ON pixel.counters${local} TO pixel_writer;
GRANT SELECT(batch_id) ON pixel.rejects${local} TO pixel_writer;
-- For copying only those acts of the audit file that are missing in the table.
GRANT SELECT(hash) ON pixel.audit TO pixel_writer;
-- Counts of rows, and the cells of a report before they are perturbed (sql/rollup, sql/views/counted_cells.sql); for the fraud review, the suspects
-- of a day by signal, the hits of a day with their tokens, which it copies, and for a claim the sealed click ids of one case (sql/fraud), which
-- it has no key to open.
GRANT SELECT ON rollup.* TO pixel_writer;
-- It reads its own publications, and the number of stored rows of each day.
GRANT SELECT ON pixel.cells TO pixel_writer;
GRANT SELECT ON pixel.publications TO pixel_writer;
-- The problems engine: its numbers, its problems, and the marks that say what changed.
GRANT SELECT ON pixel.series TO pixel_writer;
GRANT SELECT ON pixel.problems TO pixel_writer;
GRANT SELECT ON pixel.marks TO pixel_writer;
-- The hosts that report to this database: their clocks and the fingerprints of their keys.
GRANT SELECT ON pixel.hosts TO pixel_writer;
-- The fraud review: signs and cases, which have tokens of suspects, and verdicts.
GRANT SELECT ON pixel.fraud_signals TO pixel_writer;
GRANT SELECT ON pixel.fraud_cases TO pixel_writer;
GRANT SELECT ON pixel.fraud_runs TO pixel_writer;
-- The copied hits of the day that is scored: it empties them, counts those of its run and of each
-- client, and reads them through the views of the signals alone.
GRANT TRUNCATE, SELECT(run, site, suspect, received_at) ON pixel.fraud_hits TO pixel_writer;
GRANT SELECT ON pixel.fraud_normals TO pixel_writer;
GRANT SELECT ON pixel.verdicts TO pixel_writer;
-- Which days are scored again because somebody was blocked or unblocked; not who.
GRANT SELECT(since, until, changed_at) ON pixel.subject_blocks TO pixel_writer;
GRANT SELECT(database, table, active, partition_id, rows) ON system.parts TO pixel_writer;

-- Finds, holds and erases the rows of one person, and drops the days and months whose term is over.
GRANT SELECT, ALTER DELETE ON pixel.* TO pixel_eraser;
-- Ends the sealed click ids of old days.
GRANT ALTER CLEAR COLUMN ON pixel.events${local} TO pixel_eraser;
GRANT INSERT ON pixel.subject_blocks TO pixel_eraser;
GRANT INSERT ON pixel.held${local} TO pixel_eraser;

-- The operator on the machine; `clinic-pixel sql --role admin` writes the audit first.
GRANT SELECT, SHOW ON pixel.* TO pixel_admin;
GRANT SELECT, SHOW ON technical.* TO pixel_admin;
GRANT SELECT, SHOW ON fraud.* TO pixel_admin;
GRANT SELECT, SHOW ON privacy.* TO pixel_admin;
-- For `doctor`: sizes, retention, unfinished mutations. Not the queries: their text may hold values that a user searched for.
GRANT SELECT ON system.parts TO pixel_admin;
GRANT SELECT ON system.mutations TO pixel_admin;
GRANT SELECT ON system.disks TO pixel_admin;
