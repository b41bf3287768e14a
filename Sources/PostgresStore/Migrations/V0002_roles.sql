-- One role per stage with the least rights, none of which owns a table or bypasses row-level security (D14).
-- Passwords are set by the deployment; a role without one cannot log in over TCP.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['scheduler', 'fetcher', 'differ', 'persister', 'operator'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'entra_backup_' || name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS',
                           'entra_backup_' || name);
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA backup TO %I', 'entra_backup_' || name);
    END LOOP;
END $$;

-- The tenant of the transaction; nothing is visible before it is set.
CREATE FUNCTION backup.current_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('backup.tenant', true), '')::uuid $$;
GRANT EXECUTE ON FUNCTION backup.current_tenant() TO PUBLIC;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['tenants', 'tenant_credentials', 'tenant_keys', 'delta_links', 'jobs', 'collections',
        'pages', 'contents', 'object_versions', 'link_versions', 'snapshots', 'snapshot_collections'] LOOP
        EXECUTE format('ALTER TABLE backup.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE backup.%I FORCE ROW LEVEL SECURITY', name);
        -- The sub-select makes the planner read the setting once a statement and not once a row.
        EXECUTE format('CREATE POLICY %I ON backup.%I USING (tenant_id = (SELECT backup.current_tenant()))',
                       name || '_of_the_tenant', name);
    END LOOP;
    -- What the operator and the scheduler list across tenants holds no directory content.
    FOREACH name IN ARRAY ARRAY['tenants', 'jobs', 'snapshots'] LOOP
        EXECUTE format('CREATE POLICY %I ON backup.%I FOR ALL TO entra_backup_operator USING (true)',
                       name || '_of_the_fleet', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['tenants', 'jobs'] LOOP
        EXECUTE format('CREATE POLICY %I ON backup.%I FOR ALL TO entra_backup_scheduler USING (true)',
                       name || '_of_the_schedule', name);
    END LOOP;
END $$;

-- Messages, parking and job state: every stage that consumes.
GRANT SELECT, INSERT, UPDATE, DELETE ON backup.messages
    TO entra_backup_scheduler, entra_backup_fetcher, entra_backup_differ, entra_backup_persister, entra_backup_operator;
GRANT SELECT, INSERT ON backup.dead_letters
    TO entra_backup_scheduler, entra_backup_fetcher, entra_backup_differ, entra_backup_persister;
GRANT SELECT, INSERT, DELETE ON backup.dead_letters TO entra_backup_operator;
GRANT SELECT, UPDATE ON backup.jobs TO entra_backup_fetcher, entra_backup_differ, entra_backup_persister;

GRANT SELECT ON backup.tenants, backup.tenant_credentials, backup.tenant_keys, backup.delta_links, backup.snapshots,
    backup.snapshot_collections
    TO entra_backup_fetcher;
GRANT SELECT, INSERT, UPDATE, DELETE ON backup.collections, backup.pages TO entra_backup_fetcher;
GRANT SELECT, INSERT, UPDATE ON backup.budgets TO entra_backup_fetcher;

GRANT SELECT ON backup.tenants, backup.tenant_keys TO entra_backup_differ;
GRANT SELECT, UPDATE ON backup.collections TO entra_backup_differ;
GRANT SELECT, UPDATE, DELETE ON backup.pages TO entra_backup_differ;
GRANT SELECT, INSERT ON backup.contents TO entra_backup_differ;

GRANT SELECT ON backup.tenants, backup.tenant_keys, backup.contents TO entra_backup_persister;
GRANT SELECT, UPDATE, DELETE ON backup.collections TO entra_backup_persister;
GRANT SELECT, UPDATE, DELETE ON backup.pages TO entra_backup_persister;
GRANT SELECT, INSERT, UPDATE ON backup.object_versions, backup.link_versions TO entra_backup_persister;
GRANT SELECT, INSERT, UPDATE, DELETE ON backup.delta_links TO entra_backup_persister;
GRANT SELECT, INSERT ON backup.snapshots, backup.snapshot_collections TO entra_backup_persister;
GRANT INSERT ON backup.messages TO entra_backup_persister;

GRANT SELECT ON backup.tenants TO entra_backup_scheduler;
GRANT SELECT, UPDATE ON backup.schedule TO entra_backup_scheduler;
GRANT SELECT, INSERT, UPDATE ON backup.jobs TO entra_backup_scheduler;
GRANT SELECT, DELETE ON backup.snapshots, backup.snapshot_collections, backup.object_versions, backup.link_versions,
    backup.contents TO entra_backup_scheduler;
GRANT SELECT ON backup.delta_links TO entra_backup_scheduler;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA backup TO entra_backup_operator;
REVOKE UPDATE, DELETE ON backup.audit_entries FROM entra_backup_operator;
GRANT INSERT ON backup.audit_entries
    TO entra_backup_scheduler, entra_backup_fetcher, entra_backup_differ, entra_backup_persister;

-- Takes back what a round that was never sealed has settled: its versions, and the ends that it gave to others. The
-- tenant is that of the transaction.
CREATE FUNCTION backup.roll_back_unsealed() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    sealed integer := (SELECT coalesce(max(number), 0) FROM backup.snapshots
                       WHERE tenant_id = backup.current_tenant());
BEGIN
    DELETE FROM backup.object_versions WHERE tenant_id = backup.current_tenant() AND from_snapshot > sealed;
    UPDATE backup.object_versions SET to_snapshot = 2147483647, reason = NULL
        WHERE tenant_id = backup.current_tenant() AND to_snapshot > sealed AND to_snapshot < 2147483647;
    DELETE FROM backup.link_versions WHERE tenant_id = backup.current_tenant() AND from_snapshot > sealed;
    UPDATE backup.link_versions SET to_snapshot = 2147483647
        WHERE tenant_id = backup.current_tenant() AND to_snapshot > sealed AND to_snapshot < 2147483647;
END $$;
REVOKE EXECUTE ON FUNCTION backup.roll_back_unsealed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION backup.roll_back_unsealed() TO entra_backup_fetcher;

-- The contents of the transaction's tenant that have one of the tokens. Under row-level security the overlap of arrays,
-- which is not leakproof, never uses an index, and a search would read the contents of all tenants; the owner, whose
-- policy hides nothing from it, reads on behalf of the caller.
CREATE POLICY contents_of_the_owner ON backup.contents FOR SELECT TO CURRENT_USER USING (true);
CREATE FUNCTION backup.contents_with_tokens(wanted integer[])
    RETURNS TABLE (digest bytea, type smallint, facet smallint, object_id uuid)
    LANGUAGE sql STABLE ROWS 200 SECURITY DEFINER SET search_path = '' AS $$
    SELECT c.digest, c.type, c.facet, c.object_id FROM backup.contents c
    WHERE c.tokens IS NOT NULL AND c.tokens OPERATOR(pg_catalog.&&) wanted
        AND c.tenant_id = (SELECT backup.current_tenant())
$$;
REVOKE EXECUTE ON FUNCTION backup.contents_with_tokens(integer[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION backup.contents_with_tokens(integer[]) TO entra_backup_operator;
