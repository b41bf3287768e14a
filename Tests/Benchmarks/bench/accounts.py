"""Lists, searches, the system status and bills of a large fleet, each as one command of the program."""
import statistics
import subprocess
import time

from .stack import Stack, heading, line

RUNS = 5
# The month that the counts of users are laid in: the current one, from its first moment on.
FILL = """
SET synchronous_commit = off;
INSERT INTO backup.partners (id, name)
    SELECT md5('partner ' || p)::uuid, 'Partner ' || lpad(p::text, 5, '0') FROM generate_series(1, {partners}) p;
INSERT INTO backup.plans (id, partner_id, name, product, currency, periodicity)
    SELECT md5('plan ' || p)::uuid, md5('partner ' || p)::uuid, 'Entra', 'backup-entra', 'EUR', 'monthly'
    FROM generate_series(1, {partners}) p;
INSERT INTO backup.organizations (id, partner_id, plan_id, name, first_name, last_name, email, country, seats)
    SELECT md5('organization ' || o)::uuid, md5('partner ' || 1 + o % {partners})::uuid,
        md5('plan ' || 1 + o % {partners})::uuid, 'Organization ' || lpad(o::text, 5, '0'), 'First', 'Last',
        'contact' || o || '@customer.example', 'DE', 250
    FROM generate_series(1, {organizations}) o;
INSERT INTO backup.tenants (tenant_id, organization_id, name, client_id, state, labels, permissions, permissions_at,
        activated_at)
    SELECT md5('tenant ' || t)::uuid, md5('organization ' || 1 + t % {organizations})::uuid,
        'Tenant ' || lpad(t::text, 5, '0'), 'client', 'active', CASE WHEN t <= 300 THEN ARRAY['mine'] ELSE '{{}}' END,
        ARRAY['Directory.Read.All', 'Policy.Read.All'], now(), now() - interval '60 days'
    FROM generate_series(1, {tenants}) t;
INSERT INTO backup.schedule (tenant_id, next_backup_at, next_retention_at, interval_seconds)
    SELECT tenant_id, now() + interval '12 hours', now() + interval '12 hours', 86400 FROM backup.tenants;
-- One job a day, of which the last of every fiftieth tenant has failed, and every tenant's seventh.
INSERT INTO backup.jobs (tenant_id, job_id, kind, state, trace, snapshot, created_at, started_at, finished_at, objects,
        error_code, error_message)
    SELECT md5('tenant ' || t)::uuid, gen_random_uuid(), 'backup',
        CASE WHEN d % 7 = 3 OR d = 0 AND t % 50 = 0 THEN 'failed' ELSE 'succeeded' END, 'bench', 31 - d, at, at,
        at + interval '90 seconds', 40000,
        CASE WHEN d % 7 = 3 OR d = 0 AND t % 50 = 0 THEN 'graphUnreachable' END, 'No answer within 30 s.'
    FROM generate_series(1, {tenants}) t, generate_series(0, 29) d,
        LATERAL (SELECT now() - make_interval(days => d, hours => 1, mins => t % 600) AS at) a;
INSERT INTO backup.snapshots (tenant_id, number, job_id, started_at, sealed_at, objects, added, updated, deleted, digest,
        signature)
    SELECT tenant_id, snapshot, job_id, started_at, finished_at, 40000, 0, 0, 0, 'x', 'x' FROM backup.jobs;
-- The number of users is another one in each snapshot of each tenant: the most that there is to look at.
INSERT INTO backup.protected_users (organization_id, partner_id, from_at, to_at, users)
    SELECT o.id, o.partner_id, begins + n * step, CASE WHEN n = 99 THEN 'infinity' ELSE begins + (n + 1) * step END,
        150 + (n * 7) % 30
    FROM backup.organizations o, generate_series(0, 99) n,
        LATERAL (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS begins) b,
        LATERAL (SELECT (now() - begins) / 101 AS step) s;
UPDATE backup.organization_terms SET from_at = now() - interval '60 days';
ANALYZE;
"""


def seconds(folder, stack, arguments):
    """The median of some runs, and the size of what was printed."""
    taken, size = [], 0
    for _ in range(RUNS):
        begin = time.monotonic()
        done = subprocess.run([folder + "/entra-backup", *arguments], capture_output=True, env=stack.environment)
        taken.append(time.monotonic() - begin)
        if done.returncode != 0:
            raise SystemExit(f"{arguments}: {done.returncode} {done.stderr.decode()}")
        size = len(done.stdout)
    return statistics.median(taken), size


def measure(folder):
    month = time.strftime("%Y-%m", time.gmtime())
    for partners, organizations, tenants in [(100, 1000, 3000), (1000, 3000, 10000)]:
        heading(f"{partners:,} partners, {organizations:,} organizations, {tenants:,} tenants, each with 30 jobs, "
                f"30 snapshots; 100 numbers of users of each organization this month")
        with Stack(folder, {"seed": 1, "users": 10}, workers="fetcher=0,differ=0,persister=0") as stack:
            begin = time.monotonic()
            stack.sql(FILL.format(partners=partners, organizations=organizations, tenants=tenants))
            line("filled by SQL", f"{time.monotonic() - begin:.1f} s")
            for limit, command in commands(month):
                for form in ([], ["--json"]):
                    taken, size = seconds(folder, stack, command + form)
                    line(" ".join(command + form), f"{taken:.2f} s", f"{size / 1e6:.2f} MB, to stay under {limit} s"
                         + ("" if taken < limit else "  TOO SLOW"))
            for command in (["status", "--csv"], ["billing", "--month", month, "--csv"]):
                taken, size = seconds(folder, stack, command)
                limit = 2 if command[0] == "status" else 1
                line(" ".join(command), f"{taken:.2f} s", f"{size / 1e6:.2f} MB, to stay under {limit} s"
                     + ("" if taken < limit else "  TOO SLOW"))


def commands(month):
    """Each with the seconds that it may take."""
    partner = ["--partner", "Partner 00007"]
    return [
        (1, ["partner", "list"]), (1, ["plan", "list"]), (1, ["organization", "list"]),
        (1, ["organization", "list", "--search", "zation 0042"]), (1, ["organization", "list", *partner]),
        (1, ["organization", "show", "Organization 00042"]),
        (1, ["tenant", "list"]), (1, ["tenant", "list", "--search", "nant 0042"]), (1, ["tenant", "list", *partner]),
        (1, ["tenant", "list", "--label", "mine", "--limit", "50"]), (1, ["tenant", "show", "Tenant 00042"]),
        (2, ["status"]), (2, ["status", "restore"]), (2, ["status", "download"]), (1, ["status", *partner]),
        (1, ["billing", "--month", month]), (1, ["billing", "--month", month, *partner]),
        (1, ["job", "list"]), (1, ["diff", "--label", "mine", "--since", "24h", "--type", "conditionalAccessPolicy"]),
    ]
