"""A stack of its own for a measurement, started as a user starts it."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILT = os.environ.get("ENTRA_BACKUP_PROGRAMS", ROOT + "/.build/release")
NAMES = ["entra-backup", "entra-backup-scheduler", "entra-backup-fetcher", "entra-backup-differ",
         "entra-backup-persister", "entra-backup-downloader", "entra-backup-restorer", "tenant-simulator",
         "broker-rate"]
STAGES = ["scheduler", "fetcher", "differ", "persister", "downloader", "restorer"]
TICK = os.sysconf("SC_CLK_TCK")


def programs():
    """A folder that every user can enter: started by root, a stack runs its programs as another user."""
    folder = tempfile.mkdtemp(prefix="entra-backup-bench-programs-")
    os.chmod(folder, 0o755)
    for name in NAMES:
        subprocess.check_call(["install", "-m", "755", f"{BUILT}/{name}", f"{folder}/{name}"])
    return folder


def timed(work):
    begin = time.monotonic()
    result = work()
    return time.monotonic() - begin, result


def clocks():
    """Of every process its own CPU seconds and those of its children that ended; and its parent."""
    times, parents = {}, {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(pid)] = int(fields[1])
        times[int(pid)] = [sum(int(f) for f in fields[11:13]) / TICK, sum(int(f) for f in fields[13:15]) / TICK]
    return times, parents


class Stack:
    def __init__(self, folder, fixture, workers=None, respects_quotas=False):
        self.programs = folder
        self.home = tempfile.mkdtemp(prefix="entra-backup-bench-")
        os.chmod(self.home, 0o755)
        self.data = self.home + "/stack"
        self.fixture = self.home + "/fixture.json"
        with open(self.fixture, "w") as file:
            json.dump(fixture, file)
        os.chmod(self.fixture, 0o644)
        self.environment = dict(os.environ, ENTRA_BACKUP_GRAPH_RESPECTS_QUOTAS=str(respects_quotas).lower())
        self.children = []
        self.sessions = []
        self.start_seconds = self.up(workers)
        variables = self.cli("stack", "env", "--data-dir", self.data)
        self.environment.update(variables)
        self.url = variables["ENTRA_BACKUP_SIMULATOR_URL"]
        self.tenants = json.load(urllib.request.urlopen(self.url + "/_control"))["tenants"]
        self.tenant = self.tenants[0]["tenantId"]
        password = open(self.data + "/secrets/postgres-superuser").read().strip()
        self.psql = ["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p",
                     variables["ENTRA_BACKUP_DATABASE_PORT"], "-U", "postgres", "-d", "entra_backup"]
        self.psql_environment = dict(os.environ, PGPASSWORD=password)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop_children()
        self.cli("stack", "down", "--data-dir", self.data, check=False)
        subprocess.run(["rm", "-rf", self.home])

    def up(self, workers=None):
        arguments = ["stack", "up", "--detach", "--data-dir", self.data, f"--simulator={self.fixture}"]
        if workers:
            arguments += ["--workers", workers]
        return timed(lambda: self.cli(*arguments))[0]

    def cli(self, *arguments, check=True):
        return self.timed_cli(*arguments, check=check)[1]

    def timed_cli(self, *arguments, check=True):
        """Seconds of the process, and its answer: reading that is not its work."""
        seconds, done = timed(lambda: subprocess.run([self.programs + "/entra-backup", *arguments, "--json"],
                                                     capture_output=True, env=self.environment))
        if check and done.returncode not in (0, 3):
            sys.exit(f"{arguments}: {done.returncode} {done.stderr.decode()} {done.stdout[:2000].decode()}")
        return seconds, json.loads(done.stdout) if done.stdout.strip() else {}

    def sql(self, text, **options):
        done = subprocess.run(self.psql, input="SELECT pg_backend_pid();\n" + text, capture_output=True, text=True,
                              check=True, env=self.psql_environment, **options)
        session, _, answer = done.stdout.partition("\n")
        self.sessions.append(int(session))
        return answer.strip()

    def control(self, method, path, body=None, tenant=None):
        request = urllib.request.Request(f"{self.url}/_control/{tenant or self.tenant}/{path}", method=method,
                                         data=json.dumps(body).encode() if body is not None else None)
        answer = urllib.request.urlopen(request).read()
        return json.loads(answer) if answer else None

    def add_tenants(self):
        """Accounts, and every tenant of the simulator; none is activated yet."""
        self.cli("partner", "create", "--name", "P")
        self.cli("plan", "create", "--name", "Plan", "--product", "backup-entra", "--currency", "EUR",
                 "--periodicity", "monthly", "--partner", "P")
        self.cli("organization", "create", "--name", "O", "--partner", "P", "--plan", "Plan", "--first-name", "F",
                 "--last-name", "L", "--email", "contact@customer.example", "--country", "DE")
        for tenant in self.tenants:
            secret = f"{self.home}/secret"
            with open(secret, "w") as file:
                file.write(tenant["clients"][0]["secret"])
            self.cli("tenant", "add", "--organization", "O", "--tenant-id", tenant["tenantId"], "--client-id",
                     tenant["clients"][0]["clientId"], "--client-secret-file", secret, "--graph-url", self.url,
                     "--authority-url", self.url)

    def wait(self, what, condition, seconds=600):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                sys.exit(f"not within {seconds} s: {what}")
            time.sleep(0.02)

    def run_stage(self, stage):
        """A stage beside the stack."""
        environment = dict(self.environment, MALLOC_ARENA_MAX="2",
                           ENTRA_BACKUP_DATABASE_PASSWORD_FILE=f"{self.data}/secrets/{stage}-password")
        child = subprocess.Popen([f"{self.programs}/entra-backup-{stage}"], env=environment, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        self.children.append(child)
        return child

    def stop_children(self):
        """Ends the stages beside the stack."""
        for child in self.children:
            child.send_signal(signal.SIGTERM)
            child.wait()
        self.children.clear()

    def processes(self):
        return self.cli("stack", "status", "--data-dir", self.data)["processes"]

    def peaks(self):
        """Peak resident memory of each stage process in MB."""
        peaks = {}
        for process in self.processes():
            if process["name"] in STAGES:
                with open(f"/proc/{process['pid']}/status") as status:
                    peak = int(next(line.split()[1] for line in status if line.startswith("VmHWM"))) / 1024
                peaks[process["name"]] = max(peak, peaks.get(process["name"], 0))
        return peaks

    def cpu(self):
        """Seconds of CPU so far by name of the process, copies together; `postgres` with all its sessions."""
        # A session's time passes to its parent when it is gone, which is after psql has ended. One that ends between
        # the reading of its parent and its own would be missing: then all is read again.
        self.wait("sessions that ended are gone",
                  lambda: not any(os.path.exists(f"/proc/{session}") for session in self.sessions), 30)
        self.sessions.clear()
        running = self.processes()
        postmasters = [process["pid"] for process in running if process["name"] == "postgres"]
        times, parents = clocks()
        while True:
            before = times
            times, parents = clocks()
            if all(times[pid][1] == before[pid][1] for pid in postmasters):
                break
        used = {}
        for process in running:
            name, pid = process["name"], process["pid"]
            seconds = times[pid][0]
            if name == "postgres":
                seconds += times[pid][1] + sum(times[child][0] for child in times if parents[child] == pid)
            used[name] = used.get(name, 0) + seconds
        return used


def spent(before, after, names):
    return sum(after[name] - before[name] for name in names)


def line(name, value, note=""):
    print(f"{name:52} {value:>16}   {note}", flush=True)


def heading(text):
    print(f"\n== {text}", flush=True)
