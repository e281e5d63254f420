-- title.en: Bursts
-- title.ru: Всплески обращений
-- question.en: Which visitors asked for pages faster than a person reads?
-- question.ru: Какие посетители запрашивали страницы быстрее, чем читает человек?
-- answer.en: The fastest visitor, {visitor}, asked for {in_10s} pages within 10 seconds ({client}): suspected.
-- answer.ru: Самый быстрый посетитель, {visitor}: страниц за 10 секунд {in_10s} ({client}); под подозрением.
-- purpose: fraud
-- role: security
-- parameter.site: String
-- parameter.since: DateTime64(3, 'UTC') = 24h
-- parameter.until: DateTime64(3, 'UTC') = 0h
-- column.visitor: value, token; hexadecimal; a visitor without a cookie is known for one key epoch only
-- column.began: value, UTC; month, day and time of the first page view of the fastest 10 seconds
-- column.in_10s: value, page views; most in any 10 seconds
-- column.in_60s: value, page views; most in any 60 seconds
-- column.pages: value, pages; different pages within 60 seconds, at most
-- column.strip: value, page views; one digit for each of the fastest 10 seconds, + for more than 9
-- column.client: value, words; browser and major version, autonomous system, network class
-- chart: strip
-- rank: in_10s
-- threshold: hits_10s, hits_60s, distinct_pages, tokens_days
-- limits.en: Suspected, never proof (F13, 20 points, family R): restored tabs and prefetching look alike, so at least {distinct_pages}
--   different pages are asked for. Declared robots and the clinic's own networks are left out; robots that load no images are not seen.
-- limits.ru: Подозрение, а не доказательство (F13, 20 баллов, семейство R): так же выглядят восстановленные вкладки, поэтому нужно не
--   меньше {distinct_pages} разных страниц. Назвавшие себя роботы и собственные сети не учтены; роботы без картинок не видны.
WITH
    views AS (
        SELECT
            visitor, epoch, received_at, page, browser, browser_major, asn, net_class,
            toUnixTimestamp64Milli(received_at) AS at_ms
        FROM pixel.events
        WHERE site = {site:String}
            AND kind = 'pageview'
            AND visitor != 0
            AND epoch >= toDate(now('UTC')) - {tokens_days:UInt64}
            AND robot = ''
            AND net_class != 'own'
            AND received_at >= toStartOfHour({since:DateTime64(3, 'UTC')})
            AND received_at < toStartOfHour({until:DateTime64(3, 'UTC')} + toIntervalMillisecond(3599999))
    ),
    fast_enough AS (
        SELECT visitor, epoch
        FROM views
        GROUP BY visitor, epoch
        HAVING count() >= least({hits_10s:UInt64}, {hits_60s:UInt64}) AND uniqExact(page) >= {distinct_pages:UInt64}
    ),
    windows AS (
        SELECT
            *,
            count() OVER ten_seconds AS ten,
            count() OVER sixty_seconds AS sixty,
            uniqExact(page) OVER sixty_seconds AS sixty_pages,
            min(at_ms) OVER ten_seconds AS first_ms,
            groupArray(256)(at_ms) OVER ten_seconds AS times
        FROM views
        WHERE (visitor, epoch) IN fast_enough
        WINDOW
            ten_seconds AS (PARTITION BY visitor, epoch ORDER BY at_ms RANGE BETWEEN 9999 PRECEDING AND CURRENT ROW),
            sixty_seconds AS (PARTITION BY visitor, epoch ORDER BY at_ms RANGE BETWEEN 59999 PRECEDING AND CURRENT ROW)
    )
SELECT
    lower(leftPad(hex(visitor), 16, '0')) AS visitor,
    formatDateTime(fromUnixTimestamp64Milli(argMax(first_ms, ten), 'UTC'), '%m-%d %H:%i', 'UTC') AS began,
    max(ten) AS in_10s,
    max(sixty) AS in_60s,
    max(sixty_pages) AS pages,
    arrayStringConcat(arrayMap(
        second -> if(arrayCount(time -> intDiv(time - argMax(first_ms, ten), 1000) = second, argMax(times, ten)) AS seen > 9, '+', toString(seen)),
        range(10)
    )) AS strip,
    concat(
        if(any(browser) = '', 'no browser', concat(any(browser), ' ', toString(any(browser_major)))),
        if(any(asn) = 0, ', ', concat(', AS', toString(any(asn)), ' ')),
        toString(any(net_class))
    ) AS client
FROM windows
GROUP BY visitor, epoch
HAVING pages >= {distinct_pages:UInt64} AND (in_10s >= {hits_10s:UInt64} OR in_60s >= {hits_60s:UInt64})
ORDER BY in_10s DESC, in_60s DESC, visitor, began
LIMIT 1000
