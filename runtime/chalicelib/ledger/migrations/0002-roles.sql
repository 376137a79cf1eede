-- The functions log in as `app` (the deploy, or the laptop, gives it its way to log in).
-- Its limits let go of what a killed function holds: seconds, not hours.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN
        CREATE ROLE app LOGIN;
    END IF;
END
$$;

GRANT SELECT, INSERT ON interaction TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON graph_outbox TO app;
GRANT SELECT ON erasure TO app;

ALTER ROLE app SET statement_timeout = '20s';
ALTER ROLE app SET lock_timeout = '10s';
ALTER ROLE app SET idle_in_transaction_session_timeout = '15s';
ALTER ROLE app SET timezone = 'UTC';
