-- With how many providers was one cookie at work at the same time?
-- A provider's time is cut where it is silent for ten minutes, and a piece counts from three hits on: a person who changes the network is with one
-- after the other. IPv4 and IPv6 count alone. A phone's own network takes turns with the Wi-Fi, and a relay or Tor changes by itself: they do not count.
WITH
    several AS (
        SELECT suspect
        FROM hits
        WHERE visitor_kind = 'cookie' AND asn != 0 AND net_class NOT IN ('mobile', 'relay', 'tor')
        GROUP BY suspect
        HAVING uniqUpTo(1)(asn) > 1
    ),
    steps AS (
        SELECT
            suspect, client, received_at, at_ms, asn, ip_version,
            at_ms - lagInFrame(at_ms) OVER (PARTITION BY suspect, ip_version, asn ORDER BY at_ms ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) > 600000 AS is_new_piece
        FROM hits
        WHERE visitor_kind = 'cookie' AND asn != 0 AND net_class NOT IN ('mobile', 'relay', 'tor') AND suspect IN several
    ),
    pieces AS (
        SELECT suspect, any(client) AS client, ip_version, asn, min(received_at) AS first, max(received_at) AS last, min(at_ms) AS first_ms, max(at_ms) AS last_ms
        FROM
        (
            SELECT *, sum(is_new_piece) OVER (PARTITION BY suspect, ip_version, asn ORDER BY at_ms ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS piece
            FROM steps
        )
        GROUP BY suspect, ip_version, asn, piece
        HAVING count() >= 3
    )
SELECT
    any(client) AS client,
    '' AS link,
    max(at_once) AS value,
    min(first) AS began,
    max(last) AS ended,
    map('providers', arrayStringConcat(arraySort(arrayDistinct(arrayFlatten(groupArray(asns)))), ', ')) AS evidence
FROM
(
    SELECT
        suspect, any(client) AS client, min(first) AS first, max(last) AS last,
        maxIntersections(first_ms, last_ms + 1) AS at_once,
        groupUniqArray(5)(concat('AS', toString(asn))) AS asns
    FROM pieces
    GROUP BY suspect, ip_version
)
GROUP BY suspect
