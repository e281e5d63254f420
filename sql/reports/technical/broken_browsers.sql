-- In which browser do visitors come to the form, but not past it?
SELECT
    $person,
    if(browser IN ('', 'Other', 'other'), 'unknown', browser) AS browser,
    if(browser_major = 0, '', toString(browser_major)) AS major,
    1 AS hits,
    is_first_form AS form,
    is_first_form AND has_done_later AS done
FROM
(
    -- A visitor counts once: where the form was opened first, and as done where a page of the role `done` came later.
    SELECT
        *,
        page_role = 'form'
            AND row_number() OVER (PARTITION BY who, person, person_day, page_role ORDER BY received_at, page) = 1 AS is_first_form,
        max(page_role = 'done') OVER (
            PARTITION BY who, person, person_day ORDER BY received_at DESC, page DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS has_done_later
    FROM events
    WHERE kind = 'pageview'
)

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "lost"
-- tells_from = 5
-- shape = "sparse"
-- order = "visitors DESC, hits DESC, browser, major"
-- roles = ["form", "done"]
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- browser = { kind = "key", unit = "name", meaning = "browser family" }
-- major = { kind = "key", unit = "version", meaning = "its major version" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors with this browser; of several days: visitors of each day, added" }
-- hits = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "their page views; of one visitor at most 4 count" }
-- pages = { kind = "derived", unit = "page views", meaning = "page views of one visitor", expression = "round(hits / nullIf(visitors, 0), 1)" }
-- form = { kind = "measure", unit = "visitors", meaning = "of the visitors, those who opened a page of the role `form`; empty below 5" }
-- done = { kind = "measure", part_of = "form", unit = "visitors", meaning = "of these, those who came to a page of the role `done` later; empty below 5" }
-- share = { kind = "derived", unit = "percent", meaning = "done among form", expression = "accurateCastOrNull(round(100 * done / nullIf(form, 0)), 'Int64')" }
-- others = { kind = "derived", unit = "percent", meaning = "the same of all other rows with both numbers, together", expression = "if(isNull(form), NULL, accurateCastOrNull(round(100 * (sum(done) OVER (PARTITION BY site) - ifNull(done, 0)) / nullIf(sum(if(isNull(done), 0, form)) OVER (PARTITION BY site) - if(isNull(done), 0, form), 0)), 'Int64'))" }
-- lost = { kind = "derived", unit = "visitors", meaning = "visitors who would have come past the form with the share of the others; below zero: more than that came; an empty `done` counts as 4", expression = "if(isNull(form), NULL, accurateCastOrNull(round(form * (sum(done) OVER (PARTITION BY site) - ifNull(done, 0)) / nullIf(sum(if(isNull(done), 0, form)) OVER (PARTITION BY site) - if(isNull(done), 0, form), 0) - ifNull(done, 4)), 'Int64'))" }
--
-- [en]
-- title = "Broken browsers"
-- answer = """\
-- Compared with the others, most visitors are lost at the form in {browser} {major}: {done} of {form} came past it (others: {others} %). \
-- A visitor with it reads {pages} pages."""
-- nothing = "In no browser visibly more visitors are lost at the form than in the others."
-- limits = """\
-- Without pages of the roles `form` and `done` only `pages` tells of a broken browser: it is low there. Visitors who opened the form on one day and came \
-- past it on a later one count in the week alone. A difference of fewer than 5 visitors may be noise: look at a longer time."""
--
-- [ru]
-- title = "Сломанные браузеры"
-- question = "В каком браузере посетители открывают форму, но не проходят её?"
-- answer = """\
-- По сравнению с остальными больше всего посетителей теряется на форме в {browser} {major}: прошли {done} из {form} (у остальных {others} %). \
-- Страниц на посетителя с этим браузером: {pages}."""
-- nothing = "Ни в одном браузере на форме не теряется заметно больше посетителей, чем в остальных."
-- limits = """\
-- Без страниц с ролями `form` и `done` о сломанном браузере говорит только `pages`: там это число мало. Кто открыл форму в один день, а прошёл её \
-- в другой, учтён только в неделе. Разница меньше 5 посетителей может быть шумом: возьмите больший срок."""
