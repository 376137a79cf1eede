-- The outbox is claimed by partition of users: all rows of a user are in one partition, and one drain at a time has it.
-- Partitions and lanes are numbers from 0 to 63, so a small integer will do for ever.

-- Built in, and as stable as hash partitioning, which rests on it. Each row keeps its partition all the same.
CREATE OR REPLACE FUNCTION user_partition(user_id text) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashtextextended(user_id, 0) & 63)::smallint;

-- squawk-ignore prefer-bigint-over-smallint
ALTER TABLE graph_outbox ADD COLUMN IF NOT EXISTS partition smallint;

-- Code of the release before does not name the partition. Remove both with the next release.
CREATE OR REPLACE FUNCTION fill_in_partition() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    SELECT user_partition(user_id) INTO NEW.partition FROM interaction WHERE id = NEW.interaction_id;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER fill_in_partition BEFORE INSERT ON graph_outbox
FOR EACH ROW WHEN (NEW.partition IS NULL) EXECUTE FUNCTION fill_in_partition();

UPDATE graph_outbox SET partition = user_partition(user_id) FROM interaction
WHERE id = interaction_id AND partition IS NULL;

COMMENT ON COLUMN graph_outbox.partition IS 'user_partition of the interaction''s user: a drain leases it by an advisory lock.';

-- A rebuild's range holds a lane of the users: those whose partition modulo lanes is lane. Code of the release before
-- writes ranges of all users, and takes a lane for one, which repeats some work and leaves nothing out.
-- squawk-ignore prefer-bigint-over-smallint
ALTER TABLE rebuild_range ADD COLUMN IF NOT EXISTS lane smallint NOT NULL DEFAULT 0;
-- squawk-ignore prefer-bigint-over-smallint
ALTER TABLE rebuild_range ADD COLUMN IF NOT EXISTS lanes smallint NOT NULL DEFAULT 1;
