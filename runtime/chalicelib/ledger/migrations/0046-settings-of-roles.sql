-- A role may change its own settings, and that lasts: with `ALTER ROLE CURRENT_USER SET statement_timeout = '1ms'` a login
-- that was taken over stops its own work for good. Each migration sets them again, by calling this. Who changes a setting
-- replaces the procedure in a new migration.

CREATE OR REPLACE PROCEDURE restore_role_settings() LANGUAGE plpgsql AS $$
DECLARE
    changed record;
BEGIN
    FOR changed IN SELECT rolname, datname FROM pg_db_role_setting
                   JOIN pg_roles ON pg_roles.oid = setrole
                   LEFT JOIN pg_database ON pg_database.oid = setdatabase
                   WHERE rolname IN ('app', 'operator', 'analyst', 'event_status')
    LOOP
        IF changed.datname IS NULL THEN
            EXECUTE format('ALTER ROLE %I RESET ALL', changed.rolname);
        ELSE
            EXECUTE format('ALTER ROLE %I IN DATABASE %I RESET ALL', changed.rolname, changed.datname);
        END IF;
    END LOOP;

    -- The limits let go of what a killed function holds: seconds, not hours.
    ALTER ROLE app SET statement_timeout = '20s';
    ALTER ROLE app SET lock_timeout = '10s';
    ALTER ROLE app SET idle_in_transaction_session_timeout = '15s';
    ALTER ROLE app SET timezone = 'UTC';

    ALTER ROLE operator SET statement_timeout = '30s';
    ALTER ROLE operator SET lock_timeout = '20s';  -- an erasure waits for claims under way, and those end within 15 s
    ALTER ROLE operator SET idle_in_transaction_session_timeout = '15s';
    ALTER ROLE operator SET timezone = 'UTC';

    -- A person's long question must not hold back a migration or vacuum for hours.
    ALTER ROLE analyst SET statement_timeout = '5min';
    ALTER ROLE analyst SET idle_in_transaction_session_timeout = '1min';
    ALTER ROLE analyst SET idle_session_timeout = '1h';
    ALTER ROLE analyst SET search_path = analysis;
    ALTER ROLE analyst SET timezone = 'UTC';

    -- A frontend waits for the answer.
    ALTER ROLE event_status SET statement_timeout = '2s';
    ALTER ROLE event_status SET lock_timeout = '2s';
    ALTER ROLE event_status SET idle_in_transaction_session_timeout = '15s';
    ALTER ROLE event_status SET default_transaction_read_only = on;
    ALTER ROLE event_status SET timezone = 'UTC';
END
$$;
