-- A kept answer about a day of long ago that has changed stays for an hour from when it was counted.
ALTER TABLE day_answer
    ADD COLUMN IF NOT EXISTS counted_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS changed    boolean     NOT NULL DEFAULT false;

COMMENT ON TABLE day_answer IS 'Answers of `stats` about a day, kept until one of its interactions changes. question: its name and a digest of its SQL.';
COMMENT ON COLUMN day_answer.changed IS 'whether one of its interactions changed: it is forgotten an hour after it was counted';
