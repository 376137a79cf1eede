-- What catch-up and operators know of the graph: how far it once was, and what of a rebuild is left to do.

CREATE TABLE IF NOT EXISTS watermark (
    single      boolean PRIMARY KEY DEFAULT true CHECK (single),
    reached_at  timestamptz NOT NULL,
    -- squawk-ignore prefer-bigint-over-int
    version     integer     NOT NULL
);

COMMENT ON TABLE watermark IS 'When catch-up last saw the graph. The graph holds the same: an older one there, or none, is another or an older graph.';
COMMENT ON COLUMN watermark.version IS 'of the projection that the graph was made with';

CREATE TABLE IF NOT EXISTS rebuild (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    since        timestamptz,
    from_scratch boolean     NOT NULL,
    cause        text        NOT NULL,
    estimated    bigint,
    projected    bigint      NOT NULL DEFAULT 0,
    started_at   timestamptz NOT NULL DEFAULT now(),
    walking_at   timestamptz,
    finished_at  timestamptz
);
-- Its table was made just now.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX IF NOT EXISTS rebuild_under_way ON rebuild ((true)) WHERE finished_at IS NULL;

COMMENT ON TABLE rebuild IS 'Rebuilds of the graph; at most one is under way, and catch-up goes on with it by itself.';
COMMENT ON COLUMN rebuild.walking_at IS 'when the wipe, if any, was complete and the walk through the ledger began';
COMMENT ON COLUMN rebuild.estimated IS 'rows to project, from a sample';

CREATE TABLE IF NOT EXISTS rebuild_range (
    rebuild_id bigint NOT NULL REFERENCES rebuild,
    reached    uuid   NOT NULL,
    last       uuid   NOT NULL,
    PRIMARY KEY (rebuild_id, last)
);

COMMENT ON TABLE rebuild_range IS 'Interactions after reached, up to last, are still to be projected; whoever works on a range has it locked.';

GRANT SELECT, INSERT, UPDATE ON watermark, rebuild TO app, operator;
GRANT SELECT, INSERT, UPDATE, DELETE ON rebuild_range TO app, operator;

-- An erasure waits for claims under way, and those end within 15 s.
ALTER ROLE operator SET lock_timeout = '20s';
ALTER ROLE operator SET statement_timeout = '30s';
