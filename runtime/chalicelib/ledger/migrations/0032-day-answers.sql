-- Answers of `stats` about days that are over are kept, and forgotten when one of their rows changes: so a question about half
-- a year reads half a year of answers, and counts only today. A kept answer is never more than what the views say.

CREATE TABLE IF NOT EXISTS day_answer (
    question text  NOT NULL,
    day      date  NOT NULL,
    answer   jsonb NOT NULL,
    PRIMARY KEY (question, day)
);
-- Its table was made just now.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS day_answer_by_day ON day_answer (day);

CREATE TABLE IF NOT EXISTS day_answers_checked (
    single     boolean PRIMARY KEY DEFAULT true CHECK (single),
    checked_at timestamptz NOT NULL
);
INSERT INTO day_answers_checked (checked_at) VALUES ('2000-01-01Z') ON CONFLICT DO NOTHING;

COMMENT ON TABLE day_answer IS 'Answers of `stats` about a day, kept until one of its interactions changes. question: its name and a digest of its SQL.';
COMMENT ON TABLE day_answers_checked IS 'Until when what was stored has been looked at, for the kept answers that it changes.';

GRANT SELECT, INSERT, UPDATE, DELETE ON day_answer TO app, operator;
GRANT SELECT, UPDATE ON day_answers_checked TO app, operator;
