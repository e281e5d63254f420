-- title.en: What a leak would touch
-- title.ru: Что затронула бы утечка
-- question.en: Had the rows of these days leaked: how many events and visitors, and on which days could they still be linked?
-- question.ru: Если бы строки за эти дни утекли: сколько событий и посетителей и за какие дни их ещё можно связать?
-- answer.en: Most was stored on {day}: {events} events of at most {visitors} visitors, {linkable} with an address token.
-- answer.ru: Больше всего сохранено за {day}: событий {events}, посетителей не более {visitors}, с токеном адреса {linkable}.
-- purpose: privacy
-- role: privacy
-- parameter.site: String
-- parameter.since: DateTime64(3, 'UTC') = 7d
-- parameter.until: DateTime64(3, 'UTC') = 0h
-- column.day: value, UTC day; when the events were received, and whose key made the tokens
-- column.events: value, events; stored rows
-- column.visitors: value, visitors; at most: one person may count more than once
-- column.linkable: value, events; of these, with an address token
-- column.nobody: value, events; of these, without any visitor
-- column.sensitive: value, events; of these, on pages of a sensitive group
-- column.agents: value, events; of these, with a kept user agent (robots and malformed ones only)
-- column.countries: value, countries; how many different
-- chart: bar
-- rank: events
-- threshold: none
-- limits.en: A blocked person's rows are hidden here; `clinic-pixel exposure` counts them too, in every table, says which data it is
--   in plain words and whether the day's key still lives. A first page without a cookie yet counts as a visitor of its own.
-- limits.ru: Строки заблокированных людей здесь скрыты; `clinic-pixel exposure` считает и их, во всех таблицах, называет данные
--   простыми словами и говорит, жив ли ключ дня. Первая страница, ещё без cookie, считается отдельным посетителем.
SELECT
    toString(toDate(received_at, 'UTC')) AS day,
    count() AS events,
    uniqExactIf((if(visitor_kind = 'day', epoch, toDate(0)), visitor), visitor != 0) AS visitors,
    countIf(ip_token != toIPv6('::')) AS linkable,
    countIf(visitor = 0) AS nobody,
    countIf(position(page, '/~') > 0) AS sensitive,
    countIf(ua_raw != '') AS agents,
    uniqExactIf(country, country != '') AS countries
FROM pixel.events
WHERE site = {site:String}
    AND received_at >= toStartOfHour({since:DateTime64(3, 'UTC')})
    AND received_at < toStartOfHour({until:DateTime64(3, 'UTC')} + toIntervalMillisecond(3599999))
GROUP BY day
ORDER BY day DESC
