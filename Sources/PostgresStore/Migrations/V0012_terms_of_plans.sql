-- Terms keep the words of their plan. A plan may get another name and another product while organizations have it, and
-- everything else once none does: the bill of a closed month must not follow.

-- Keeps the terms of all that have a plan, whoever changes it; those of the deleted do not change any more.
CREATE FUNCTION backup.keep_terms_of_plan() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    -- Held before their terms are looked at, so that a change that goes on is seen; by id, as all who hold several.
    customers uuid[] := ARRAY(SELECT o.id FROM backup.organizations o
        WHERE o.plan_id = NEW.id AND o.state <> 'deleted' ORDER BY o.id FOR NO KEY UPDATE);
    moment timestamptz := clock_timestamp();
BEGIN
    UPDATE backup.organization_terms t SET to_at = moment
        WHERE t.organization_id = ANY (customers) AND t.to_at = 'infinity';
    INSERT INTO backup.organization_terms (organization_id, partner_id, from_at, plan_id, plan_name, product, currency,
            periodicity, seats, state, nfr)
        SELECT o.id, o.partner_id, moment, NEW.id, NEW.name, NEW.product, NEW.currency, NEW.periodicity, o.seats,
            o.state, o.nfr
        FROM backup.organizations o WHERE o.id = ANY (customers);
    IF NEW.product <> OLD.product THEN
        -- A plan that gets Entra protects users from now on.
        PERFORM backup.follow_protected_users(c.id) FROM unnest(customers) AS c (id);
    END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION backup.keep_terms_of_plan() FROM PUBLIC;
-- First of all, since from here to the end of the migration no plan changes.
CREATE TRIGGER plans_change AFTER UPDATE ON backup.plans FOR EACH ROW
    WHEN ((OLD.name, OLD.product, OLD.currency, OLD.periodicity)
        IS DISTINCT FROM (NEW.name, NEW.product, NEW.currency, NEW.periodicity))
    EXECUTE FUNCTION backup.keep_terms_of_plan();

-- Null only where the plan was gone before this.
ALTER TABLE backup.organization_terms
    ADD COLUMN plan_name text,
    ADD COLUMN product text,
    ADD COLUMN currency text,
    ADD COLUMN periodicity text;
-- What plans were before this nobody has taken down.
UPDATE backup.organization_terms t
    SET plan_name = p.name, product = p.product, currency = p.currency, periodicity = p.periodicity
    FROM backup.plans p WHERE p.id = t.plan_id;

-- Keeps the terms of an organization, whoever changes them.
CREATE OR REPLACE FUNCTION backup.keep_terms() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE backup.organization_terms o SET to_at = clock_timestamp()
            WHERE o.organization_id = OLD.id AND o.to_at = 'infinity';
    END IF;
    IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND NEW.plan_id <> OLD.plan_id THEN
        -- Who changes the plan meanwhile does not see yet that this organization has it. Nothing else that changes an
        -- organization may wait for its plan, since who changes a plan waits for its organizations.
        PERFORM FROM backup.plans p WHERE p.id = NEW.plan_id FOR SHARE;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO backup.organization_terms (organization_id, partner_id, from_at, plan_id, plan_name, product,
                currency, periodicity, seats, state, nfr)
            SELECT NEW.id, NEW.partner_id, clock_timestamp(), p.id, p.name, p.product, p.currency, p.periodicity,
                NEW.seats, NEW.state, NEW.nfr
            FROM backup.plans p WHERE p.id = NEW.plan_id;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM backup.follow_protected_users(OLD.id);
    END IF;
    RETURN NULL;
END $$;

-- As before, but that trials which end at once are held in the order of their ids, like the organizations of a plan.
CREATE OR REPLACE FUNCTION backup.end_trials() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    ended bigint;
BEGIN
    PERFORM FROM backup.organizations o WHERE o.nfr AND o.nfr_ends_at <= moment ORDER BY o.id FOR NO KEY UPDATE;
    UPDATE backup.organizations o SET nfr = false WHERE o.nfr AND o.nfr_ends_at <= moment;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END $$;
