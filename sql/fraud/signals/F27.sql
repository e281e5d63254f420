-- How many clients took the same way of at least five pages, ten times as many as chance makes alike?
WITH
    ways AS (
        SELECT
            any(client) AS client,
            min(received_at) AS began,
            max(received_at) AS ended,
            any(net_token) AS network,
            arrayMap(step -> step.2, groupArraySorted(100)((at_ms, sipHash64(page)))) AS pages,
            max($has_old_cookie) AS came_back,
            -- A form leads everybody the same way.
            max(page_role IN ('landing', 'form', 'done', 'login', 'reset', 'confirm', 'cancel')) AS is_led
        FROM hits
        WHERE is_view
        GROUP BY suspect
        HAVING length(pages) >= 2
    ),
    steps_of_all AS (
        SELECT step.1 AS page, step.2 AS next, count() AS steps, sum(count()) OVER (PARTITION BY step.1) AS leavings
        FROM ways
        ARRAY JOIN arrayZip(arrayPopBack(pages), arrayPopFront(pages)) AS step
        GROUP BY page, next
    ),
    clones AS (
        SELECT sipHash64(pages) AS way, any(pages) AS its_pages, count() AS clients, uniqExact(network) AS networks
        FROM ways
        WHERE NOT came_back AND NOT is_led AND length(pages) >= 5 AND length(arrayDistinct(pages)) >= 3
        GROUP BY way
        HAVING networks >= 3
    ),
    -- The clients that chance leads the same way: at each page the others choose the next one, as far as enough others were there.
    by_chance AS (
        SELECT
            way,
            any(clients) AS found,
            any(networks) AS in_networks,
            any(size) AS length_of_way,
            (SELECT count() FROM (SELECT suspect FROM hits WHERE is_view GROUP BY suspect HAVING count() >= 5)) * exp(sum(times * log(if(others < 5, 1, (choices + 1) / (others + 1))))) AS expected
        FROM
        (
            SELECT
                way, clients, networks, size, times,
                greatest(0, toInt64(leavings) - toInt64(clients * own_leavings)) AS others,
                greatest(0, toInt64(steps) - toInt64(clients * times)) AS choices
            FROM
            (
                SELECT way, clients, networks, length(its_pages) AS size, step.1 AS page, step.2 AS next, count() AS times, any(countEqual(arrayPopBack(its_pages), step.1)) AS own_leavings
                FROM clones
                ARRAY JOIN arrayZip(arrayPopBack(its_pages), arrayPopFront(its_pages)) AS step
                GROUP BY way, clients, networks, size, page, next
            ) AS taken
            LEFT JOIN steps_of_all USING (page, next)
        )
        GROUP BY way
    )
SELECT
    client,
    lower(hex(way)) AS link,
    if(found > 10 * expected, found, least(found, 1)) AS value,
    began,
    ended,
    map('networks', toString(in_networks), 'pages', toString(length_of_way), 'expected', toString(round(expected, 3))) AS evidence
FROM (SELECT client, began, ended, came_back, sipHash64(pages) AS way FROM ways WHERE length(pages) >= 5) AS each_way
INNER JOIN by_chance USING (way)
WHERE NOT came_back
