-- A search of several words asks the index once, for contents that hold the tokens of all of them: the lists of common
-- words are met within the index, and only what is on all of them is read. No token at all finds nothing.
CREATE OR REPLACE FUNCTION backup.contents_with_tokens(wanted integer[])
    RETURNS TABLE (digest bytea, type smallint, facet smallint, object_id uuid)
    LANGUAGE sql STABLE ROWS 200 SECURITY DEFINER SET search_path = '' AS $$
    SELECT c.digest, c.type, c.facet, c.object_id FROM backup.contents c
    WHERE c.tokens IS NOT NULL AND cardinality(wanted) > 0 AND c.tokens OPERATOR(pg_catalog.@>) wanted
        AND c.tenant_id = (SELECT backup.current_tenant())
        AND (current_setting('role') <> 'entra_backup_staff' OR EXISTS (
            SELECT FROM backup.tenants t JOIN backup.organizations o ON o.id = t.organization_id
            WHERE t.tenant_id = (SELECT backup.current_tenant()) AND o.partner_id = (SELECT backup.current_partner())))
$$;
