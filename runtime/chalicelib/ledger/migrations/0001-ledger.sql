-- The ledger, what of it is not yet in the graph, and who asked to be forgotten.
-- Each statement can be run again: a migration that was cut off is repeated from its beginning.

CREATE TABLE IF NOT EXISTS interaction (
    id          uuid PRIMARY KEY,
    user_id     text        NOT NULL,
    event_id    uuid        NOT NULL,
    kind        text        NOT NULL,
    artifact_id text,
    metadata    jsonb,
    timestamp   timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    stored_at   timestamptz NOT NULL DEFAULT now()
);
-- Its table was made just now.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS interaction_by_event ON interaction (user_id, event_id);

COMMENT ON TABLE interaction IS 'The ledger: every interaction once. The graph can be rebuilt from it alone.';
COMMENT ON COLUMN interaction.timestamp IS 'when the person did it, by the client''s clock';
COMMENT ON COLUMN interaction.received_at IS 'when the API accepted it';
COMMENT ON COLUMN interaction.stored_at IS 'when the worker saved it';

-- A queue: rows come and go all day, so it is vacuumed by count, not by share, and does not wait.
CREATE TABLE IF NOT EXISTS graph_outbox (
    interaction_id  uuid PRIMARY KEY,
    -- A message has less than a million.
    -- squawk-ignore prefer-bigint-over-int
    bytes           integer     NOT NULL,
    -- squawk-ignore prefer-bigint-over-int
    attempts        integer     NOT NULL DEFAULT 0,
    last_error      text,
    next_attempt_at timestamptz NOT NULL DEFAULT now()
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
);

COMMENT ON TABLE graph_outbox IS 'Interactions not yet in the graph. next_attempt_at = infinity: set aside after repeated failure.';

CREATE TABLE IF NOT EXISTS erasure (
    user_id     text PRIMARY KEY,
    erased_at   timestamptz NOT NULL,
    finished_at timestamptz
);

COMMENT ON TABLE erasure IS 'What of this user was received, or says it happened, until erased_at is never stored again.';
