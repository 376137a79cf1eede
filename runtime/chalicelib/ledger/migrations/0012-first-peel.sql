-- A peel dated before its recall comes from two clocks that differ: it says nothing about the time to the first peel.

CREATE OR REPLACE VIEW events_by_day AS
SELECT day,
       count(*)                                  AS events,
       count(*) FILTER (WHERE good_outcome)      AS good_outcome,
       count(*) FILTER (WHERE NOT good_outcome)  AS no_good_outcome,
       count(time_to_first_peel)                 AS peeled,
       extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY time_to_first_peel)
                          FILTER (WHERE time_to_first_peel >= interval '0'))::float8
                                                 AS median_seconds_to_first_peel
FROM opened_event
GROUP BY day;
