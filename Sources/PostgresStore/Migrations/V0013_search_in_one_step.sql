-- A search gets what it opens with what it finds: each candidate is looked up once, and one that nobody asks for any
-- more not at all. Called in the list of a SELECT, a function of this language goes on row by row.

-- The contents of the transaction's tenant that hold all tokens, are of the types and are valid in the snapshot, in the
-- order in which they lie. Runs with the owner's rights: an operator of arrays, which is not leakproof, is kept out of
-- the index of a table that row-level security guards. To the owner all contents are visible, so that the walls of
-- tenant and staff are repeated within. No token at all finds nothing. All names are bound here and now, so that no search
-- path has to be set for each row.
CREATE FUNCTION backup.objects_with_tokens(wanted integer[], types smallint[], snapshot integer)
    RETURNS TABLE (type smallint, object_id uuid, digest bytea, payload bytea)
    LANGUAGE sql STABLE ROWS 200 SECURITY DEFINER BEGIN ATOMIC
    SELECT c.type, c.object_id, c.digest, c.payload FROM backup.contents c
    CROSS JOIN LATERAL (SELECT FROM backup.object_versions v
        WHERE v.tenant_id = c.tenant_id AND v.type = c.type AND v.object_id = c.object_id AND v.facet = c.facet
            AND v.digest = c.digest AND v.from_snapshot <= snapshot AND v.to_snapshot > snapshot OFFSET 0) AS valid
    WHERE c.tokens IS NOT NULL AND cardinality(wanted) > 0 AND c.tokens OPERATOR(pg_catalog.@>) wanted
        AND c.type = ANY (types) AND c.tenant_id = (SELECT backup.current_tenant())
        AND (current_setting('role') <> 'entra_backup_staff' OR EXISTS (
            SELECT FROM backup.tenants t JOIN backup.organizations o ON o.id = t.organization_id
            WHERE t.tenant_id = (SELECT backup.current_tenant()) AND o.partner_id = (SELECT backup.current_partner())));
END;
REVOKE EXECUTE ON FUNCTION backup.objects_with_tokens(integer[], smallint[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION backup.objects_with_tokens(integer[], smallint[], integer)
    TO entra_backup_operator, entra_backup_staff;
DROP FUNCTION backup.contents_with_tokens(integer[]);
