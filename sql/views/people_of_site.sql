-- The people of a site from the UTC day of `since` up to `until`: the begin of a WITH list, for the worker's own counts. It gives
-- `persons` (people.sql) for counted_cells.sql and sql/problems/series.sql.
    toStartOfDay({since:DateTime('UTC')}) AS first_epoch,
    received AS (
        SELECT * FROM pixel.events
        WHERE site = {site:String} AND received_at >= first_epoch - $repeat_reach AND received_at < {until:DateTime('UTC')}
    ),
    $once,
    stored AS (
        SELECT * FROM received WHERE received_at >= first_epoch AND $is_first
    ),
    $people,
