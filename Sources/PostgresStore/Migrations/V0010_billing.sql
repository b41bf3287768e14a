-- What bills are made of: protected users of organizations, and the terms that they are on.

-- How many users of an organization were protected, from when to when; nothing while there are none. Snapshots go with
-- their retention and tenants with their erasure, and a bill must not: no key leads elsewhere. `infinity` while it holds.
CREATE TABLE backup.protected_users (
    organization_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL DEFAULT 'infinity',
    users bigint NOT NULL,
    CONSTRAINT protected_users_are_some CHECK (users > 0)
);
CREATE UNIQUE INDEX protected_users_now ON backup.protected_users (organization_id) WHERE to_at = 'infinity';
CREATE INDEX protected_users_to ON backup.protected_users (to_at);
CREATE INDEX protected_users_partner ON backup.protected_users (partner_id, to_at);

-- What was agreed with an organization, from when to when: a bill shows the plan and the seats of its month.
CREATE TABLE backup.organization_terms (
    organization_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL DEFAULT 'infinity',
    plan_id uuid NOT NULL,
    seats integer,
    state text NOT NULL,
    nfr boolean NOT NULL
);
CREATE UNIQUE INDEX organization_terms_now ON backup.organization_terms (organization_id) WHERE to_at = 'infinity';
CREATE INDEX organization_terms_partner ON backup.organization_terms (partner_id, organization_id);

-- Written by the functions below alone, which run as the owner.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['protected_users', 'organization_terms'] LOOP
        EXECUTE format('ALTER TABLE backup.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY %I ON backup.%I TO entra_backup_operator, entra_backup_scheduler,
            entra_backup_fetcher, entra_backup_differ, entra_backup_persister, entra_backup_downloader,
            entra_backup_restorer USING (true)', name || '_of_the_fleet', name);
        EXECUTE format('CREATE POLICY %I ON backup.%I TO entra_backup_staff
            USING (partner_id = (SELECT backup.current_partner()))', name || '_of_the_partner', name);
    END LOOP;
END $$;
GRANT SELECT ON backup.protected_users, backup.organization_terms TO entra_backup_operator, entra_backup_staff;
-- The functions add up the users of an organization's tenants.
CREATE POLICY tenants_of_the_owner ON backup.tenants FOR SELECT TO CURRENT_USER USING (true);

-- Takes down how many users of an organization are protected now, if that is another number than before: those of the
-- newest snapshot of each tenant whose backups were not stopped, while the subscription goes on and includes Entra.
CREATE FUNCTION backup.follow_protected_users(customer uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    terms backup.organization_terms;
    total bigint := 0;
BEGIN
    -- Tenants of one organization that are sealed at once see each other's numbers one after the other.
    PERFORM FROM backup.organizations o WHERE o.id = customer FOR NO KEY UPDATE;
    SELECT * INTO terms FROM backup.organization_terms t WHERE t.organization_id = customer AND t.to_at = 'infinity';
    IF terms.state IN ('active', 'suspended') AND (terms.nfr OR EXISTS (SELECT FROM backup.plans p
            WHERE p.id = terms.plan_id AND p.product IN ('backup-entra', 'archive-entra'))) THEN
        total := (SELECT coalesce(sum(u.users), 0) FROM backup.user_counts u
            JOIN backup.tenants t ON t.tenant_id = u.tenant_id AND t.state <> 'inactive'
            WHERE u.organization_id = customer);
    END IF;
    PERFORM FROM backup.protected_users u WHERE u.organization_id = customer AND u.to_at = 'infinity'
        AND u.partner_id = terms.partner_id AND u.users = total;
    IF FOUND THEN
        RETURN;
    END IF;
    UPDATE backup.protected_users u SET to_at = clock_timestamp()
        WHERE u.organization_id = customer AND u.to_at = 'infinity';
    IF total > 0 THEN
        INSERT INTO backup.protected_users (organization_id, partner_id, from_at, users)
            VALUES (customer, terms.partner_id, clock_timestamp(), total);
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION backup.follow_protected_users(uuid) FROM PUBLIC;

CREATE FUNCTION backup.follow_tenant() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    PERFORM backup.follow_protected_users(CASE WHEN TG_OP = 'DELETE' THEN OLD.organization_id ELSE NEW.organization_id
        END);
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION backup.follow_tenant() FROM PUBLIC;
CREATE TRIGGER tenants_are_followed AFTER UPDATE OF state ON backup.tenants
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION backup.follow_tenant();

-- Keeps the terms of an organization, whoever changes them.
CREATE FUNCTION backup.keep_terms() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE backup.organization_terms o SET to_at = clock_timestamp()
            WHERE o.organization_id = OLD.id AND o.to_at = 'infinity';
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO backup.organization_terms (organization_id, partner_id, from_at, plan_id, seats, state, nfr)
            VALUES (NEW.id, NEW.partner_id, clock_timestamp(), NEW.plan_id, NEW.seats, NEW.state, NEW.nfr);
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM backup.follow_protected_users(OLD.id);
    END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION backup.keep_terms() FROM PUBLIC;
CREATE TRIGGER organizations_come_and_go AFTER INSERT OR DELETE ON backup.organizations
    FOR EACH ROW EXECUTE FUNCTION backup.keep_terms();
CREATE TRIGGER organizations_change AFTER UPDATE ON backup.organizations FOR EACH ROW
    WHEN ((OLD.partner_id, OLD.plan_id, OLD.seats, OLD.state, OLD.nfr)
        IS DISTINCT FROM (NEW.partner_id, NEW.plan_id, NEW.seats, NEW.state, NEW.nfr))
    EXECUTE FUNCTION backup.keep_terms();

-- What is there already: organizations on the terms of today, and the users of the snapshots that are kept. The owner
-- sees them for as long as this takes. 9 is the type `user`.
CREATE POLICY migration ON backup.snapshots FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY migration ON backup.snapshot_collections FOR SELECT TO CURRENT_USER USING (true);
INSERT INTO backup.organization_terms (organization_id, partner_id, from_at, plan_id, seats, state, nfr)
    SELECT id, partner_id, created_at, plan_id, seats, state, nfr FROM backup.organizations;
WITH seen AS (SELECT t.organization_id, s.tenant_id, s.sealed_at, c.objects AS users
        FROM backup.snapshots s
        JOIN backup.tenants t ON t.tenant_id = s.tenant_id
        JOIN backup.snapshot_collections c ON c.tenant_id = s.tenant_id AND c.number = s.number AND c.type = 9),
    changes AS (SELECT organization_id, sealed_at AS at,
            users - lag(users, 1, 0::bigint) OVER (PARTITION BY tenant_id ORDER BY sealed_at) AS change
        FROM seen),
    sums AS (SELECT organization_id, at, sum(sum(change)) OVER (PARTITION BY organization_id ORDER BY at) AS users
        FROM changes GROUP BY organization_id, at),
    spans AS (SELECT s.organization_id, s.at, s.users,
            lead(s.at, 1, 'infinity') OVER (PARTITION BY s.organization_id ORDER BY s.at) AS ends
        FROM sums s)
INSERT INTO backup.protected_users (organization_id, partner_id, from_at, to_at, users)
    SELECT o.id, o.partner_id, s.at, s.ends, s.users FROM spans s JOIN backup.organizations o ON o.id = s.organization_id
    WHERE s.users > 0;
INSERT INTO backup.user_counts (tenant_id, organization_id, users, counted_at)
    SELECT DISTINCT ON (s.tenant_id) s.tenant_id, t.organization_id, c.objects, s.sealed_at
    FROM backup.snapshots s
    JOIN backup.tenants t ON t.tenant_id = s.tenant_id
    JOIN backup.snapshot_collections c ON c.tenant_id = s.tenant_id AND c.number = s.number AND c.type = 9
    ORDER BY s.tenant_id, s.number DESC
    ON CONFLICT (tenant_id) DO NOTHING;
-- What has stopped ends here.
SELECT count(backup.follow_protected_users(id)) FROM backup.organizations;
CREATE TRIGGER user_counts_are_followed AFTER INSERT OR UPDATE OR DELETE ON backup.user_counts
    FOR EACH ROW EXECUTE FUNCTION backup.follow_tenant();
DROP POLICY migration ON backup.snapshots;
DROP POLICY migration ON backup.snapshot_collections;
