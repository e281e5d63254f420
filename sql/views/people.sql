-- The definition of a person: a piece of a WITH list. It reads `received` and `stored` (rows of pixel.events, before and after
-- repeats are left out) and gives `persons`, the rows of `stored` with
--   person      the visitor, or 0 for none. A first hit has no cookie yet: it belongs to the cookie that the same address and
--               agent send later that day. Rows without visitor, and sensitive pages, have no person.
--   person_day  the key epoch of a visitor without a cookie, who is a new visitor on every day; else 1970-01-01.
--   is_probe    whether its client sent an attack or opened $most_errors different error pages on that day.
-- A client is an address and agent of one day. Its facts come from `received`: a repeat changes none of them, and each further use
-- of `stored` would read the events three times more.
    clients AS (
        SELECT
            site, epoch, ip_token, ua_token,
            minIf(visitor, visitor_kind = 'cookie') AS cookie,
            -- A page with `*` stands for many addresses: each of its views counts as another one, a repeat does not.
            uniqExactIf(multiIf(position(page, '*') = 0, page, nonce = 0, toString(event_id), toString(nonce)), $is_probing) AS error_pages,
            ip_token != toIPv6('::') AND (max($is_attack) OR error_pages >= $most_errors) AS is_probe
        FROM received
        GROUP BY site, epoch, ip_token, ua_token
        HAVING cookie != 0 OR is_probe
    ),
    persons AS (
        SELECT
            stored.*,
            is_probe,
            multiIf(
                $is_sensitive, toUInt64(0),
                visitor_kind = 'day' AND $has_new_cookie AND cookie != 0, cookie,
                visitor
            ) AS person,
            if(visitor_kind = 'day' AND person != 0 AND person != cookie, epoch, toDate(0)) AS person_day
        FROM stored
        LEFT ANY JOIN clients USING (site, epoch, ip_token, ua_token)
    ),
