-- title.en: What is stored
-- title.ru: Что хранится
-- question.en: What is stored of each month, and how much of it can still be linked?
-- question.ru: Что хранится за каждый месяц и какую часть ещё можно связать?
-- answer.en: Most is stored of {month}: {events} events, {linkable} of them with an address token.
-- answer.ru: Больше всего хранится за {month}: событий {events}, с токеном адреса {linkable}.
-- purpose: privacy
-- role: privacy
-- parameter.site: String
-- parameter.since: DateTime64(3, 'UTC') = 1000d
-- parameter.until: DateTime64(3, 'UTC') = 0h
-- column.month: value, UTC month; when the events were received
-- column.events: value, events; stored rows
-- column.oldest: value, UTC day; day of the oldest
-- column.linkable: value, events; of these, with an address token
-- column.cookie: value, events; of these, with a visitor known by cookie
-- column.nobody: value, events; of these, without any visitor: signal, refusal, sensitive page or expired
-- column.agents: value, events; of these, with a kept user agent (robots and malformed ones only)
-- column.policies: value, versions; versions of the privacy policy in force
-- chart: bar
-- rank: events
-- threshold: none
-- limits.en: Counts rows, not people. A blocked person's rows are hidden here too. Expired tokens stay until ClickHouse rewrites
--   the part, which the worker forces once a month; an address token is only reversible while its key lives.
-- limits.ru: Считает строки, а не людей. Строки заблокированных людей скрыты и здесь. Истёкшие токены остаются, пока ClickHouse не
--   перепишет часть (раз в месяц); токен адреса обратим, только пока жив его ключ.
SELECT
    formatDateTime(received_at, '%Y-%m', 'UTC') AS month,
    count() AS events,
    toString(toDate(min(received_at), 'UTC')) AS oldest,
    countIf(ip_token != toIPv6('::')) AS linkable,
    countIf(visitor != 0 AND visitor_kind = 'cookie') AS cookie,
    countIf(visitor = 0) AS nobody,
    countIf(ua_raw != '') AS agents,
    arrayStringConcat(arraySort(groupUniqArray(100)(policy)), ' ') AS policies
FROM pixel.events
WHERE site = {site:String}
    AND received_at >= toStartOfHour({since:DateTime64(3, 'UTC')})
    AND received_at < toStartOfHour({until:DateTime64(3, 'UTC')} + toIntervalMillisecond(3599999))
GROUP BY month
ORDER BY month DESC
