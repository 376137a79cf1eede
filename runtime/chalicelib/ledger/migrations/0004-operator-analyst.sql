-- `operator` runs what operators ask for: it may change and remove, which `app` may not. `analyst` reads.
-- On RDS all three log in with IAM tokens; there rds_iam is a role.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['operator', 'analyst'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') THEN
        GRANT rds_iam TO app, operator, analyst;
        -- Who makes a role is a member of it, and so of rds_iam, whose members RDS asks for a token. Said outright, so
        -- that it is so in every version.
        EXECUTE format('GRANT rds_iam TO %I', current_user);
    END IF;
END
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON interaction, graph_outbox, erasure TO operator;

GRANT SELECT ON interaction, interactions_by_day, event_outcome, artifact_marks TO analyst;

-- A person's long question must not hold back a migration or vacuum for hours.
ALTER ROLE analyst SET default_transaction_read_only = on;
ALTER ROLE analyst SET statement_timeout = '5min';
ALTER ROLE analyst SET idle_in_transaction_session_timeout = '1min';
ALTER ROLE operator SET lock_timeout = '10s';
ALTER ROLE operator SET idle_in_transaction_session_timeout = '15s';
ALTER ROLE analyst SET timezone = 'UTC';
ALTER ROLE operator SET timezone = 'UTC';
