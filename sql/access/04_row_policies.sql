-- A blocked person's rows (policy clause 6.2.4) are hidden from all users except those that must see them: the worker that
-- reads back, erasure, the migrator and the audited operator. TO ALL EXCEPT: a user added later is filtered too.

CREATE ROW POLICY OR REPLACE pixel_blocked ON pixel.events${local} USING
    visitor NOT IN (SELECT visitor FROM pixel.subject_blocks FINAL WHERE kind = 'visitor' AND state = 'blocked')
    AND (epoch, ip_token) NOT IN (SELECT epoch, ip_token FROM pixel.subject_blocks FINAL WHERE kind = 'ip_token' AND state = 'blocked')
    TO ALL EXCEPT pixel_migrator, pixel_writer, pixel_eraser, pixel_admin;

CREATE ROW POLICY OR REPLACE pixel_blocked ON pixel.fraud_hits USING
    visitor NOT IN (SELECT visitor FROM pixel.subject_blocks FINAL WHERE kind = 'visitor' AND state = 'blocked')
    AND (epoch, ip_token) NOT IN (SELECT epoch, ip_token FROM pixel.subject_blocks FINAL WHERE kind = 'ip_token' AND state = 'blocked')
    TO ALL EXCEPT pixel_migrator, pixel_writer, pixel_eraser, pixel_admin;

CREATE ROW POLICY OR REPLACE pixel_blocked ON pixel.fraud_signals USING
    visitor NOT IN (SELECT visitor FROM pixel.subject_blocks FINAL WHERE kind = 'visitor' AND state = 'blocked')
    AND (epoch, ip_token) NOT IN (SELECT epoch, ip_token FROM pixel.subject_blocks FINAL WHERE kind = 'ip_token' AND state = 'blocked')
    TO ALL EXCEPT pixel_migrator, pixel_writer, pixel_eraser, pixel_admin;

CREATE ROW POLICY OR REPLACE pixel_blocked ON pixel.fraud_cases USING
    visitor NOT IN (SELECT visitor FROM pixel.subject_blocks FINAL WHERE kind = 'visitor' AND state = 'blocked')
    AND (epoch, ip_token) NOT IN (SELECT epoch, ip_token FROM pixel.subject_blocks FINAL WHERE kind = 'ip_token' AND state = 'blocked')
    TO ALL EXCEPT pixel_migrator, pixel_writer, pixel_eraser, pixel_admin;

-- Copies held for the blocked person are for no report.
CREATE ROW POLICY OR REPLACE pixel_held ON pixel.held${local} USING 0
    TO ALL EXCEPT pixel_migrator, pixel_writer, pixel_eraser, pixel_admin;
