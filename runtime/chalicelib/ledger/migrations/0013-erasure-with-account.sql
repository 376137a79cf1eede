-- Tokens outlive their account by up to an hour: what is posted with them is not stored either.

ALTER TABLE erasure ADD COLUMN IF NOT EXISTS with_account boolean NOT NULL DEFAULT false;

COMMENT ON TABLE erasure IS 'What of this user was received, or says it happened, until erased_at is never stored again; with_account: nor what was posted with a token of a sign-in until then.';
