-- Which visitors asked for pages faster than a person reads?
WITH
    $stored,
    views AS (
        SELECT
            visitor, epoch, page, browser, browser_major, asn, net_class,
            toUnixTimestamp64Milli(received_at) AS at_ms
        FROM stored
        WHERE kind = 'pageview'
            AND visitor != 0
            AND robot = ''
            AND net_class != 'own'
    ),
    fast_enough AS (
        SELECT visitor, epoch
        FROM views
        GROUP BY visitor, epoch
        -- Counting pages up to ten takes a quarter of the time of counting them all.
        HAVING count() >= least({hits_10s:UInt64}, {hits_60s:UInt64}) AND uniqUpTo(9)(page) >= least({distinct_pages:UInt64}, 10)
    ),
    windows AS (
        SELECT
            *,
            count() OVER ten_seconds AS ten,
            count() OVER sixty_seconds AS sixty,
            uniqExact(page) OVER sixty_seconds AS sixty_pages,
            min(at_ms) OVER ten_seconds AS first_ms
        FROM views
        WHERE (visitor, epoch) IN fast_enough
        WINDOW
            ten_seconds AS (PARTITION BY visitor, epoch ORDER BY at_ms RANGE BETWEEN 9999 PRECEDING AND CURRENT ROW),
            sixty_seconds AS (PARTITION BY visitor, epoch ORDER BY at_ms RANGE BETWEEN 59999 PRECEDING AND CURRENT ROW)
    ),
    fastest AS (
        SELECT
            visitor,
            epoch,
            max(ten) AS in_10s,
            max(sixty) AS in_60s,
            max(sixty_pages) AS pages,
            argMax(first_ms, (ten, -first_ms)) AS began_ms,
            argMax((browser, browser_major, asn, net_class), (ten, -first_ms)) AS sender,
            groupArray(at_ms) AS times
        FROM windows
        GROUP BY visitor, epoch
        HAVING pages >= {distinct_pages:UInt64} AND (in_10s >= {hits_10s:UInt64} OR in_60s >= {hits_60s:UInt64})
        ORDER BY in_10s DESC, in_60s DESC, visitor, epoch
        LIMIT 1000
    )
SELECT
    -- Hashed with the day: to follow one person over days is `relink`, which is audited.
    lower(leftPad(hex(sipHash64(epoch, visitor)), 16, '0')) AS subject,
    toDateTime(fromUnixTimestamp64Milli(began_ms, 'UTC'), $zone) AS began,
    in_10s,
    in_60s,
    pages,
    arrayStringConcat(arrayMap(
        seen -> if(seen > 9, '+', toString(seen)),
        arrayMap(
            second -> arrayCount(at_ms -> at_ms >= began_ms AND intDiv(at_ms - began_ms, 1000) = second, times),
            range(10)
        )
    )) AS strip,
    concat(
        if(sender.1 = '', 'no browser', concat(sender.1, ' ', toString(sender.2))),
        if(sender.3 = 0, ', ', concat(', AS', toString(sender.3), ' ')),
        toString(sender.4)
    ) AS client
FROM fastest
ORDER BY in_10s DESC, in_60s DESC, subject, began

-- purpose = "fraud"
-- role = "security"
-- chart = "strip"
-- rank = "in_10s"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- subject = { kind = "value", unit = "hash", meaning = "hexadecimal; one visitor on one day: the same visitor has another on the next day" }
-- began = { kind = "value", unit = "time of the site", meaning = "first page view of the fastest 10 seconds" }
-- in_10s = { kind = "value", unit = "page views", meaning = "most in any 10 seconds" }
-- in_60s = { kind = "value", unit = "page views", meaning = "most in any 60 seconds" }
-- pages = { kind = "value", unit = "pages", meaning = "different pages within 60 seconds, at most" }
-- strip = { kind = "value", unit = "page views", meaning = "one digit for each of the fastest 10 seconds, + for more than 9" }
-- client = { kind = "value", unit = "words", meaning = "browser and major version, autonomous system, network class" }
--
-- [thresholds]
-- hits_10s = { default = 8, meaning = "page views of one visitor in any 10 seconds" }
-- hits_60s = { default = 20, meaning = "page views of one visitor in any 60 seconds" }
-- distinct_pages = { default = 3, meaning = "different pages among them: a reload storm fetches one page" }
--
-- [en]
-- title = "Bursts"
-- answer = "The fastest visitor, {subject}, asked for {in_10s} pages within 10 seconds ({client}): suspected."
-- limits = """\
-- Suspected, never proof (F13, 20 points, family R): restored tabs and prefetching look the same, so at least \
-- {distinct_pages} different pages are required. Declared robots and the clinic's own networks are left out; robots \
-- that load no images are not seen."""
--
-- [ru]
-- title = "Всплески обращений"
-- question = "Какие посетители запрашивали страницы быстрее, чем читает человек?"
-- answer = "Самый быстрый посетитель, {subject}: страниц за 10 секунд {in_10s} ({client}); под подозрением."
-- limits = """\
-- Подозрение, а не доказательство (F13, 20 баллов, семейство R): так же выглядят восстановленные вкладки, поэтому \
-- нужно не меньше {distinct_pages} разных страниц. Назвавшие себя роботы и собственные сети не учтены; роботы без \
-- картинок не видны."""
