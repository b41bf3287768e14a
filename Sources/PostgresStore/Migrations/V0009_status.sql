-- Labels of tenants, and one look for the last good and the last failed job of each.
ALTER TABLE backup.tenants ADD COLUMN labels text[] NOT NULL DEFAULT '{}';

CREATE INDEX jobs_good ON backup.jobs (tenant_id, kind, finished_at)
    WHERE state IN ('succeeded', 'succeededWithWarnings');
CREATE INDEX jobs_failed ON backup.jobs (tenant_id, kind, finished_at) WHERE state = 'failed';
CREATE INDEX jobs_open ON backup.jobs (tenant_id, kind) WHERE state IN ('queued', 'running');
