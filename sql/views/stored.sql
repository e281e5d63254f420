-- The rows that a report counts: a piece of a WITH list. It gives `stored`, the rows of the site and of the whole hours that
-- the report asks for, each event once.
    received AS (
        SELECT * FROM pixel.events
        WHERE site = {site:String} AND received_at >= $first_hour - $repeat_reach AND received_at < $end_hour
    ),
    $once,
    stored AS (
        SELECT * FROM received WHERE received_at >= $first_hour AND $is_first
    ),
