-- The definition of a person: a piece of a WITH list. It reads `stored` (rows of pixel.events) and gives `persons`, the same
-- rows with
--   person      the visitor, or 0 for none. A first hit has no cookie yet: it belongs to the cookie that the same address and
--               agent send later that day. Rows without visitor, and sensitive pages, have no person.
--   person_day  the key epoch of a visitor without a cookie, who is a new visitor on every day; else 1970-01-01.
    cookies AS (
        SELECT site, epoch, ip_token, ua_token, min(visitor) AS cookie
        FROM stored
        WHERE visitor_kind = 'cookie'
        GROUP BY site, epoch, ip_token, ua_token
    ),
    persons AS (
        SELECT
            stored.*,
            multiIf(
                $is_sensitive, toUInt64(0),
                visitor_kind = 'day' AND cookie_state = 'new' AND cookie != 0, cookie,
                visitor
            ) AS person,
            if(visitor_kind = 'day' AND person != 0 AND person != cookie, epoch, toDate(0)) AS person_day
        FROM stored
        LEFT ANY JOIN cookies USING (site, epoch, ip_token, ua_token)
    ),
