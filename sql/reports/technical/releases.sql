-- Does the newest release work worse than the one before?
SELECT
    $person,
    if(release = '', '(none)', toString(release)) AS release,
    1 AS hits,
    status >= 400 AS errors,
    is_reload AS reloads,
    is_first_form AS form,
    is_first_form AND has_done_later AS done
FROM
(
    -- A reload: the same visitor, the same page, nothing between, within a minute. `*` stands for many pages.
    SELECT
        *,
        visitor_kind != 'none'
            AND position(page, '*') = 0
            AND lagInFrame(toString(page)) OVER before_it = page
            AND received_at <= lagInFrame(received_at) OVER before_it + toIntervalMinute(1) AS is_reload,
        page_role = 'form'
            AND row_number() OVER (PARTITION BY who, person, person_day, page_role ORDER BY received_at, page) = 1 AS is_first_form,
        max(page_role = 'done') OVER (
            PARTITION BY who, person, person_day ORDER BY received_at DESC, page DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS has_done_later
    FROM events
    WHERE kind = 'pageview'
    WINDOW before_it AS (
        PARTITION BY who, person, person_day ORDER BY received_at, page ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
    )
)

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "first"
-- shape = "sparse"
-- order = "release = '(none)', first DESC, length(release) DESC, release DESC"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- release = { kind = "key", unit = "name", meaning = "release of the site, as the tag names it (`data-release`); '(none)' without one" }
-- first = { kind = "first", unit = "time of the site", meaning = "begin of the first hour or day of the period with this release" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors who saw it; of several days: visitors of each day, added" }
-- hits = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "their page views; of one visitor at most 4 count" }
-- errors = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of these, error templates (status 400 and above); empty below 5" }
-- more = { kind = "derived", unit = "percentage points", meaning = "errors among the page views, minus the same of the release before: above zero, there are more errors; fewer than 5 count as none", expression = "round(100 * (ifNull(errors, 0) / nullIf(hits, 0) - lagInFrame(ifNull(errors, 0) / nullIf(hits, 0)) OVER (PARTITION BY site ORDER BY release != '(none)', first, length(release), release)), 1)" }
-- reloads = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of the page views, repeats of the same page by the same visitor within a minute; empty below 5" }
-- form = { kind = "measure", unit = "visitors", meaning = "of the visitors, those who opened a page of the role `form` first in this release; empty below 5" }
-- done = { kind = "measure", part_of = "form", unit = "visitors", meaning = "of these, those who came to a page of the role `done` later; empty below 5" }
-- fewer = { kind = "derived", unit = "percentage points", meaning = "done among form of the release before, minus the same of this one: above zero, fewer come past the form", expression = "round(100 * (lagInFrame(done / nullIf(form, 0)) OVER (PARTITION BY site ORDER BY release != '(none)', first, length(release), release) - done / nullIf(form, 0)), 1)" }
--
-- [en]
-- title = "Releases"
-- answer = """\
-- Newest release {release}: {errors} errors and {reloads} reloads in {hits} page views, {done} of {form} visitors came past the form. \
-- The columns `more` and `fewer` compare errors and forms with the release before."""
-- limits = """\
-- Needs the release in the tag (`data-release`), `e` on error templates, and the roles `form` and `done` for the last three columns. \
-- A day in which a release begins is a day of both releases. Fewer than 5 errors are no number."""
--
-- [ru]
-- title = "Релизы"
-- question = "Не хуже ли новый релиз прежнего?"
-- answer = """\
-- Новый релиз {release}: ошибок {errors}, перезагрузок {reloads}, просмотров {hits}, форму прошли {done} из {form}. \
-- Столбцы `more` и `fewer` сравнивают ошибки и форму с прежним релизом."""
-- limits = """\
-- Нужны релиз в метке (`data-release`), `e` на шаблонах ошибок, а для последних трёх столбцов - роли `form` и `done`. \
-- День, в который вышел релиз, относится к обоим релизам. Меньше 5 ошибок - не число."""
