-- The frame of the views that readers have of a published report: sums of published cells, never of events. A period is widened to
-- whole days of the site (a report by the hour: to whole hours) and taken from the fewest published spans in it; a span that was
-- published again counts with its newest numbers, and of two publishers at once the first one counts: a number that somebody has seen
-- does not change. `visitors` of several spans add up: a visitor of two days counts twice.
WITH
    $days_of newest AS (
        SELECT site, grain, start, end, argMin((id, has_dropped), (-revision, published_at, id)) AS publication
        FROM pixel.publications
        WHERE report = $report AND $within
        GROUP BY site, grain, start, end
    ),
    chosen AS (
        SELECT site, publication.1 AS id, publication.2 AS has_dropped
        FROM
        (
            SELECT
                *,
                -- Spans are nested or apart, so one that begins before an earlier end is part of a longer one.
                max(end) OVER (
                    PARTITION BY site ORDER BY start, end DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ) AS covered_until
            FROM newest
        )
        WHERE start >= covered_until
    ),
    summed AS (
        SELECT
            site, $texts AS texts, $people AS people, $numbers AS sums, $first_start AS first_start,
            toUInt8($is_small) AS small
        FROM pixel.cells
        -- The period once more: without it all cells of the report would be read, however old.
        WHERE report = $report AND $within AND $read
        GROUP BY site, texts$and_start$having
    ),
    cells AS (
        SELECT site, $of_sums, small FROM summed
        UNION ALL
        SELECT site, $of_rest, toUInt8(1) AS small FROM chosen WHERE has_dropped GROUP BY site
    )
SELECT
    $columns
FROM cells
WHERE $only
ORDER BY $order
