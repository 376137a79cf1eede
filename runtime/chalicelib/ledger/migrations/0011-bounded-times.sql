-- Times that operators give are bounded: Python cannot read every time that Postgres stores, and an erasure up to a
-- future time would drop all that its user does until then.

UPDATE erasure SET erased_at = least(greatest(erased_at, '2000-01-01Z'), now()), finished_at = NULL
WHERE erased_at < '2000-01-01Z' OR erased_at > now() + interval '1 day';

UPDATE rebuild SET since = least(greatest(since, '2000-01-01Z'), now())
WHERE since < '2000-01-01Z' OR since > now() + interval '2 days';

-- Both tables are small, and each constraint was just not there: it is dropped only when this migration is repeated.
-- squawk-ignore ban-drop-constraint
ALTER TABLE erasure DROP CONSTRAINT IF EXISTS erased_at_is_bounded;
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE erasure ADD CONSTRAINT erased_at_is_bounded CHECK (erased_at BETWEEN '2000-01-01Z' AND '2100-01-01Z');
-- squawk-ignore ban-drop-constraint
ALTER TABLE rebuild DROP CONSTRAINT IF EXISTS since_is_bounded;
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE rebuild ADD CONSTRAINT since_is_bounded CHECK (since BETWEEN '2000-01-01Z' AND '2100-01-01Z');
