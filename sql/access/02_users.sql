-- Users. On a server `clinic-pixel migrate --grants sql` prints these files with the password hashes filled in.
-- The rows of events are in pixel.events${local}, in the files below, too: on a cluster the name without `_local` is of all shards. There
-- pixel_viewer has a profile of its own (cluster/01_definer.sql).
-- A replaced user has no rights until 03_grants.sql has run: until then its queries are refused, and none has too many rights.

CREATE USER OR REPLACE ops IDENTIFIED WITH sha256_hash BY '$ops_sha256' SETTINGS PROFILE 'pixel_reader';
CREATE USER OR REPLACE security IDENTIFIED WITH sha256_hash BY '$security_sha256' SETTINGS PROFILE 'pixel_reader';
CREATE USER OR REPLACE privacy IDENTIFIED WITH sha256_hash BY '$privacy_sha256' SETTINGS PROFILE 'pixel_reader';
CREATE USER OR REPLACE pixel_viewer IDENTIFIED WITH sha256_hash BY '$pixel_viewer_sha256' SETTINGS PROFILE '$viewer_profile';
CREATE USER OR REPLACE pixel_migrator IDENTIFIED WITH sha256_hash BY '$pixel_migrator_sha256' SETTINGS PROFILE 'pixel_service';
CREATE USER OR REPLACE pixel_writer IDENTIFIED WITH sha256_hash BY '$pixel_writer_sha256' SETTINGS PROFILE 'pixel_service';
CREATE USER OR REPLACE pixel_eraser IDENTIFIED WITH sha256_hash BY '$pixel_eraser_sha256' SETTINGS PROFILE 'pixel_service';
CREATE USER OR REPLACE pixel_admin IDENTIFIED WITH sha256_hash BY '$pixel_admin_sha256' SETTINGS PROFILE 'pixel_service';
