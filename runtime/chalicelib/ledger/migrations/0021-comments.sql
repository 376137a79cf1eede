-- What each table, view and column means: `\d+` in psql shows it, and BI tools do. A test finds one without.

COMMENT ON COLUMN interaction.id IS 'derived from the content, so the same content is one row; begins with the timestamp';
COMMENT ON COLUMN interaction.user_id IS 'who did it: the subject of the user''s token';
COMMENT ON COLUMN interaction.event_id IS 'the event it belongs to; unique only together with user_id';
COMMENT ON COLUMN interaction.kind IS 'recall, workspace, peel, keep, mark_good, mark_bad';
COMMENT ON COLUMN interaction.artifact_id IS 'what it touched: another system''s id; null for most recalls and workspaces';
COMMENT ON COLUMN interaction.metadata IS 'as posted; documented keys: query (text), results (ids in the order shown), position (from 1)';

COMMENT ON VIEW counted_interaction IS 'The interactions that the views count: without those of excluded people.';
COMMENT ON VIEW interactions_by_day IS 'Interactions and people a day (UTC) by kind; without those dated ahead.';
COMMENT ON VIEW active_users_by_day IS 'People who did something that day (UTC); without what is dated ahead.';
COMMENT ON VIEW dated_ahead_by_day IS 'Interactions dated more than 5 minutes after they arrived, by the day on which they arrived: a clock was ahead. Views by day leave them out.';
COMMENT ON VIEW artifact_interactions_by_day IS 'What people did with each artifact that day (UTC), by kind; every click counts.';
COMMENT ON VIEW artifact_marks IS 'What people did with each artifact, over all time; every click counts. For what people think of it: artifact_opinions.';
COMMENT ON VIEW event_outcome IS 'What came of each event, with or without its recall.';
COMMENT ON VIEW event_opening IS 'The recall or workspace that opened each event: the earliest one.';
COMMENT ON VIEW opened_event IS 'Each event that has its recall or workspace, and what came of it until now.';
COMMENT ON VIEW events_by_day IS 'Events by the day (UTC) on which they opened and by kind, and what came of them until now.';
COMMENT ON VIEW funnel_by_day IS 'Recalls of a day (UTC) and how many came to each step; each step is a part of the one before.';
COMMENT ON VIEW query_outcomes_by_day IS 'What came of the recalls of a query, by day (UTC).';
COMMENT ON VIEW impression IS 'Each result that a recall showed (metadata.results), with its rank, and what the user did with it in that event.';
COMMENT ON VIEW results_by_rank IS 'Results of a day (UTC) by rank. listed: what recalls said they showed, each once; otherwise touches with metadata.position of artifacts that no list shows.';
COMMENT ON VIEW opinion IS 'What each person thinks of each artifact: their latest mark, and whether they keep it now.';
COMMENT ON VIEW artifact_opinions IS 'How many people think so of each artifact: each person counts once, by their latest word.';
COMMENT ON VIEW user_session IS 'Sessions: they end after 30 minutes without an interaction, and at midnight UTC.';
COMMENT ON VIEW sessions_by_day IS 'Sessions by day (UTC).';
COMMENT ON VIEW retention_by_week IS 'People by the week (Monday, UTC) of their first interaction: how many were active so many weeks later.';

-- A column of the same name means the same in every view.
DO $$
DECLARE
    meaning CONSTANT jsonb := '{
        "id": "of the interaction", "user_id": "who did it", "event_id": "unique only together with user_id",
        "artifact_id": "another system''s id", "metadata": "as posted", "kind": "of interaction; of an event: recall or workspace, as it opened",
        "timestamp": "when it happened, by the client''s clock", "received_at": "when the API accepted it", "stored_at": "when the worker stored it",
        "day": "UTC day, by the client''s clock; of an event: on which it opened", "received_day": "UTC day of received_at",
        "dated_ahead": "whether timestamp is more than 5 minutes after received_at", "position": "rank of a result, from 1",
        "interactions": "number of interactions", "users": "number of different people", "events": "number of events",
        "opened_at": "timestamp of the earliest recall or workspace; null if none arrived", "peels": "number of peels, repeated ones too",
        "keeps": "number of keeps, repeated ones too", "time_to_first_peel": "from the opening; null without a peel, and if a peel is dated before it",
        "good_outcome": "whether something was kept or marked good; in views by day: their number", "no_good_outcome": "events without",
        "first_peel": "never, after it opened, or before it opened: then two clocks differ",
        "query": "metadata.query of the recall, in small letters and with single spaces", "shown": "number of results shown; null if unknown",
        "first_rank": "of the results shown, the rank of the first one that was peeled", "results": "ids in the order shown; null if metadata.results has another form",
        "reciprocal_rank": "1 / first_rank; 0 if none of the results was peeled, null if the results are unknown",
        "median_seconds_to_first_peel": "seconds; without peels dated before their event opened", "with_results": "events whose results are known",
        "peeled_before_it_opened": "events with a peel dated before they opened", "mean_reciprocal_rank": "of those with known results; 0 to 1",
        "recalls": "number of recalls that opened an event", "marked_good": "and then marked one good", "marked_bad": "recalls with a bad mark",
        "without_result": "recalls that showed no result", "listed": "whether recalls said that they showed these results",
        "mark": "good or bad; null without one, or if it was taken back", "latest_at": "when they last said something about it, in time order as far as clocks allow",
        "started_at": "timestamp of its first interaction", "ended_at": "timestamp of its last interaction",
        "keeps_and_good": "number of keeps and good marks", "sessions": "number of sessions", "median_seconds": "median length, seconds",
        "mean_interactions": "mean number of interactions", "first_week": "Monday of the week of their first interaction",
        "weeks_later": "0 is the first week itself", "users_of_first_week": "people whose first week this is"}';
    -- Their meaning depends on the view.
    own CONSTANT jsonb := '{
        "artifact_marks.good": "number of good marks, repeated ones too", "artifact_marks.bad": "number of bad marks, repeated ones too",
        "event_outcome.good": "number of good marks", "event_outcome.bad": "number of bad marks",
        "opened_event.good": "number of good marks", "opened_event.bad": "number of bad marks",
        "events_by_day.peeled": "events with a peel", "funnel_by_day.peeled": "recalls with a peel", "funnel_by_day.kept": "of these, with a keep",
        "query_outcomes_by_day.peeled": "recalls with a peel", "impression.peeled": "whether the user peeled it in this event",
        "impression.kept": "whether the user kept it in this event", "impression.good": "whether the user marked it good in this event",
        "impression.bad": "whether the user marked it bad in this event", "results_by_rank.peeled": "results that were peeled",
        "results_by_rank.kept": "results that were kept", "results_by_rank.good": "results marked good", "results_by_rank.bad": "results marked bad",
        "opinion.kept": "whether the latest of keep and unkeep is a keep", "artifact_opinions.good": "people whose latest mark is good",
        "artifact_opinions.bad": "people whose latest mark is bad", "artifact_opinions.kept": "people who keep it now"}';
    this record;
BEGIN
    FOR this IN SELECT table_name, column_name, coalesce(own ->> (table_name || '.' || column_name), meaning ->> column_name) AS text
                FROM information_schema.columns JOIN information_schema.views USING (table_schema, table_name)
                WHERE table_schema = 'public'
    LOOP
        EXECUTE format('COMMENT ON COLUMN public.%I.%I IS %L', this.table_name, this.column_name, this.text);
    END LOOP;
END
$$;
