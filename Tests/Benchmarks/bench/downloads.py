"""Downloads: objects a second, and memory that does not follow the tenant."""
import os

from .stack import STAGES, Stack, heading, line, spent


def measure(folder, seed):
    sizes = [10_000] + ([1_000_000] if os.environ.get("BENCH_LARGE") else [])
    heading(f"Downloads by one downloader (seed {seed}); BENCH_LARGE=1 adds 1,000,000 objects")
    peaks = []
    for users in sizes:
        fixture = {"seed": seed, "users": users, "settings": {"quotas": False}}
        with Stack(folder, fixture) as stack:
            stack.add_tenants()
            stack.cli("tenant", "activate", stack.tenant, "--wait")
            for kind in ("json", "csv"):
                before = stack.cpu()
                job = stack.cli("download", "start", stack.tenant, "--format", kind, "--wait")["job"]
                after = stack.cpu()
                done, seconds = job["progress"]["done"], job["stages"][0]["seconds"]
                used = spent(before, after, STAGES), spent(before, after, ["postgres"])
                line(f"{kind}, {done:,} objects", f"{done / seconds:,.0f} /s",
                     f"{seconds:.2f} s (bar 20,000 /s); CPU per object: stages {1e6 * used[0] / done:.0f} µs, "
                     f"PostgreSQL {1e6 * used[1] / done:.0f} µs")
                path = f"{stack.home}/{kind}.zip"
                stack.cli("download", "fetch", job["id"], "--output", path)
                stack.cli("download", "verify", stack.tenant, path)
                line("fetched and verified", f"{os.path.getsize(path) / done:.0f} B per object")
            peaks.append(stack.peaks()["downloader"])
            line("downloader's peak memory", f"{peaks[-1]:.0f} MB", "(bar 200 MB)")
    if len(peaks) > 1:
        line("peak, 1,000,000 : 10,000 objects", f"{peaks[1] / peaks[0]:.2f} x")
