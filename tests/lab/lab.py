# SPDX-License-Identifier: Apache-2.0
"""What the tests of whole labs share: the lab around a script, the command busbar, conditions, TAP.

A script calls run(main). It is then started a second time inside `busbar-lab run`, so that the lab ends with
it, whatever ends it. Checks are TAP points; what cannot go on raises Unmet, which is the last point.
"""

import glob
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("LAB_BUILD", os.path.join(ROOT, "build")))
PROGRAM = os.environ.get("LAB_PROGRAM", os.path.join(BUILD, "src", "lab", "busbar-lab"))
BUSBAR = os.environ.get("LAB_BUSBAR", os.path.join(BUILD, "src", "cli", "busbar"))
STREAM = os.path.join(HERE, "stream.py")
METRO = os.path.join(ROOT, "lab", "metro.yaml")
NAME = os.environ.get("LAB_TEST_NAME", f"t{os.getpid()}")
FOLDER = os.path.join("/run/busbar-lab", NAME)
GATEWAYS = ("edge-a", "edge-b", "core-1", "core-2", "dc-1", "hpc-1")
IDENTITIES = {name: (site, 1) for site, name in enumerate(GATEWAYS, 1)}
HOLDING_ENDED = 3
# The command and the library it uses each hold a copy of what is below both; a sanitizer must not mind.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_odr_violation=0"
RATE = 5_000_000


class Unmet(Exception):
    """Something did not come about, and nothing after it would make sense."""


points = []


def check(condition, text, detail=""):
    points.append(bool(condition))
    print(f"{'ok' if condition else 'not ok'} {len(points)} - {text}")
    if not condition and detail != "":
        print("\n".join("# " + line for line in str(detail)[:4000].splitlines()))
    sys.stdout.flush()
    return bool(condition)


def note(text):
    print(f"# {text}", flush=True)


def need(condition, text):
    if not condition:
        raise Unmet(text)


def wait_until(what, test, seconds=20):
    """Polls a condition: views converge, nothing tells when."""
    end = time.monotonic() + seconds
    while True:
        found = test()
        if found:
            return found
        need(time.monotonic() < end, f"{what}: not within {seconds} s")
        time.sleep(0.05)


# The lab.

def command(*words, **options):
    """busbar-lab for this test's lab."""
    return subprocess.run([PROGRAM, "--name", NAME, *words], check=False, **options)


def lab_status():
    done = command("--json", "status", stdout=subprocess.PIPE, text=True)
    need(done.returncode == 0, "busbar-lab status")
    return json.loads(done.stdout)


def order(what, node):
    done = command(what, node, stderr=subprocess.PIPE, text=True)
    need(done.returncode == 0, f"busbar-lab {what} {node}: {done.stderr.strip()}")


def within(node, *words, **options):
    """The command line that runs words inside a node."""
    return [PROGRAM, "--name", NAME, "exec", node, "--", *words]


def execute(node, *words, status=0):
    done = subprocess.run(within(node, *words), check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    need(done.returncode == status, f"{node}: {' '.join(words)}: exit {done.returncode}: {done.stdout.strip()}")
    return done.stdout


# The command busbar.

def busbar(*words, node="client-a", text_in=None):
    return subprocess.run(within(node, BUSBAR, *words), check=False, input=text_in, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL if text_in is None else None)


def document(*words, **options):
    done = busbar("--json", *words, **options)
    need(done.returncode == 0, f"busbar {' '.join(words)}: exit {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def view(node="client-a"):
    return document("view", node=node)


def is_converged(seen):
    """Six gateways, eighteen links, measured and hardly lossy, all services."""
    links = [link for site in seen["sites"] for link in site["links"]]
    return len(seen["sites"]) == 6 and len(links) == 18 and len(seen["services"]) >= 15 and \
        all(link["loss_ppm"] < 100000 for link in links)


def wait_converged():
    for node in ("client-a", "client-b"):
        wait_until(f"the view of {node}", lambda node=node: is_converged(view(node)))


def links_of(seen):
    return {(site["name"], link["toward"]): link for site in seen["sites"] for link in site["links"]}


def task(identifier, node="client-a"):
    return document("task", "show", identifier, node=node)


def wait_task(identifier, states, node="client-a", seconds=30):
    """The task's document once its state is one of them."""
    def reached():
        done = busbar("--json", "task", "show", identifier, node=node)
        found = json.loads(done.stdout) if done.returncode == 0 else {"state": ""}
        return found["state"] in states and found
    return wait_until(f"task {identifier} {'/'.join(states)}", reached, seconds)


def settled(identifier, node="client-a", seconds=30):
    return wait_task(identifier, ("settled",), node, seconds)


def hold(seconds, *flags, node="client-a"):
    """Starts the service that holds what was claimed for it; the task's identifier."""
    done = busbar("--json", "run", "--service", "hold", "--input", "-", *flags, node=node, text_in=f"{seconds}\n")
    need(done.returncode == 0, f"hold {' '.join(flags)}: {done.stderr.strip()}")
    return json.loads(done.stdout)["task"]


def bandwidth():
    return ("--up", f"{RATE // 1000000} Mbit/s", "--down", f"{RATE // 1000000} Mbit/s")


def path_of(document_of_task):
    return document_of_task["parts"][0]["plan"]["path"]


def error_of(document_of_task):
    error = document_of_task["error"]
    return None if error is None else error["name"]


def status(client="client-a"):
    """What every gateway says of itself, by node; of what does not answer, its address is all there is."""
    done = busbar("--operator", "--json", "status", node=client)
    need(done.stdout, f"busbar status: {done.stderr.strip()}")
    return {found.get("node", found["address"]): found for found in json.loads(done.stdout)["gateways"]}


def refused(node, table, error):
    return status()[node][table].get(error, 0)


def ledger():
    done = busbar("--operator", "--json", "ledger", "check")
    return json.loads(done.stdout) if done.stdout else {"ok": False, "problems": [done.stderr], "gateways": []}


# Traffic.

class Stream:
    """stream.py in a node."""

    def __init__(self, node, *words):
        self.process = subprocess.Popen(within(node, sys.executable, STREAM, *words), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        need(self.process.stdout.readline() == "ready\n", f"stream in {node}")

    def say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def end(self):
        return json.loads(self.process.communicate()[0])


# What is left.

def rows(node, sql):
    base = sqlite3.connect(f"file:{FOLDER}/{node}/state/state.db?mode=ro", uri=True)
    try:
        return base.execute(sql).fetchall()
    finally:
        base.close()


def processes(node):
    """Processes in control groups of a gateway's runs, by both versions' rules."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cgroup"):
        try:
            with open(path, encoding="utf-8") as stream:
                if f"/busbar-lab-{NAME}/{node}/" in stream.read():
                    found.append(path.split("/")[2])
        except OSError:
            continue
    return found


def groups(node):
    """Control groups of a gateway's runs."""
    return [path for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/*")
            for path in glob.glob(f"{top}/busbar-lab-{NAME}/{node}/*/")]


def mounts():
    """Mounts of the lab that anybody outside it can see."""
    with open("/proc/self/mountinfo", encoding="utf-8") as stream:
        return [line for line in stream if FOLDER + "/" in line or f"busbar-lab-{NAME}" in line]


def sandbox_mounts():
    """Mounts of sandboxes, seen from the supervisor's mount namespace."""
    with open(f"/proc/{supervisor()}/mountinfo", encoding="utf-8") as stream:
        return [line for line in stream if "busbar" in line and "/run/busbar-lab" not in line]


def supervisor():
    return lab_status()["pid"]


def receipt_problems(node):
    """Every claim ends in exactly one receipt, and nothing else is on record; old claims are not kept."""
    open_rows = rows(node, f"SELECT hex(program), state FROM holding WHERE state <> {HOLDING_ENDED}")
    missing = rows(node, "SELECT hex(program) FROM holding h WHERE "
                         "(SELECT count(*) FROM usage_receipt u WHERE u.program = h.program) <> 1")
    extra = rows(node, "SELECT hex(program) FROM usage_receipt WHERE program NOT IN (SELECT program FROM holding) "
                       "AND (NOT acknowledged OR program > (SELECT min(program) FROM holding))")
    return [f"{node}: {what} {row}" for what, found in
            (("open", open_rows), ("not one receipt", missing), ("receipt of nothing", extra)) for row in found]


def taken(seen):
    """Links and resources of which something is taken."""
    links = [f"{a} > {b}: {link['free_bps']}" for (a, b), link in links_of(seen).items()
             if link["free_bps"] != link["capacity_bps"]]
    resources = [f"{site['name']}: {offer['kind']} {offer['free']}" for site in seen["sites"]
                 for offer in site["resources"] if offer["free"] != offer["capacity"]]
    return links + resources


def unsettled():
    """Why the accounts are not closed, or an empty list."""
    found = ledger()
    problems = list(found["problems"]) if not found["ok"] else []
    for gateway in found["gateways"]:
        if "balanced" in gateway and (gateway["escrow"] != "0" or gateway["open_programs"] != 0
                                      or gateway["entries_sum"] != "0"):
            problems.append(f"{gateway['node']}: escrow {gateway['escrow']}, open {gateway['open_programs']}")
    return problems


def settle_down(what, problems, seconds):
    """Polls a list of problems until it is empty; the last ones found otherwise."""
    end = time.monotonic() + seconds
    found = problems()
    while found and time.monotonic() < end:
        time.sleep(0.1)
        found = problems()
    return check(not found, what, "\n".join(map(str, found)))


def check_at_rest(when, seconds=15):
    """Nothing is held, owed, running or lying about in the whole network."""
    settle_down(f"{when}: the ledgers prove balance, metered equals billed, escrow 0", unsettled, seconds)
    settle_down(f"{when}: every claim has exactly one receipt",
                lambda: [problem for node in GATEWAYS for problem in receipt_problems(node)], seconds)
    for node in ("client-a", "client-b"):
        settle_down(f"{when}: all that is offered is free in the view of {node}", lambda node=node: taken(view(node)),
                    seconds)
    settle_down(f"{when}: no process, control group or mount of a run is left",
                lambda: [found for node in GATEWAYS for found in processes(node) + groups(node)] + sandbox_mounts(),
                seconds)


# The frame of a test.

def skip(cause):
    print(f"1..0 # SKIP {cause}")
    sys.exit(0)


def require_root():
    if os.geteuid() != 0:
        skip("labs need root")
    if shutil.which("unshare") is None or \
            subprocess.run(["unshare", "-nmpf", "true"], check=False, stderr=subprocess.DEVNULL).returncode != 0:
        skip("no namespaces here")


def log_of(node):
    try:
        with open(f"{FOLDER}/{node}/log", encoding="utf-8", errors="replace") as stream:
            return stream.read().splitlines()
    except OSError:
        return []


def show_logs():
    for node in GATEWAYS:
        print("".join(f"# {node}: {line}\n" for line in log_of(node)[-12:]), end="")


def check_health():
    """No daemon ended otherwise than it was told to, and a sanitizer, if there is one, said nothing."""
    found = [f"{node}: {line}" for node in GATEWAYS for line in log_of(node)
             if "Sanitizer" in line or "runtime error" in line or line.startswith("    #")]
    check(not found, "no daemon did what it must not", "\n".join(found[:40]))
    ended = [node for node in lab_status()["nodes"] if node.get("daemon", {}).get("state", "ready") != "ready"]
    check(not ended, "all daemons are ready in the end", ended)


def finish():
    if not all(points) or not points:
        show_logs()
    if "LAB_KEEP" in os.environ:  # a folder for all that the lab has written
        shutil.copytree(FOLDER, os.environ["LAB_KEEP"], dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("control", "runs"))
    print(f"1..{len(points)}", flush=True)
    sys.exit(0 if points and all(points) else 1)


def perform(main):
    """Runs a test whose lab, if any, is its own affair."""
    try:
        main()
    except Unmet as unmet:
        check(False, "the test can go on", unmet)
    except (OSError, ValueError, KeyError, IndexError, sqlite3.Error, subprocess.SubprocessError) as failure:
        check(False, "the test can go on", f"{type(failure).__name__}: {failure}")
    finish()


def write_topology(topology, changes=()):
    """A network with what this build has made, and changes of its text: a file of its own, since paths start at the
    file."""
    with open(topology, encoding="utf-8") as stream:
        text = stream.read().replace("../build/", f"{BUILD}/").replace("../examples/", f"{ROOT}/examples/")
    for old, new in changes:
        need(old in text, f"the topology has no '{old}'")
        text = text.replace(old, new)
    handle, path = tempfile.mkstemp(prefix="busbar-lab-", suffix=".yaml")
    with open(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    return path


def run(main, daemon=None, changes=(), topology=METRO):
    """Runs a test inside a lab, of the demo's network unless it says otherwise, with changes; its daemon is the
    build's unless named."""
    require_root()
    if "LAB_TEST_NAME" in os.environ:
        os.unlink(os.environ["LAB_TEST_TOPOLOGY"])
        perform(lambda: (main(), check_health()))
    topology = write_topology(topology, changes)
    os.environ.update(LAB_TEST_NAME=NAME, LAB_TEST_TOPOLOGY=topology)
    chosen = ["--busbard", daemon] if daemon else []
    os.execv(PROGRAM, [PROGRAM, "--file", topology, "--name", NAME, *chosen, "run", sys.executable, *sys.argv])
