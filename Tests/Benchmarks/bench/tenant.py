"""One tenant: backups, differences, searches, memory."""
import statistics
import subprocess

from . import baselines
from .stack import Stack, heading, line, spent, timed

SIZES = {
    "m": {"users": 10000, "groups": 2000, "memberships": 40000, "applications": 1000, "devices": 500},
    "l": {"users": 100000, "groups": 15000, "memberships": 400000, "applications": 1000, "devices": 500},
}


def fixture(size, seed):
    return dict(SIZES[size], seed=seed, settings={"quotas": False})


def totals(snapshot):
    """(objects and links, requests)"""
    return (sum(c["objects"] + c["links"] for c in snapshot["collections"]),
            sum(c["requests"] for c in snapshot["collections"]))


def backups(stack, size, plain):
    """First backup, rounds without changes and with some; seconds of the first and what it wrote."""
    stack.control("POST", "settings", {"recordsRequests": True})
    stack.control("POST", "stats")
    first, _ = timed(lambda: stack.cli("tenant", "activate", stack.tenant, "--wait"))
    written, requests = totals(stack.cli("snapshot", "show", stack.tenant))
    units = stack.control("GET", "stats")["units"]
    recorded = stack.control("GET", "requests")
    stack.control("POST", "settings", {"recordsRequests": False})
    ratio = f"{first / plain:.2f} x plain reader (bar 1.5)" if plain else "(bar 40 s)"
    line("first backup, sealed", f"{first:.2f} s", f"{ratio}; {written:,} objects and links")
    singles, items = baselines.batch_items(recorded)
    line("its requests", f"{requests}", f"{requests / (singles + items / 20):.2f} x (single reads / 20 + pages) (bar 1.1)")
    if plain:
        seconds, count = timed(lambda: baselines.same_requests(stack, recorded))
        line("second reader: the same requests, one at a time", f"{seconds:.2f} s", f"{count} requests")
    line("floor that Graph's quotas set", f"{baselines.quota_floor(units, 100000):.1f} s", f"{units:,} resource units")
    size_first = stack.sql("SELECT pg_total_relation_size('backup.object_versions') + "
                           "pg_total_relation_size('backup.link_versions') + pg_total_relation_size('backup.contents')")
    versions = int(stack.sql("SELECT (SELECT count(*) FROM backup.object_versions) + "
                             "(SELECT count(*) FROM backup.link_versions)"))
    quiet, _ = timed(lambda: stack.cli("backup", "start", stack.tenant, "--wait"))
    line("round without changes", f"{quiet:.2f} s", f"{quiet / first:.2f} x first (bar 0.4)")
    after = int(stack.sql("SELECT (SELECT count(*) FROM backup.object_versions) + "
                          "(SELECT count(*) FROM backup.link_versions)"))
    line("versions that it wrote", f"{after - versions}", "(bar 0)")
    full, _ = timed(lambda: stack.cli("backup", "start", stack.tenant, "--wait", "--full"))
    line("complete listing, nothing changed", f"{full:.2f} s", f"{full / first:.2f} x first")
    stack.control("POST", "churn?seed=5&fraction=0.01")
    churned, _ = timed(lambda: stack.cli("backup", "start", stack.tenant, "--wait"))
    line("round with 1 % changed", f"{churned:.2f} s", f"{churned / first:.2f} x first (bar 0.5)")
    line("stored bytes per version, indexes included", f"{int(size_first) / versions:.0f}",
         f"{versions:,} versions of objects and links")
    line("stored bytes of a snapshot without changes", stack.sql(
        "SELECT sum(pg_column_size(c.*)) + (SELECT pg_column_size(s.*) FROM backup.snapshots s WHERE number = 2) "
        "FROM backup.snapshot_collections c WHERE number = 2"))
    return first, written


def reading(stack):
    """Differences, searches, single objects."""
    seconds, difference = timed(lambda: stack.cli("diff", stack.tenant, "--from", "3", "--to", "4"))
    line("diff of 1 % changed", f"{seconds:.2f} s", f"{len(difference['items'])} items (bar 1 s)")
    for what, text in (("a first name", "Anna"), ("a whole name", None)):
        text = text or found["items"][0]["displayName"]
        runs = [stack.timed_cli("object", "search", stack.tenant, text) for _ in range(15)]
        seconds, found = statistics.median(run[0] for run in runs), runs[0][1]
        line(f"search by {what}", f"{seconds * 1000:.0f} ms",
             f"{len(found['items'])} found, median of {len(runs)}, {min(run[0] for run in runs) * 1000:.0f} at best (bar 50 ms)")
    seconds, found = timed(lambda: stack.cli("object", "search", stack.tenant, "--where", "department eq Sales", "--type",
                                             "user", "--limit", "100000"))
    line("search by an attribute (scan)", f"{seconds:.2f} s", f"{len(found['items'])} found (bar 3 s)")
    user = stack.cli("object", "search", stack.tenant, "Anna", "--type", "user", "--limit", "1")["items"][0]["id"]
    seconds, _ = stack.timed_cli("object", "show", stack.tenant, "user", user)
    line("object show", f"{seconds * 1000:.0f} ms", "(bar 100 ms)")


def measure(folder, size, seed):
    """The whole table of one tenant; peak memory of each stage."""
    heading(f"One tenant of size {size.upper()}, one copy of each stage (seed {seed})")
    with Stack(folder, fixture(size, seed)) as stack:
        line("stack up, first start", f"{stack.start_seconds:.2f} s")
        stack.add_tenants()
        plain = None
        if size == "m":
            plain, requests = timed(lambda: baselines.plain_reader(stack))
            line("plain reader, nothing stored", f"{plain:.2f} s", f"{requests} requests")
        backups(stack, size, plain)
        reading(stack)
        if size == "m":
            seconds, _ = timed(lambda: subprocess.run([folder + "/entra-backup", "--help"], stdout=subprocess.DEVNULL))
            line("--help", f"{seconds * 1000:.0f} ms", "(bar 100 ms)")
        peaks = stack.peaks()
        if size == "m":
            stack.cli("stack", "down", "--data-dir", stack.data)
            line("stack up, warm", f"{stack.up():.2f} s", "(bar 10 s)")
        return peaks


def memory(medium, large):
    heading("Peak memory of the stages")
    for stage, peak in large.items():
        line(stage, f"{peak:.0f} MB", f"{peak / medium[stage]:.2f} x size M ({medium[stage]:.0f} MB); bars 150 MB and 1.2 x")


def storing(folder, seed):
    """Storing against COPY. The two cores also carry Graph's simulator, so three numbers of each round: of the clock with
    all of that, of the CPU that storing takes, and of the persister alone, when all else is done."""
    heading(f"Storing, size L (seed {seed})")
    storers = ["differ", "persister", "postgres"]
    with Stack(folder, fixture("l", seed)) as stack:
        stack.add_tenants()
        rounds = []
        for arguments in (["tenant", "activate", stack.tenant], ["backup", "start", stack.tenant, "--full"]):
            before = stack.cpu()
            seconds, _ = timed(lambda: stack.cli(*arguments, "--wait"))
            after = stack.cpu()
            rounds.append((seconds, [spent(before, after, [name]) for name in storers]))
        written, _ = totals(stack.cli("snapshot", "show", stack.tenant))
        copy, copy_cpu = baselines.copy(stack)
        line("COPY of the rows of the first backup, same keys", f"{written / copy:,.0f} /s", "objects and links")
        for name, bar, (seconds, cpu) in zip(("settled", "listed again, nothing changed"), (0.25, 0.5), rounds):
            line(name, f"{written / seconds:,.0f} /s", f"{copy / seconds:.2f} x COPY by the clock, "
                 f"{copy_cpu / sum(cpu):.2f} x by CPU of differ, persister and PostgreSQL (bar {bar})")
            line("  its seconds of CPU", f"{sum(cpu):.2f} s",
                 ", ".join(f"{storer} {used:.2f}" for storer, used in zip(storers, cpu)) + f"; COPY {copy_cpu:.2f}")
    settling(folder, seed, written, copy)


def settling(folder, seed, written, copy):
    """A first backup and a listing without changes, of which the persister does its part when all else is done."""
    with Stack(folder, fixture("l", seed), workers="persister=0") as stack:
        stack.add_tenants()
        for name, bar, arguments in (("settled by the persister alone", 0.25, ["tenant", "activate", stack.tenant]),
                                     ("listed again, settled by the persister alone", 0.5,
                                      ["backup", "start", stack.tenant, "--full"])):
            job = stack.cli(*arguments)["job"]["id"]
            stack.wait("all pages are read and compared", lambda: stack.sql(
                "SELECT (SELECT count(*) > 0 AND bool_and(walk_ended) FROM backup.collections WHERE "
                "outcome <> 'refused') AND NOT EXISTS (SELECT FROM backup.messages WHERE queue IN ('fetch', 'diff'))"
            ) == "t", 120)
            stack.sql("CHECKPOINT")

            def settle():
                stack.run_stage("persister")
                stack.wait("the job ends", lambda: stack.sql(
                    f"SELECT finished_at IS NOT NULL FROM backup.jobs WHERE job_id = '{job}'") == "t")

            seconds, _ = timed(settle)
            stack.stop_children()
            line(name, f"{written / seconds:,.0f} /s", f"{copy / seconds:.2f} x COPY by the clock (bar {bar})")
