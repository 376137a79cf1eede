-- What an analyst sees: the schema `analysis` has the interactions and every view, and nothing of the machinery. Tables and
-- views stay where they are, in `public`: code of the release before finds them, on connections that are open too.

CREATE SCHEMA IF NOT EXISTS analysis;
COMMENT ON SCHEMA analysis IS 'What analysts read: the interactions, and what is counted of them.';
GRANT USAGE ON SCHEMA analysis TO analyst;

-- Called after each migration. A view is replaced only if its columns changed: that waits for everybody who reads it.
CREATE OR REPLACE PROCEDURE publish_views() LANGUAGE plpgsql AS $$
DECLARE
    shown record;
    known record;
    columns CONSTANT text := 'SELECT array_agg((attname, format_type(atttypid, atttypmod))::text ORDER BY attnum)'
        ' FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped';
    here text[];
    there text[];
BEGIN
    FOR shown IN SELECT oid, relname FROM pg_class
                 WHERE relnamespace = 'public'::regnamespace AND (relkind = 'v' OR relname = 'interaction')
                   AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')  -- an extension's
    LOOP
        EXECUTE columns INTO here USING format('public.%I', shown.relname);
        EXECUTE columns INTO there USING format('analysis.%I', shown.relname);
        IF here IS DISTINCT FROM there THEN
            EXECUTE format('CREATE OR REPLACE VIEW analysis.%1$I AS SELECT * FROM public.%1$I', shown.relname);
        END IF;
        EXECUTE format('COMMENT ON VIEW analysis.%I IS %L', shown.relname, obj_description(shown.oid));
        FOR known IN SELECT attname, col_description(shown.oid, attnum) AS comment FROM pg_attribute
                     WHERE attrelid = shown.oid AND attnum > 0 AND NOT attisdropped
        LOOP
            EXECUTE format('COMMENT ON COLUMN analysis.%I.%I IS %L', shown.relname, known.attname, known.comment);
        END LOOP;
        EXECUTE format('GRANT SELECT ON analysis.%I TO analyst', shown.relname);
    END LOOP;
    REVOKE ALL ON ALL TABLES IN SCHEMA public FROM analyst;
END
$$;

ALTER ROLE analyst SET search_path = analysis;

-- An analyst may make temporary tables, which a read-only transaction may not, and owns nothing else: rights hold back every
-- other write. They end with the session, and the server's temp_file_limit bounds what a statement spills.
ALTER ROLE analyst RESET default_transaction_read_only;
ALTER ROLE analyst SET idle_session_timeout = '1h';
ALTER ROLE analyst CONNECTION LIMIT 10;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
DO $$
BEGIN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO analyst', current_database());
END
$$;
