-- Downloads, restore plans with their steps, what ids became, secrets of devices, and the roles of two more stages.

-- The application that writes may be another than the one that reads; null for the tenant's own.
ALTER TABLE backup.tenant_credentials ADD COLUMN client_id text;

-- Downloads ----------------------------------------------------------------------------------------------------------
CREATE TABLE backup.downloads (
    tenant_id uuid NOT NULL,
    job_id uuid NOT NULL,
    snapshot integer NOT NULL,
    format text NOT NULL,
    -- Types and ids that were asked for, sealed: an id may be a domain's name.
    scope bytea NOT NULL,
    -- Objects in scope: what there is to do.
    objects bigint NOT NULL DEFAULT 0,
    -- How often the archive was begun, and the chunks of it that are stored: together the fence of the next one.
    attempt integer NOT NULL DEFAULT 0,
    chunks integer NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    sha256 bytea,
    complete boolean NOT NULL DEFAULT false,
    expires_at timestamptz,
    PRIMARY KEY (tenant_id, job_id),
    CONSTRAINT downloads_format_is_known CHECK (format IN ('json', 'csv'))
);

CREATE TABLE backup.download_chunks (
    tenant_id uuid NOT NULL,
    job_id uuid NOT NULL,
    epoch integer NOT NULL,
    ordinal integer NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (tenant_id, job_id, epoch, ordinal)
);
ALTER TABLE backup.download_chunks ALTER payload SET STORAGE EXTERNAL;

-- Restores -----------------------------------------------------------------------------------------------------------
-- A plan belongs to the tenant that is written to. Its job is the restore that carries it out.
CREATE TABLE backup.restore_plans (
    tenant_id uuid NOT NULL,
    plan_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The tenant whose objects are restored: the same one, but for a restore across tenants.
    source_tenant_id uuid NOT NULL,
    -- The snapshot that is restored, null when it came from an archive.
    snapshot integer,
    -- The snapshot of the tenant's state that the plan was computed against: what an undo goes back to.
    live_snapshot integer NOT NULL,
    -- Options, conflicts and to-dos, sealed.
    content bytea NOT NULL,
    steps integer NOT NULL,
    -- What the plan leaves to a person.
    todos integer NOT NULL DEFAULT 0,
    locks_out boolean NOT NULL DEFAULT false,
    undoes_job_id uuid,
    job_id uuid,
    -- Steps that are done with, and how often steps were begun: together the fence of the next chunk.
    position integer NOT NULL DEFAULT 0,
    begins integer NOT NULL DEFAULT 0,
    -- The restore ends after the chunk that is in hand.
    cancelling boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, plan_id)
);
CREATE UNIQUE INDEX restore_plans_job ON backup.restore_plans (tenant_id, job_id) WHERE job_id IS NOT NULL;

CREATE TABLE backup.restore_steps (
    tenant_id uuid NOT NULL,
    plan_id uuid NOT NULL,
    n integer NOT NULL,
    wave integer NOT NULL,
    type smallint NOT NULL,
    object_id uuid NOT NULL,
    action text NOT NULL,
    -- What is written, old and new, sealed.
    content bytea NOT NULL,
    state text NOT NULL DEFAULT 'planned',
    -- What came of it, sealed: differences, what was made.
    result bytea,
    -- What of it is counted: the name of what went wrong, differences, what is left to a person.
    code text,
    differences integer NOT NULL DEFAULT 0,
    todos integer NOT NULL DEFAULT 0,
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, plan_id, n),
    CONSTRAINT restore_steps_state_is_known CHECK (state IN ('planned', 'started', 'done', 'skipped', 'failed'))
);
ALTER TABLE backup.restore_steps ALTER content SET STORAGE EXTERNAL, ALTER result SET STORAGE EXTERNAL;
CREATE INDEX restore_steps_objects ON backup.restore_steps (tenant_id, object_id);
CREATE INDEX restore_steps_open ON backup.restore_steps (tenant_id, plan_id, n) WHERE state IN ('planned', 'started');

-- What an id of the source became when its object was made anew. Kept for ever: a later restore of another object still
-- finds its references.
CREATE TABLE backup.id_map (
    tenant_id uuid NOT NULL,
    source_tenant_id uuid NOT NULL,
    old_id uuid NOT NULL,
    new_id uuid NOT NULL,
    type smallint NOT NULL,
    job_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, source_tenant_id, old_id)
);

-- Secrets ------------------------------------------------------------------------------------------------------------
CREATE TABLE backup.secret_values (
    tenant_id uuid NOT NULL,
    kind text NOT NULL,
    id uuid NOT NULL,
    sealed bytea NOT NULL,
    read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, kind, id),
    CONSTRAINT secret_values_kind_is_known CHECK (kind IN ('bitlocker', 'laps'))
);

-- Rights -------------------------------------------------------------------------------------------------------------
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['downloader', 'restorer'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'entra_backup_' || name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS',
                           'entra_backup_' || name);
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA backup TO %I', 'entra_backup_' || name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['downloads', 'download_chunks', 'restore_plans', 'restore_steps', 'id_map',
        'secret_values'] LOOP
        EXECUTE format('ALTER TABLE backup.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE backup.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY %I ON backup.%I USING (tenant_id = (SELECT backup.current_tenant()))',
                       name || '_of_the_tenant', name);
    END LOOP;
    -- Retention takes away what has expired, across tenants.
    FOREACH name IN ARRAY ARRAY['downloads', 'download_chunks'] LOOP
        EXECUTE format('CREATE POLICY %I ON backup.%I FOR ALL TO entra_backup_scheduler USING (true)',
                       name || '_of_the_schedule', name);
    END LOOP;
END $$;

-- A backup never sees the credential that writes.
CREATE POLICY tenant_credentials_for_reading ON backup.tenant_credentials AS RESTRICTIVE FOR SELECT
    TO entra_backup_fetcher USING (purpose = 'read');

GRANT SELECT, INSERT, UPDATE, DELETE ON backup.messages TO entra_backup_downloader, entra_backup_restorer;
GRANT SELECT, INSERT ON backup.dead_letters TO entra_backup_downloader, entra_backup_restorer;
GRANT SELECT, UPDATE ON backup.jobs TO entra_backup_downloader, entra_backup_restorer;
GRANT INSERT ON backup.audit_entries TO entra_backup_downloader, entra_backup_restorer;
GRANT SELECT ON backup.tenants, backup.tenant_keys TO entra_backup_downloader, entra_backup_restorer;

GRANT SELECT ON backup.snapshots, backup.snapshot_collections, backup.object_versions, backup.link_versions,
    backup.contents TO entra_backup_downloader;
GRANT SELECT, UPDATE ON backup.downloads TO entra_backup_downloader;
GRANT SELECT, INSERT, DELETE ON backup.download_chunks TO entra_backup_downloader;

-- The size of the tenant's quota follows its number of users, which the last snapshot tells.
GRANT SELECT ON backup.tenant_credentials, backup.object_versions, backup.snapshot_collections TO entra_backup_restorer;
GRANT SELECT, UPDATE ON backup.restore_plans, backup.restore_steps TO entra_backup_restorer;
GRANT SELECT, INSERT, UPDATE ON backup.id_map, backup.budgets TO entra_backup_restorer;

GRANT SELECT, INSERT, UPDATE, DELETE ON backup.downloads, backup.download_chunks, backup.restore_plans,
    backup.restore_steps, backup.id_map, backup.secret_values TO entra_backup_operator;
GRANT SELECT, DELETE ON backup.downloads, backup.download_chunks TO entra_backup_scheduler;
