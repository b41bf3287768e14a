-- Organizations: trials, features, API tokens, sign-in mail, seats that follow the users of their tenants.

-- Notification setting: null while the partner offers the choice of a sign-in e-mail.
ALTER TABLE backup.partners ADD COLUMN sign_in_email_hidden_at timestamptz;

ALTER TABLE backup.organizations
    -- On trial at the partner's expense; false again when the period has ended or a plan with Entra is paid.
    ADD COLUMN nfr boolean NOT NULL DEFAULT false,
    ADD COLUMN nfr_ends_at timestamptz,
    -- Features that were switched: name and whether it is on.
    ADD COLUMN features jsonb NOT NULL DEFAULT '{}',
    -- When users that appeared have last taken seats by themselves.
    ADD COLUMN seats_raised_at timestamptz,
    ADD CONSTRAINT organizations_trial_has_an_end CHECK (NOT nfr OR nfr_ends_at IS NOT NULL);

-- The plan is one of the partner's own, whatever a program forgets to check.
ALTER TABLE backup.plans ADD CONSTRAINT plans_of_the_partner UNIQUE (id, partner_id);
ALTER TABLE backup.organizations ADD CONSTRAINT organizations_plan_is_of_the_partner
    FOREIGN KEY (plan_id, partner_id) REFERENCES backup.plans (id, partner_id);
CREATE INDEX organizations_plan ON backup.organizations (plan_id);
CREATE INDEX organizations_trials ON backup.organizations (nfr_ends_at) WHERE nfr;

-- API tokens, of which only the SHA-256 is kept: 256 random bits are not guessed.
CREATE TABLE backup.organization_tokens (
    organization_id uuid PRIMARY KEY REFERENCES backup.organizations (id) ON DELETE CASCADE,
    prefix text NOT NULL,
    hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    CONSTRAINT organization_tokens_hash_is_sha256 CHECK (length(hash) = 32)
);
CREATE UNIQUE INDEX organization_tokens_hash ON backup.organization_tokens (hash);

-- Finished messages, written with the change that they tell of; a row goes when its message was handed over.
CREATE TABLE backup.outgoing_mails (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES backup.organizations (id) ON DELETE CASCADE,
    message text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX outgoing_mails_created ON backup.outgoing_mails (created_at);
CREATE INDEX outgoing_mails_organization ON backup.outgoing_mails (organization_id);

-- Users in each tenant's newest snapshot.
CREATE TABLE backup.user_counts (
    tenant_id uuid PRIMARY KEY REFERENCES backup.tenants (tenant_id) ON DELETE CASCADE,
    organization_id uuid NOT NULL REFERENCES backup.organizations (id) ON DELETE CASCADE,
    users bigint NOT NULL,
    counted_at timestamptz NOT NULL,
    CONSTRAINT user_counts_are_not_negative CHECK (users >= 0)
);
CREATE INDEX user_counts_organization ON backup.user_counts (organization_id);

-- Rights -------------------------------------------------------------------------------------------------------------
DO $$
DECLARE
    name text;
BEGIN
    -- Whole for the programs that may read them at all; of one's own organizations for the staff of a partner.
    FOREACH name IN ARRAY ARRAY['organization_tokens', 'outgoing_mails', 'user_counts'] LOOP
        EXECUTE format('ALTER TABLE backup.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY %I ON backup.%I TO entra_backup_operator, entra_backup_scheduler,
            entra_backup_fetcher, entra_backup_differ, entra_backup_persister, entra_backup_downloader,
            entra_backup_restorer USING (true)', name || '_of_the_fleet', name);
        EXECUTE format('CREATE POLICY %I ON backup.%I TO entra_backup_staff
            USING (organization_id IN (SELECT id FROM backup.organizations))', name || '_of_the_partner', name);
    END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON backup.organization_tokens, backup.outgoing_mails TO entra_backup_operator,
    entra_backup_staff;
GRANT SELECT, DELETE ON backup.user_counts TO entra_backup_operator;
GRANT SELECT ON backup.user_counts TO entra_backup_staff;
-- The scheduler hands mail over.
GRANT SELECT, UPDATE, DELETE ON backup.outgoing_mails TO entra_backup_scheduler;

-- Takes down how many users the transaction's tenant has in the snapshot that is being sealed, and raises the seats of
-- an organization whose users take them by themselves. Seats never fall by themselves: what was bought is bought.
CREATE FUNCTION backup.count_users(seen bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    customer uuid := (SELECT t.organization_id FROM backup.tenants t WHERE t.tenant_id = backup.current_tenant());
    total bigint;
BEGIN
    IF customer IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO backup.user_counts AS u (tenant_id, organization_id, users, counted_at)
        VALUES (backup.current_tenant(), customer, seen, clock_timestamp())
        ON CONFLICT (tenant_id) DO UPDATE SET organization_id = excluded.organization_id, users = excluded.users,
            counted_at = excluded.counted_at;
    -- Tenants of one organization that are sealed at once see each other's numbers one after the other.
    PERFORM FROM backup.organizations o WHERE o.id = customer AND o.auto_license FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    total := (SELECT sum(u.users) FROM backup.user_counts u WHERE u.organization_id = customer);
    UPDATE backup.organizations o SET seats = least(total, 2147483647)::integer, seats_raised_at = clock_timestamp()
        WHERE o.id = customer AND coalesce(o.seats, 0) < total;
END $$;
REVOKE EXECUTE ON FUNCTION backup.count_users(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION backup.count_users(bigint) TO entra_backup_persister;

-- Ends the trials whose period is over; how many. From then on the organization is what its plan says.
CREATE FUNCTION backup.end_trials() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    ended bigint;
BEGIN
    UPDATE backup.organizations o SET nfr = false WHERE o.nfr AND o.nfr_ends_at <= clock_timestamp();
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END $$;
REVOKE EXECUTE ON FUNCTION backup.end_trials() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION backup.end_trials() TO entra_backup_scheduler;
