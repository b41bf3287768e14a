-- Erasing an organization with everything that is its tenants': how far it is, so that it survives a crash.
CREATE TABLE backup.erasures (
    organization_id uuid PRIMARY KEY,
    partner_id uuid NOT NULL,
    -- stopped: nothing of it runs any more; keysDestroyed: what was stored can no longer be opened.
    step text NOT NULL DEFAULT 'stopped',
    tenants uuid[] NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    jobs_cancelled bigint NOT NULL DEFAULT 0,
    keys_destroyed integer NOT NULL DEFAULT 0,
    -- Rows that are gone, by table.
    rows jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT erasures_step_is_known CHECK (step IN ('stopped', 'keysDestroyed'))
);
ALTER TABLE backup.erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE backup.erasures FORCE ROW LEVEL SECURITY;
CREATE POLICY erasures_of_the_fleet ON backup.erasures FOR ALL TO entra_backup_operator USING (true);
CREATE POLICY erasures_of_the_schedule ON backup.erasures FOR SELECT TO entra_backup_scheduler USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON backup.erasures TO entra_backup_operator;
GRANT SELECT ON backup.erasures TO entra_backup_scheduler;
GRANT SELECT, INSERT, UPDATE, DELETE ON backup.erasures TO entra_backup_staff;
-- Who may erase an organization takes along what was parked of it.
GRANT SELECT, DELETE ON backup.dead_letters TO entra_backup_staff;
CREATE POLICY erasures_of_the_partner ON backup.erasures FOR ALL TO entra_backup_staff
    USING (partner_id = (SELECT backup.current_partner()));

-- What is written without a message in hand would come after the tenant is gone. Rows of before are as they are.
ALTER TABLE backup.budgets ADD CONSTRAINT budgets_tenant FOREIGN KEY (tenant_id)
    REFERENCES backup.tenants (tenant_id) NOT VALID;
ALTER TABLE backup.restore_plans ADD CONSTRAINT restore_plans_tenant FOREIGN KEY (tenant_id)
    REFERENCES backup.tenants (tenant_id) NOT VALID;
ALTER TABLE backup.downloads ADD CONSTRAINT downloads_tenant FOREIGN KEY (tenant_id)
    REFERENCES backup.tenants (tenant_id) NOT VALID;
ALTER TABLE backup.secret_values ADD CONSTRAINT secret_values_tenant FOREIGN KEY (tenant_id)
    REFERENCES backup.tenants (tenant_id) NOT VALID;
ALTER TABLE backup.snapshots ADD CONSTRAINT snapshots_tenant FOREIGN KEY (tenant_id)
    REFERENCES backup.tenants (tenant_id) NOT VALID;
