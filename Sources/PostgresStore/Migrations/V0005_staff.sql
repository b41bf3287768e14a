-- Partner staff, and the wall around each partner: what runs for a member of the staff runs as entra_backup_staff, to whom
-- row-level security shows the rows of the partner in backup.partner and no others, whatever a statement asks for.

ALTER TABLE backup.partners ADD COLUMN support_may_view boolean NOT NULL DEFAULT false;

CREATE TABLE backup.users (
    id uuid PRIMARY KEY,
    partner_id uuid NOT NULL REFERENCES backup.partners (id),
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    -- SHA-256 of the token, and its first letters, by which people tell one token from another.
    token_hash bytea,
    token_prefix text,
    token_created_at timestamptz,
    token_expires_at timestamptz,
    token_used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz,
    CONSTRAINT users_role_is_known CHECK (role IN ('owner', 'super-admin', 'admin', 'support', 'finance'))
);
CREATE UNIQUE INDEX users_email ON backup.users (lower(email));
CREATE INDEX users_partner ON backup.users (partner_id);

-- The role is assumed by the operator's sessions, never logged in to. The operator inherits nothing of it, since the
-- policies that confine the staff would confine the operator as well.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'entra_backup_staff') THEN
        CREATE ROLE entra_backup_staff NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOINHERIT;
    END IF;
END $$;
ALTER ROLE entra_backup_operator NOINHERIT;
GRANT entra_backup_staff TO entra_backup_operator;
GRANT USAGE ON SCHEMA backup TO entra_backup_staff;

-- The partner of the session; nothing is visible to the staff before it is set.
CREATE FUNCTION backup.current_partner() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('backup.partner', true), '')::uuid $$;
GRANT EXECUTE ON FUNCTION backup.current_partner() TO PUBLIC;

-- Whether the tenant of the transaction is one that the caller sees. Runs with the caller's rights: the policies of
-- backup.tenants decide.
CREATE FUNCTION backup.sees_current_tenant() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SET search_path = ''
    AS $$ SELECT EXISTS (SELECT FROM backup.tenants WHERE tenant_id = backup.current_tenant()) $$;
GRANT EXECUTE ON FUNCTION backup.sees_current_tenant() TO PUBLIC;

DO $$
DECLARE
    name text;
BEGIN
    -- Accounts: whole for the programs that may read them at all, of the partner for the staff.
    FOREACH name IN ARRAY ARRAY['partners', 'plans', 'organizations', 'users'] LOOP
        EXECUTE format('ALTER TABLE backup.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY %I ON backup.%I TO entra_backup_operator, entra_backup_scheduler,
            entra_backup_fetcher, entra_backup_differ, entra_backup_persister, entra_backup_downloader,
            entra_backup_restorer USING (true)', name || '_of_the_fleet', name);
        EXECUTE format('CREATE POLICY %I ON backup.%I TO entra_backup_staff
            USING (%I = (SELECT backup.current_partner()))', name || '_of_the_partner', name,
            CASE name WHEN 'partners' THEN 'id' ELSE 'partner_id' END);
    END LOOP;
    -- Fleet tables with rows of tenants.
    FOREACH name IN ARRAY ARRAY['messages', 'budgets', 'schedule', 'dead_letters'] LOOP
        EXECUTE format('ALTER TABLE backup.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY %I ON backup.%I TO entra_backup_operator, entra_backup_scheduler,
            entra_backup_fetcher, entra_backup_differ, entra_backup_persister, entra_backup_downloader,
            entra_backup_restorer USING (true)', name || '_of_the_fleet', name);
        EXECUTE format('CREATE POLICY %I ON backup.%I TO entra_backup_staff
            USING (tenant_id IN (SELECT tenant_id FROM backup.tenants))', name || '_of_the_partner', name);
    END LOOP;
    -- What is listed across tenants.
    FOREACH name IN ARRAY ARRAY['tenants', 'jobs', 'snapshots'] LOOP
        EXECUTE format('CREATE POLICY %I ON backup.%I TO entra_backup_staff USING (true)',
                       name || '_of_the_staff', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['jobs', 'snapshots'] LOOP
        EXECUTE format('CREATE POLICY %I ON backup.%I AS RESTRICTIVE TO entra_backup_staff
            USING (tenant_id IN (SELECT tenant_id FROM backup.tenants))', name || '_of_the_partner', name);
    END LOOP;
    -- Tenant data: the policy of each table shows the rows of the transaction's tenant, this one only a tenant of one's own.
    FOREACH name IN ARRAY ARRAY['tenant_credentials', 'tenant_keys', 'delta_links', 'collections', 'pages', 'contents',
        'object_versions', 'link_versions', 'snapshot_collections', 'downloads', 'download_chunks', 'restore_plans',
        'restore_steps', 'id_map', 'secret_values'] LOOP
        EXECUTE format('CREATE POLICY %I ON backup.%I AS RESTRICTIVE TO entra_backup_staff
            USING ((SELECT backup.sees_current_tenant()))', name || '_of_the_partner', name);
    END LOOP;
END $$;
CREATE POLICY tenants_of_the_partner ON backup.tenants AS RESTRICTIVE TO entra_backup_staff
    USING (organization_id IN (SELECT id FROM backup.organizations));

-- Runs with the owner's rights, to whom all contents are visible: the staff's wall is repeated within.
CREATE OR REPLACE FUNCTION backup.contents_with_tokens(wanted integer[])
    RETURNS TABLE (digest bytea, type smallint, facet smallint, object_id uuid)
    LANGUAGE sql STABLE ROWS 200 SECURITY DEFINER SET search_path = '' AS $$
    SELECT c.digest, c.type, c.facet, c.object_id FROM backup.contents c
    WHERE c.tokens IS NOT NULL AND c.tokens OPERATOR(pg_catalog.&&) wanted
        AND c.tenant_id = (SELECT backup.current_tenant())
        AND (current_setting('role') <> 'entra_backup_staff' OR EXISTS (
            SELECT FROM backup.tenants t JOIN backup.organizations o ON o.id = t.organization_id
            WHERE t.tenant_id = (SELECT backup.current_tenant()) AND o.partner_id = (SELECT backup.current_partner())))
$$;
GRANT EXECUTE ON FUNCTION backup.contents_with_tokens(integer[]) TO entra_backup_staff;

-- What commands do for the staff. Partners are made, and parked messages handled, by the operator alone.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA backup TO entra_backup_staff;
REVOKE ALL ON backup.dead_letters FROM entra_backup_staff;
REVOKE INSERT, DELETE ON backup.partners FROM entra_backup_staff;
REVOKE UPDATE, DELETE ON backup.audit_entries FROM entra_backup_staff;
GRANT SELECT, INSERT, UPDATE, DELETE ON backup.users TO entra_backup_operator;
GRANT SELECT ON backup.organizations, backup.plans TO entra_backup_scheduler;
