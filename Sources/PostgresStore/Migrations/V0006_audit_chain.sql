-- The audit as hash chains: one for each partner, and one of the operator for what is no partner's. The program computes
-- hashes and seals; the key of the seals is in the key store, never here.

-- The head of each chain: whoever appends holds its row, so that positions have no gap. The operator's has the id of
-- zeros, a partner's the partner's id.
CREATE TABLE backup.audit_chains (
    chain_id uuid PRIMARY KEY,
    -- Of the newest entry; 0 while there is none.
    position bigint NOT NULL DEFAULT 0,
    hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    seal bytea,
    -- How far the newest daily checkpoint reaches.
    checkpoint_position bigint NOT NULL DEFAULT 0,
    checkpoint_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT audit_chains_position_is_not_negative CHECK (position >= 0)
) WITH (fillfactor = 50);

-- What was written before is the operator's; the program takes it into the chain at its first entry.
ALTER TABLE backup.audit_entries
    ADD COLUMN chain_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    ADD COLUMN position bigint,
    ADD COLUMN hash bytea,
    ADD COLUMN seal bytea,
    ADD CONSTRAINT audit_entries_place_is_unique UNIQUE (chain_id, position);
CREATE INDEX audit_entries_chain ON backup.audit_entries (chain_id, number);

CREATE TABLE backup.audit_checkpoints (
    chain_id uuid NOT NULL,
    position bigint NOT NULL,
    at timestamptz NOT NULL,
    hash bytea NOT NULL,
    cause text NOT NULL,
    signature bytea NOT NULL,
    PRIMARY KEY (chain_id, position, at),
    CONSTRAINT audit_checkpoints_cause_is_known CHECK (cause IN ('daily', 'close', 'export'))
);

-- A chain without a head was taken away: a partner has one from its first moment.
CREATE FUNCTION backup.open_audit_chain() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    INSERT INTO backup.audit_chains (chain_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION backup.open_audit_chain() FROM PUBLIC;
CREATE TRIGGER partners_open_audit_chain AFTER INSERT ON backup.partners
    FOR EACH ROW EXECUTE FUNCTION backup.open_audit_chain();
INSERT INTO backup.audit_chains (chain_id) VALUES ('00000000-0000-0000-0000-000000000000');
INSERT INTO backup.audit_chains (chain_id) SELECT id FROM backup.partners;

-- An entry is found by what it is about, and a job by its id alone.
CREATE INDEX jobs_id ON backup.jobs (job_id);

-- Rights: only commands write entries. Once an entry has its place nobody changes it.
REVOKE INSERT ON backup.audit_entries FROM entra_backup_scheduler, entra_backup_fetcher, entra_backup_differ,
    entra_backup_persister, entra_backup_downloader, entra_backup_restorer;
GRANT UPDATE (position, hash, seal) ON backup.audit_entries TO entra_backup_operator;
GRANT USAGE ON SEQUENCE backup.audit_entries_number_seq TO entra_backup_operator;
GRANT SELECT, INSERT, UPDATE ON backup.audit_chains TO entra_backup_operator;
GRANT SELECT, INSERT ON backup.audit_checkpoints TO entra_backup_operator, entra_backup_scheduler;
GRANT SELECT, UPDATE (checkpoint_position, checkpoint_at) ON backup.audit_chains TO entra_backup_scheduler;

ALTER TABLE backup.audit_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE backup.audit_entries FORCE ROW LEVEL SECURITY;
ALTER TABLE backup.audit_chains ENABLE ROW LEVEL SECURITY;
ALTER TABLE backup.audit_chains FORCE ROW LEVEL SECURITY;
ALTER TABLE backup.audit_checkpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE backup.audit_checkpoints FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_entries_read_by_operator ON backup.audit_entries FOR SELECT TO entra_backup_operator USING (true);
CREATE POLICY audit_entries_written_by_operator ON backup.audit_entries FOR INSERT TO entra_backup_operator
    WITH CHECK (true);
CREATE POLICY audit_entries_placed_by_operator ON backup.audit_entries FOR UPDATE TO entra_backup_operator
    USING (position IS NULL) WITH CHECK (position IS NOT NULL);
CREATE POLICY audit_chains_of_the_fleet ON backup.audit_chains FOR ALL TO entra_backup_operator USING (true);
CREATE POLICY audit_chains_of_the_schedule ON backup.audit_chains FOR ALL TO entra_backup_scheduler USING (true);
CREATE POLICY audit_checkpoints_of_the_fleet ON backup.audit_checkpoints FOR ALL TO entra_backup_operator USING (true);
CREATE POLICY audit_checkpoints_of_the_schedule ON backup.audit_checkpoints FOR ALL TO entra_backup_scheduler
    USING (true);

-- A member of a partner's staff writes and sees the partner's chain and no other.
GRANT USAGE ON SEQUENCE backup.audit_entries_number_seq TO entra_backup_staff;
GRANT SELECT, INSERT, UPDATE ON backup.audit_chains TO entra_backup_staff;
GRANT SELECT, INSERT ON backup.audit_checkpoints TO entra_backup_staff;
CREATE POLICY audit_entries_read_by_staff ON backup.audit_entries FOR SELECT TO entra_backup_staff
    USING (chain_id = (SELECT backup.current_partner()));
CREATE POLICY audit_entries_written_by_staff ON backup.audit_entries FOR INSERT TO entra_backup_staff
    WITH CHECK (chain_id = (SELECT backup.current_partner()));
CREATE POLICY audit_chains_of_the_partner ON backup.audit_chains FOR ALL TO entra_backup_staff
    USING (chain_id = (SELECT backup.current_partner()));
CREATE POLICY audit_checkpoints_of_the_partner ON backup.audit_checkpoints FOR ALL TO entra_backup_staff
    USING (chain_id = (SELECT backup.current_partner()));
