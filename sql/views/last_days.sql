-- The published days of each site as (start, end), the newest first: a piece of a WITH list.
    (
        SELECT mapFromArrays(groupArray(name), groupArray(days))
        FROM
        (
            SELECT toString(site) AS name, arrayReverseSort(groupUniqArray((start, end))) AS days
            FROM pixel.publications
            WHERE grain = 'day'
            GROUP BY name
        )
    ) AS days_of
