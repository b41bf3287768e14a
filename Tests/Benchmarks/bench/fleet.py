"""Copies of the stages, many tenants, a large one among small ones."""
import threading
import time
import urllib.request

from .stack import STAGES, Stack, heading, line, spent, timed
from .tenant import fixture, totals


def copies(folder, seed):
    heading(f"Copies of each stage, first backup of size M (seed {seed}); two cores saturate")
    for count in (1, 2, 4):
        with Stack(folder, fixture("m", seed), workers=f"fetcher={count},differ={count},persister={count}") as stack:
            stack.add_tenants()
            before = stack.cpu()
            seconds, _ = timed(lambda: stack.cli("tenant", "activate", stack.tenant, "--wait"))
            after = stack.cpu()
            written, _ = totals(stack.cli("snapshot", "show", stack.tenant))
            stages, database = (1e6 * spent(before, after, names) / written for names in (STAGES, ["postgres"]))
            line(f"{count} of each", f"{written / seconds:,.0f} /s",
                 f"CPU per object or link: stages {stages:.0f} µs, PostgreSQL {database:.0f} µs")



def times(stack):
    """Seconds from creation to end of each tenant's last job."""
    rows = stack.sql("SELECT DISTINCT ON (tenant_id) tenant_id, extract(epoch FROM finished_at - created_at) "
                     "FROM backup.jobs ORDER BY tenant_id, created_at DESC")
    return {row.split("|")[0]: float(row.split("|")[1]) for row in rows.splitlines()}


def finished(stack):
    return stack.sql("SELECT bool_and(finished_at IS NOT NULL) FROM backup.jobs") == "t"


def activate_all(stack):
    for tenant in stack.tenants:
        stack.cli("tenant", "activate", tenant["tenantId"])
    stack.wait("all first backups end", lambda: finished(stack))


def many(folder, seed, count=200):
    heading(f"{count} tenants of 20 users at once (seed {seed})")
    tenants = [{"seed": seed + i, "users": 20, "audits": 10, "settings": {"quotas": False}} for i in range(count)]
    with Stack(folder, {"tenants": tenants}) as stack:
        stack.add_tenants()
        activate_all(stack)
        # All are due at the same moment, as after an outage.
        oldest, done = [0.0], threading.Event()

        def watch():
            while not done.is_set():
                age = stack.sql("SELECT coalesce(extract(epoch FROM max(clock_timestamp() - greatest(created_at, "
                                "visible_at))), 0) FROM backup.messages WHERE visible_at <= clock_timestamp()")
                oldest[0] = max(oldest[0], float(age))
                time.sleep(0.2)

        watcher = threading.Thread(target=watch)
        published = sum_metric(stack, "entra_backup_published_total")
        before = stack.cpu()
        watcher.start()
        begin = time.monotonic()
        stack.sql("UPDATE backup.schedule SET next_backup_at = clock_timestamp()")
        stack.wait("all are started", lambda: stack.sql(
            "SELECT count(*) FROM backup.jobs") == str(2 * count))
        stack.wait("all rounds end", lambda: finished(stack))
        seconds = time.monotonic() - begin
        done.set()
        watcher.join()
        after = stack.cpu()
        published = sum_metric(stack, "entra_backup_published_total") - published
        line("rounds without changes", f"{count / seconds:.1f} /s", f"{seconds:.1f} s for all")
        line("age of the oldest message", f"{oldest[0]:.1f} s")
        line("messages of a round", f"{published / count:.0f}", f"{published / seconds:,.0f} published and confirmed /s")
        cpu = spent(before, after, STAGES + ["postgres"])
        line("CPU of a round", f"{1000 * cpu / count:.0f} ms", "stages and PostgreSQL")


def sum_metric(stack, name):
    total = 0.0
    for process in stack.processes():
        if not process.get("metricsUrl") or process["name"] == "rabbitmq":
            continue
        try:
            text = urllib.request.urlopen(process["metricsUrl"], timeout=5).read().decode()
        except OSError:
            continue
        total += sum(float(row.rsplit(" ", 1)[1]) for row in text.splitlines() if row.startswith(name + "{"))
    return total


def fairness(folder, seed):
    heading(f"20 tenants of 200 users, then one of them 50 times larger (seed {seed}); complete rounds")
    results = []
    for large in (False, True):
        tenants = [{"seed": seed + i, "users": 10000 if large and i == 0 else 200, "settings": {"quotas": False}}
                   for i in range(20)]
        with Stack(folder, {"tenants": tenants}) as stack:
            stack.add_tenants()
            for tenant in stack.tenants:
                stack.cli("tenant", "activate", tenant["tenantId"])
            stack.wait("all first backups end", lambda: finished(stack))
            all_times = times(stack)
            small = sorted(all_times[t["tenantId"]] for t in stack.tenants[1:])
            results.append(small)
            line("with a large one" if large else "all small", f"{small[len(small) // 2]:.2f} s",
                 f"median of the small ones; slowest {small[-1]:.2f} s" + (
                     f"; the large one {all_times[stack.tenants[0]['tenantId']]:.2f} s" if large else ""))
    line("small ones, with : without", f"{results[1][9] / results[0][9]:.2f} x", "medians")
