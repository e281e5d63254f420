-- How many different pages did a client load in the day, if they are over 30 % of the site?
WITH
    -- Pages that one client alone loaded do not make the site larger for the others.
    shared AS (
        SELECT page FROM hits WHERE is_view AND status < 400 GROUP BY page HAVING uniqUpTo(1)(suspect) > 1
    )
SELECT
    any(client) AS client,
    '' AS link,
    uniq(page) AS pages,
    pages - uniqIf(page, page IN shared) + (SELECT count() FROM shared) AS known,
    -- Over a smaller part of the site a reader of one kind of pages gets, too.
    if(pages > 0.3 * known, pages, least(pages, 39)) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('share', toString(round(100 * pages / known))) AS evidence
FROM hits
WHERE is_view AND status < 400
GROUP BY suspect
