"""Downloads: objects a second, and memory that does not follow the tenant."""
import os
import random
import struct
import subprocess
import zipfile

from .stack import STAGES, Stack, heading, line, spent, timed


def places(path):
    """The members of an archive: (name, first byte of the compressed content, bytes)."""
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        for member in archive.infolist():
            file.seek(member.header_offset + 26)
            name, extra = struct.unpack("<HH", file.read(4))
            yield member.filename, member.header_offset + 30 + name + extra, member.compress_size


def flip(path, place, mask):
    with open(path, "r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ mask]))


def flipped(stack, path, seed, all_members):
    """Changes one bit of each member in turn, or of the largest and the manifest, and counts what `verify` refuses by
    the member's name."""
    chance = random.Random(seed)
    members = list(places(path))
    if not all_members:
        largest = max(members, key=lambda member: member[2])
        members = [largest] * 3 + [member for member in members if member[0] == "manifest.json"]
    found = 0
    for name, start, count in members:
        place, mask = start + chance.randrange(count), 1 << chance.randrange(8)
        flip(path, place, mask)
        done = subprocess.run([stack.programs + "/entra-backup", "download", "verify", stack.tenant, path],
                              capture_output=True, text=True, env=stack.environment)
        if done.returncode == 1 and name in done.stderr:
            found += 1
        else:
            print(f"not found: {name} at {place}, exit {done.returncode}: {done.stderr}")
        flip(path, place, mask)
    stack.cli("download", "verify", stack.tenant, path)
    line("flipped bits that were found, by the member's name", f"{found} of {len(members)}", "(bar: all)")


def measure(folder, seed):
    sizes = [10_000, 100_000] + ([420_000] if os.environ.get("BENCH_LARGE") else [])
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
                fetched, _ = timed(lambda: stack.cli("download", "fetch", job["id"], "--output", path))
                read, _ = timed(lambda: stack.cli("download", "verify", stack.tenant, path))
                line("fetched and read back", f"{fetched:.1f} s, {read:.1f} s",
                     f"{os.path.getsize(path) / done:.0f} B per object")
                if kind == "json":
                    flipped(stack, path, seed, users <= 10_000)
                os.remove(path)
            peaks.append(stack.peaks()["downloader"])
            line("downloader's peak memory", f"{peaks[-1]:.0f} MB", "(bar 200 MB)")
    for users, peak in zip(sizes[1:], peaks[1:]):
        line(f"peak, {users:,} users : 10,000 users", f"{peak / peaks[0]:.2f} x", "(bar: flat)")
