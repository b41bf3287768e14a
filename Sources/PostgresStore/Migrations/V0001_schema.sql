-- The schema of entra-backup. Tables of tenant data have tenant_id first in every key and row-level security (D14);
-- fleet tables (messages, budgets, schedule, accounts) hold no directory content.
CREATE SCHEMA backup;

-- Accounts -----------------------------------------------------------------------------------------------------------
CREATE TABLE backup.partners (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT partners_name_is_given CHECK (length(btrim(name)) > 0)
);
CREATE UNIQUE INDEX partners_name ON backup.partners (lower(name));

CREATE TABLE backup.plans (
    id uuid PRIMARY KEY,
    partner_id uuid NOT NULL REFERENCES backup.partners (id),
    name text NOT NULL,
    product text NOT NULL,
    currency text NOT NULL,
    periodicity text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    archived_at timestamptz,
    CONSTRAINT plans_product_is_known CHECK (product IN ('backup', 'archive', 'backup-entra', 'archive-entra')),
    CONSTRAINT plans_periodicity_is_known CHECK (periodicity IN ('monthly', 'yearly')),
    CONSTRAINT plans_currency_is_a_code CHECK (currency ~ '^[A-Z]{3}$')
);
CREATE UNIQUE INDEX plans_name ON backup.plans (partner_id, lower(name));

CREATE TABLE backup.organizations (
    id uuid PRIMARY KEY,
    partner_id uuid NOT NULL REFERENCES backup.partners (id),
    plan_id uuid NOT NULL REFERENCES backup.plans (id),
    name text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    email text NOT NULL,
    country text NOT NULL,
    seats integer,
    auto_license boolean NOT NULL DEFAULT false,
    state text NOT NULL DEFAULT 'active',
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT organizations_country_is_a_code CHECK (country ~ '^[A-Z]{2}$'),
    CONSTRAINT organizations_seats_are_not_negative CHECK (seats >= 0),
    CONSTRAINT organizations_state_is_known CHECK (state IN ('active', 'suspended', 'unsubscribed', 'deleted'))
);
CREATE UNIQUE INDEX organizations_email ON backup.organizations (lower(email));
CREATE INDEX organizations_partner ON backup.organizations (partner_id);

-- Tenants ------------------------------------------------------------------------------------------------------------
CREATE TABLE backup.tenants (
    tenant_id uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES backup.organizations (id),
    name text NOT NULL,
    client_id text NOT NULL,
    cloud text NOT NULL DEFAULT 'global',
    graph_url text,
    authority_url text,
    state text NOT NULL DEFAULT 'added',
    permissions text[] NOT NULL DEFAULT '{}',
    permissions_at timestamptz,
    schedule text NOT NULL DEFAULT 'every 24h',
    types text[],
    retention text NOT NULL DEFAULT '90d',
    created_at timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz,
    CONSTRAINT tenants_state_is_known CHECK (state IN ('added', 'active', 'inactive')),
    CONSTRAINT tenants_cloud_is_known CHECK (cloud IN ('global', 'us-gov', 'us-gov-dod', 'china'))
);
CREATE INDEX tenants_organization ON backup.tenants (organization_id);

-- When each tenant is due: a fleet table, so that the scheduler never has to read tenant data across tenants.
CREATE TABLE backup.schedule (
    tenant_id uuid PRIMARY KEY REFERENCES backup.tenants (tenant_id) ON DELETE CASCADE,
    next_backup_at timestamptz,
    next_retention_at timestamptz NOT NULL DEFAULT now(),
    interval_seconds integer,
    daily_at time
);
CREATE INDEX schedule_next_backup ON backup.schedule (next_backup_at) WHERE next_backup_at IS NOT NULL;

CREATE TABLE backup.tenant_credentials (
    tenant_id uuid NOT NULL REFERENCES backup.tenants (tenant_id) ON DELETE CASCADE,
    purpose text NOT NULL DEFAULT 'read',
    kind text NOT NULL,
    sealed bytea NOT NULL,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, purpose),
    CONSTRAINT tenant_credentials_kind_is_known CHECK (kind IN ('secret', 'certificate')),
    CONSTRAINT tenant_credentials_purpose_is_known CHECK (purpose IN ('read', 'write'))
);

-- The tenant's data, digest and search keys, wrapped; what unwraps them is in the key store, never here (D8).
CREATE TABLE backup.tenant_keys (
    tenant_id uuid NOT NULL REFERENCES backup.tenants (tenant_id) ON DELETE CASCADE,
    wrapped bytea NOT NULL,
    kek_number integer NOT NULL,
    newest_data_key integer NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id)
);

CREATE TABLE backup.delta_links (
    tenant_id uuid NOT NULL,
    type smallint NOT NULL,
    sealed bytea NOT NULL,
    snapshot integer NOT NULL,
    complete_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, type)
);

-- Messages (fleet) ---------------------------------------------------------------------------------------------------
CREATE TABLE backup.messages (
    id uuid PRIMARY KEY,
    queue text NOT NULL,
    tenant_id uuid NOT NULL,
    job_id uuid NOT NULL,
    epoch integer NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    visible_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz,
    started_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    CONSTRAINT messages_attempts_are_not_negative CHECK (attempts >= 0)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX messages_unpublished ON backup.messages (visible_at) WHERE published_at IS NULL;
CREATE INDEX messages_job ON backup.messages (job_id);

CREATE TABLE backup.dead_letters (
    id uuid PRIMARY KEY,
    queue text NOT NULL,
    tenant_id uuid NOT NULL,
    job_id uuid NOT NULL,
    epoch integer NOT NULL,
    body text NOT NULL,
    attempts integer NOT NULL,
    error_code text NOT NULL,
    error_message text NOT NULL,
    created_at timestamptz NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE backup.budgets (
    tenant_id uuid NOT NULL,
    scope text NOT NULL,
    tokens double precision NOT NULL,
    refreshed_at timestamptz NOT NULL,
    paused_until timestamptz,
    PRIMARY KEY (tenant_id, scope)
) WITH (fillfactor = 50);

-- Jobs ---------------------------------------------------------------------------------------------------------------
CREATE TABLE backup.jobs (
    tenant_id uuid NOT NULL REFERENCES backup.tenants (tenant_id),
    job_id uuid NOT NULL,
    kind text NOT NULL,
    state text NOT NULL DEFAULT 'queued',
    epoch integer NOT NULL DEFAULT 1,
    parked boolean NOT NULL DEFAULT false,
    waiting_for uuid,
    full_round boolean NOT NULL DEFAULT false,
    types text[],
    trace text NOT NULL,
    snapshot integer,
    open_collections integer,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    objects bigint NOT NULL DEFAULT 0,
    stages jsonb NOT NULL DEFAULT '[]',
    warnings jsonb NOT NULL DEFAULT '[]',
    error_code text,
    error_message text,
    PRIMARY KEY (tenant_id, job_id),
    CONSTRAINT jobs_state_is_known CHECK
        (state IN ('queued', 'running', 'succeeded', 'succeededWithWarnings', 'failed', 'cancelled')),
    CONSTRAINT jobs_kind_is_known CHECK (kind IN ('backup', 'download', 'restore'))
);
-- At most one backup of a tenant runs, and at most one waits behind it.
CREATE UNIQUE INDEX jobs_one_running ON backup.jobs (tenant_id) WHERE kind = 'backup' AND state = 'running';
CREATE UNIQUE INDEX jobs_one_queued ON backup.jobs (tenant_id) WHERE kind = 'backup' AND state = 'queued';
CREATE INDEX jobs_created ON backup.jobs (created_at);

CREATE TABLE backup.collections (
    tenant_id uuid NOT NULL,
    job_id uuid NOT NULL,
    type smallint NOT NULL,
    epoch integer NOT NULL,
    mode text NOT NULL,
    outcome text NOT NULL DEFAULT 'pending',
    reason_code text,
    reason text,
    cursor bytea,
    delta_link bytea,
    ordinal integer NOT NULL DEFAULT 0,
    done integer NOT NULL DEFAULT 0,
    walk_ended boolean NOT NULL DEFAULT false,
    held_baton text,
    sightings bigint NOT NULL DEFAULT 0,
    settled integer NOT NULL DEFAULT 0,
    chunks integer,
    finished boolean NOT NULL DEFAULT false,
    requests integer NOT NULL DEFAULT 0,
    pages integer NOT NULL DEFAULT 0,
    items bigint NOT NULL DEFAULT 0,
    added integer NOT NULL DEFAULT 0,
    updated integer NOT NULL DEFAULT 0,
    deleted integer NOT NULL DEFAULT 0,
    changed boolean NOT NULL DEFAULT false,
    objects bigint,
    links bigint,
    digest bytea,
    fetch_started_at timestamptz,
    fetch_finished_at timestamptz,
    diff_started_at timestamptz,
    diff_finished_at timestamptz,
    persist_started_at timestamptz,
    persist_finished_at timestamptz,
    PRIMARY KEY (tenant_id, job_id, type),
    CONSTRAINT collections_mode_is_known CHECK (mode IN ('complete', 'delta'))
) WITH (fillfactor = 50);

CREATE TABLE backup.pages (
    tenant_id uuid NOT NULL,
    job_id uuid NOT NULL,
    type smallint NOT NULL,
    ordinal integer NOT NULL,
    content bytea,
    sightings bytea,
    PRIMARY KEY (tenant_id, job_id, type, ordinal)
);
-- Sealed bytes do not compress; trying would only cost time.
ALTER TABLE backup.pages ALTER content SET STORAGE EXTERNAL, ALTER sightings SET STORAGE EXTERNAL;

-- History ------------------------------------------------------------------------------------------------------------
CREATE TABLE backup.contents (
    tenant_id uuid NOT NULL,
    digest bytea NOT NULL,
    type smallint NOT NULL,
    facet smallint NOT NULL,
    object_id uuid NOT NULL,
    payload bytea NOT NULL,
    tokens integer[],
    PRIMARY KEY (tenant_id, digest)
);
ALTER TABLE backup.contents ALTER payload SET STORAGE EXTERNAL;
CREATE INDEX contents_tokens ON backup.contents USING gin (tokens) WHERE tokens IS NOT NULL;

-- to_snapshot is exclusive; 2147483647 while the version is current. reason tells why it ended without a successor:
-- 1 soft-deleted, 2 hard-deleted, 3 missing from a complete listing.
CREATE TABLE backup.object_versions (
    tenant_id uuid NOT NULL,
    object_id uuid NOT NULL,
    from_snapshot integer NOT NULL,
    to_snapshot integer NOT NULL DEFAULT 2147483647,
    type smallint NOT NULL,
    facet smallint NOT NULL,
    reason smallint,
    seen_at timestamptz NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (tenant_id, type, object_id, facet, from_snapshot),
    CONSTRAINT object_versions_interval_is_not_empty CHECK (from_snapshot < to_snapshot)
);
CREATE INDEX object_versions_from ON backup.object_versions (tenant_id, from_snapshot);
CREATE INDEX object_versions_to ON backup.object_versions (tenant_id, to_snapshot) WHERE to_snapshot < 2147483647;

CREATE TABLE backup.link_versions (
    tenant_id uuid NOT NULL,
    object_id uuid NOT NULL,
    target_id uuid NOT NULL,
    from_snapshot integer NOT NULL,
    to_snapshot integer NOT NULL DEFAULT 2147483647,
    type smallint NOT NULL,
    relationship smallint NOT NULL,
    PRIMARY KEY (tenant_id, type, object_id, relationship, target_id, from_snapshot),
    CONSTRAINT link_versions_interval_is_not_empty CHECK (from_snapshot < to_snapshot)
);
CREATE INDEX link_versions_from ON backup.link_versions (tenant_id, from_snapshot);
CREATE INDEX link_versions_to ON backup.link_versions (tenant_id, to_snapshot) WHERE to_snapshot < 2147483647;

CREATE TABLE backup.snapshots (
    tenant_id uuid NOT NULL,
    number integer NOT NULL,
    job_id uuid NOT NULL,
    started_at timestamptz NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    objects bigint NOT NULL,
    added integer NOT NULL,
    updated integer NOT NULL,
    deleted integer NOT NULL,
    digest bytea NOT NULL,
    previous_digest bytea,
    signature bytea NOT NULL,
    PRIMARY KEY (tenant_id, number)
);

CREATE TABLE backup.snapshot_collections (
    tenant_id uuid NOT NULL,
    number integer NOT NULL,
    type smallint NOT NULL,
    outcome text NOT NULL,
    reason_code text,
    reason text,
    objects bigint NOT NULL,
    links bigint NOT NULL,
    pages integer NOT NULL,
    requests integer NOT NULL,
    added integer NOT NULL,
    updated integer NOT NULL,
    deleted integer NOT NULL,
    digest bytea NOT NULL,
    read_at timestamptz,
    PRIMARY KEY (tenant_id, number, type)
);

-- Audit: written from the first day; rights, chain and checkpoints build on it.
CREATE TABLE backup.audit_entries (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    outcome text NOT NULL,
    reason text,
    CONSTRAINT audit_entries_outcome_is_known CHECK (outcome IN ('allowed', 'refused'))
);
