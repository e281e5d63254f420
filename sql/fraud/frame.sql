-- What every signal reads: the copied hits of the day that is scored (hits.sql explains the columns), of this run alone.
--   client   the suspect with its visitor, token and day, for `any(client)` of each row of a signal.
--   hits     each event once; `sent` has repeated deliveries, too.
    sent AS (
        SELECT *, $client AS client
        FROM pixel.fraud_hits
        WHERE run = {run:DateTime64(3, 'UTC')} AND site = {site:String} AND received_at >= {since:DateTime('UTC')} AND received_at < {until:DateTime('UTC')}
    ),
    hits AS (
        SELECT * FROM sent WHERE NOT is_repeat
    ),
