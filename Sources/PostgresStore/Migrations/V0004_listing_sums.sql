-- What a complete listing says, in 32 bytes: the sum of keyed digests over its sightings. A listing with the sum of the
-- one that left the collection as it is has nothing to settle.
ALTER TABLE backup.pages ADD COLUMN listing bytea;
ALTER TABLE backup.collections ADD COLUMN listing bytea,
    -- Settled chunks in which the order of the pages made no difference.
    ADD COLUMN unordered integer;
-- The complete listing that came to the collection's state; null when it was not by one alone.
ALTER TABLE backup.snapshot_collections ADD COLUMN listing bytea;
