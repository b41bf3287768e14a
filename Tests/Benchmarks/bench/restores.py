"""Plans, live comparisons and restores: time, memory, how much of the write quota is used, requests by type."""
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from . import baselines
from .stack import STAGES, Stack, heading, line, spent, timed

QUOTA = 3000 / 150


def measure(folder, seed):
    parts = {"planning": planning, "live": live, "writing": writing, "copies": copies, "requests": requests,
             "quota": quota}
    for name in os.environ.get("BENCH_RESTORES", ",".join(parts)).split(","):
        parts[name](folder, seed)


def peak(stack, *arguments):
    """Seconds, peak memory in MB and answer of one command."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.monotonic()
        child = subprocess.Popen([stack.programs + "/entra-backup", *arguments, "--json"], stdout=out, stderr=err,
                                 env=stack.environment)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begin
        err.seek(0)
        if child.returncode not in (0, 3):
            sys.exit(f"{arguments}: {child.returncode} {err.read().decode()}")
        out.seek(0)
        return seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime, json.load(out)


def backed_up(stack):
    """Accounts, the first backup of every tenant, and the credential that writes."""
    stack.add_tenants()
    for tenant in stack.tenants:
        name = tenant["tenantId"]
        stack.cli("tenant", "activate", name, "--wait")
        secret = f"{stack.home}/write-secret"
        with open(secret, "w") as file:
            file.write(tenant["clients"][1]["secret"])
        stack.cli("tenant", "write-access", name, "add", "--client-id", tenant["clients"][1]["clientId"],
                  "--client-secret-file", secret)


class Writer(baselines.Reader):
    """Writes as the application that may, twenty requests together."""

    def __init__(self, stack, tenant):
        self.stack = stack
        client = tenant["clients"][1]
        body = urllib.parse.urlencode({
            "client_id": client["clientId"], "client_secret": client["secret"], "grant_type": "client_credentials",
            "scope": "https://graph.microsoft.com/.default"}).encode()
        url = f"{stack.url}/{tenant['tenantId']}/oauth2/v2.0/token"
        self.connect(json.load(urllib.request.urlopen(url, body))["access_token"])

    def change_users(self, count):
        """Gives at most so many users another job title, but those that are kept on premises."""
        users = [user for user in self.get("/v1.0/users?$select=id,onPremisesSyncEnabled&$top=999")
                 if not user.get("onPremisesSyncEnabled")][:count]
        for start in range(0, len(users), 20):
            items = [{"id": str(i), "method": "PATCH", "url": f"/users/{user['id']}",
                      "headers": {"Content-Type": "application/json"}, "body": {"jobTitle": f"damaged {start + i}"}}
                     for i, user in enumerate(users[start:start + 20])]
            answers = self.send("POST", "/v1.0/$batch", json.dumps({"requests": items}))["responses"]
            refused = [answer for answer in answers if answer["status"] >= 300]
            if refused:
                sys.exit(f"users could not be changed: {refused[0]}")
        return len(users)


def plan(stack, *arguments, tenant=None):
    return stack.cli("restore", "plan", tenant or stack.tenant, "--snapshot", "1", *arguments)["plan"]


def written(stack, tenant=None):
    """(writes, requests in all, answers of 429) since the statistics were emptied."""
    stats = stack.control("GET", "stats", tenant=tenant)
    writes = sum(count for name, count in stats["requests"].items()
                 if not name.startswith("GET ") and not name.endswith("/$batch") and "oauth2/" not in name)
    refused = stats["statuses"].get("429", 0)
    return writes - refused, sum(stats["requests"].values()), refused


def seconds_of(job):
    """From the moment that the restorer took it up to its end."""
    return job["stages"][0]["seconds"] if job["stages"] else None


def planning(folder, seed):
    heading(f"Plan for a tenant of 100,000 objects, 10 % damaged (seed {seed})")
    fixture = {"seed": seed, "users": 80000, "groups": 10000, "memberships": 200000, "applications": 2000,
               "devices": 4000, "settings": {"quotas": False}}
    with Stack(folder, fixture) as stack:
        backed_up(stack)
        objects = int(stack.sql("SELECT count(*) FROM backup.object_versions WHERE facet = 0"))
        stack.control("POST", f"churn?seed={seed}&fraction=0.1")
        # The round that reads the damage is measured by itself, and the plan after it with one that finds nothing new.
        seconds, _ = timed(lambda: stack.cli("backup", "start", stack.tenant, "--wait"))
        line("reading what changed", f"{seconds:.2f} s", "a round before, as the plan's own would do it")
        before = stack.cpu()
        seconds, memory, cpu, document = peak(stack, "restore", "plan", stack.tenant, "--snapshot", "1", "--links",
                                              "rollback", "--new-objects", "delete")
        database = spent(before, stack.cpu(), ["postgres"])
        steps = document["plan"]["steps"]
        line("plan", f"{seconds:.2f} s", f"{objects:,} objects, {len(steps):,} steps (bar 30 s); CPU {cpu:.1f} s, "
             f"PostgreSQL {database:.1f} s")
        line("its peak memory", f"{memory:.0f} MB", "(bar 300 MB)")


def live(folder, seed):
    heading(f"Live comparison of 10,000 users (seed {seed})")
    with Stack(folder, {"seed": seed, "users": 10000, "settings": {"quotas": False}}) as stack:
        stack.add_tenants()
        stack.cli("tenant", "activate", stack.tenant, "--wait")
        plain, _ = timed(lambda: baselines.plain_reader(stack))
        users, _ = timed(lambda: baselines.plain_users(stack))
        stack.control("POST", f"churn?seed={seed}&count=500")
        for name, arguments, base in (("all types", [], plain), ("users alone", ["--type", "user"], users)):
            seconds, found = timed(lambda: stack.cli("diff", stack.tenant, "--from", "1", "--to", "live", *arguments))
            line(f"live diff, {name}", f"{seconds:.2f} s", f"{seconds / base:.2f} x plain read of {base:.2f} s (bar 1.3); "
                 f"{len(found['items'])} items")


def writing(folder, seed, count=10000):
    heading(f"{count:,} users restored by one restorer, no quota (seed {seed})")
    with Stack(folder, {"seed": seed, "users": count, "settings": {"quotas": False}}) as stack:
        backed_up(stack)
        Writer(stack, stack.tenants[0]).change_users(count)
        made = plan(stack, "--types", "user", "--attributes-mode", "overwrite")
        changed = len(made["steps"])
        stack.control("POST", "stats")
        before = stack.cpu()
        job = stack.cli("restore", "apply", made["id"], "--wait")["job"]
        after = stack.cpu()
        writes, total, _ = written(stack)
        seconds = seconds_of(job)
        used = spent(before, after, ["restorer"]), spent(before, after, ["postgres"])
        line("writes", f"{writes / seconds:,.0f} /s", f"{writes:,} writes for {changed:,} steps in {seconds:.1f} s "
             f"(bar 500 /s); CPU per write: restorer {1e6 * used[0] / writes:.0f} µs, "
             f"PostgreSQL {1e6 * used[1] / writes:.0f} µs")
        line("outcome", job["state"], f"{total / changed:.2f} requests per object, batches apart")
        line("restorer's peak memory", f"{stack.peaks()['restorer']:.0f} MB")


def copies(folder, seed, count=5000):
    heading(f"Two tenants of {count:,} users restored at once, by one restorer and by two (seed {seed})")
    times = []
    for restorers in (1, 2):
        tenants = [{"seed": seed + i, "users": count, "settings": {"quotas": False}} for i in range(2)]
        with Stack(folder, {"tenants": tenants}, workers=f"restorer={restorers}") as stack:
            backed_up(stack)
            plans = []
            for tenant in stack.tenants:
                Writer(stack, tenant).change_users(count)
                plans.append(plan(stack, "--types", "user", "--attributes-mode", "overwrite",
                                  tenant=tenant["tenantId"])["id"])
            jobs = [stack.cli("restore", "apply", made)["job"]["id"] for made in plans]
            stack.wait("both restores end", lambda: stack.sql(
                "SELECT bool_and(finished_at IS NOT NULL) FROM backup.jobs WHERE kind = 'restore'") == "t")
            ended = [stack.cli("job", "show", job)["job"] for job in jobs]
            seconds = float(stack.sql("SELECT extract(epoch FROM max(finished_at) - min(started_at)) FROM backup.jobs "
                                      "WHERE kind = 'restore'"))
            times.append(seconds)
            line(f"{restorers} restorer{'s' if restorers > 1 else ''}", f"{2 * count / seconds:,.0f} /s",
                 f"{seconds:.1f} s; {', '.join(job['state'] for job in ended)}")
    line("two : one, by the clock", f"{times[1] / times[0]:.2f} x", "(bar: below 1)")


def requests(folder, seed):
    heading(f"Requests per restored object, by type (seed {seed}); reading, looking and reading back included")
    with Stack(folder, {"seed": seed, "users": 1000, "settings": {"quotas": False}}) as stack:
        backed_up(stack)
        stack.control("POST", f"churn?seed={seed}&count=4000")
        types = sorted({step["type"] for step in plan(stack, "--links", "rollback")["steps"]})
        for name in types:
            made = plan(stack, "--types", name, "--links", "rollback")
            steps = made["steps"]
            if not steps:
                continue
            stack.control("POST", "stats")
            # What the apply reads before it begins is a live round, whose cost is by what changed since the last one.
            job = stack.cli("restore", "apply", made["id"], "--wait")["job"]
            writes, total, _ = written(stack)
            objects = len({step["id"] for step in steps})
            line(name, f"{total / objects:.2f}", f"{writes / objects:.2f} of them write; {objects} objects, "
                 f"{job['state']}")


def quota(folder, seed, count=5000):
    heading(f"{count:,} writes under the published quota, 3,000 in 150 s per app and tenant (seed {seed})")
    fixture = {"seed": seed, "users": count, "settings": {"quotas": False}}
    with Stack(folder, fixture, respects_quotas=True) as stack:
        backed_up(stack)
        Writer(stack, stack.tenants[0]).change_users(count)
        made = plan(stack, "--types", "user", "--attributes-mode", "overwrite")
        stack.control("POST", "settings", {"quotas": True})
        stack.control("POST", "stats")
        job = stack.cli("restore", "apply", made["id"], "--wait")["job"]
        writes, _, refused = written(stack)
        seconds = seconds_of(job)
        line("writes", f"{writes / seconds:.2f} /s", f"{writes:,} in {seconds:.0f} s, {refused} refused; {job['state']}")
        line("share of the quota that was used", f"{100 * writes / (QUOTA * seconds):.1f} %", "(bar 95 %)")
