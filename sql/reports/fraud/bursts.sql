-- title.en: Bursts
-- title.ru: Всплески обращений
-- question.en: Which visitors asked for pages faster than a person reads?
-- question.ru: Какие посетители запрашивали страницы быстрее, чем читает человек?
-- answer.en: The fastest visitor, {visitor}, asked for {hits_10s} pages within 10 seconds ({browser}, {network}): suspected.
-- answer.ru: Самый быстрый посетитель, {visitor}: страниц за 10 секунд {hits_10s} ({browser}, {network}); под подозрением.
-- purpose: fraud
-- role: security
-- parameter.site: String
-- parameter.since: DateTime64(3, 'UTC') = 24h
-- parameter.until: DateTime64(3, 'UTC') = 0h
-- column.visitor: value, token; hexadecimal; a visitor without a cookie is known for one key epoch only
-- column.epoch: value, UTC day; the key epoch of the burst
-- column.hits_10s: value, page views; most in any 10 seconds
-- column.hits_60s: value, page views; most in any 60 seconds
-- column.pages: value, pages; different pages within those 60 seconds
-- column.strip: value, page views; one digit for each second of the fastest 10, + for more than 9
-- column.began: value, UTC; first page view of the fastest 10 seconds
-- column.browser: value, name; browser family and major version
-- column.network: value, AS number and class; where it came from
-- chart: strip
-- rank: hits_10s
-- threshold: hits_10s, hits_60s, distinct_pages
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
            count() OVER ten_seconds AS in_10s,
            count() OVER sixty_seconds AS in_60s,
            uniqExact(page) OVER sixty_seconds AS pages_60s,
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
    toString(epoch) AS epoch,
    max(in_10s) AS hits_10s,
    max(in_60s) AS hits_60s,
    max(pages_60s) AS pages,
    arrayStringConcat(arrayMap(
        second -> if(arrayCount(time -> intDiv(time - argMax(first_ms, in_10s), 1000) = second, argMax(times, in_10s)) AS seen > 9, '+', toString(seen)),
        range(10)
    )) AS strip,
    formatDateTime(fromUnixTimestamp64Milli(argMax(first_ms, in_10s), 'UTC'), '%Y-%m-%d %H:%i:%S', 'UTC') AS began,
    trimRight(concat(any(browser), ' ', if(any(browser_major) = 0, '', toString(any(browser_major))))) AS browser,
    concat('AS', toString(any(asn)), ' ', toString(any(net_class))) AS network
FROM windows
GROUP BY visitor, epoch
HAVING pages >= {distinct_pages:UInt64} AND (hits_10s >= {hits_10s:UInt64} OR hits_60s >= {hits_60s:UInt64})
ORDER BY hits_10s DESC, hits_60s DESC, visitor
LIMIT 1000
