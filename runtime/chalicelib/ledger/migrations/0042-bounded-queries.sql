-- A query of more than 1,024 bytes counts for none, as in the graph: letters in one case, and single spaces, cost a second for
-- each few megabytes, and one person's long queries made a day's questions too slow to be answered.
CREATE OR REPLACE FUNCTION normal_query(metadata jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(metadata -> 'query') = 'string' THEN
    CASE WHEN octet_length(metadata ->> 'query') <= 1024
         THEN nullif(btrim(regexp_replace(lower(metadata ->> 'query'), '\s+', ' ', 'g')), '') END
END;
