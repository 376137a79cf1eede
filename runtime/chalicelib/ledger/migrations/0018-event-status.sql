-- `event_status` is the login of the function that answers GET /event: it answers the internet, and only reads. Of an
-- interaction it reads when and what, not `metadata`, which holds what people searched for.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'event_status') THEN
        CREATE ROLE event_status LOGIN;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') THEN
        GRANT rds_iam TO event_status;
    END IF;
END
$$;

GRANT SELECT (id, user_id, event_id, kind, artifact_id, timestamp, received_at, stored_at) ON interaction
TO event_status;
GRANT SELECT (interaction_id) ON graph_outbox TO event_status;

-- A frontend waits for the answer.
ALTER ROLE event_status SET statement_timeout = '2s';
ALTER ROLE event_status SET lock_timeout = '2s';
ALTER ROLE event_status SET idle_in_transaction_session_timeout = '15s';
ALTER ROLE event_status SET default_transaction_read_only = on;
ALTER ROLE event_status SET timezone = 'UTC';
