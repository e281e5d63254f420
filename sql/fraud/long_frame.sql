-- What a signal reads that looks back over days: `sent`, the rows of these days with repeated deliveries, straight from the events. It must
-- read few of them.
    sent AS (
        SELECT
            *,
            $suspect AS suspect,
            $client AS client,
            toUnixTimestamp64Milli(received_at) AS at_ms,
            kind = 'pageview' AS is_view
        FROM pixel.events
        WHERE site = {site:String} AND received_at >= {since:DateTime('UTC')} AND received_at < {until:DateTime('UTC')} AND $may_be_judged
    ),
