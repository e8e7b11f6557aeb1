#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A lab that ends leaves nothing on its host, even when it ends in the middle of a task or by a signal that
cannot be caught."""

import glob
import os
import signal
import subprocess

import lab


def lab_processes():
    """Processes of the lab: its supervisor's descendants name its folder or run in its control groups."""
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(f"{path}/cmdline", "rb") as stream:
                words = stream.read().split(b"\0")
            with open(f"{path}/cgroup", encoding="utf-8") as stream:
                groups = stream.read()
        except OSError:
            continue
        named = any(word.startswith(lab.FOLDER.encode() + b"/") for word in words)
        owned = lab.NAME.encode() in words and words[0].endswith(b"busbar-lab")
        if named or owned or f"/busbar-lab-{lab.NAME}/" in groups:
            found.append(f"{os.path.basename(path)} {b' '.join(words).decode(errors='replace')}")
    return found


def network_namespaces():
    """Network namespaces that some process is in; those of a lab have no name on the host."""
    found = set()
    for path in glob.glob("/proc/[0-9]*/ns/net"):
        try:
            found.add(os.readlink(path))
        except OSError:
            continue
    return found


def lab_groups():
    return [path for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/*")
            for path in glob.glob(f"{top}/busbar-lab-{lab.NAME}")]


def try_up():
    topology = lab.write_topology(lab.METRO)
    done = lab.command("--file", topology, "up", stderr=subprocess.PIPE, text=True)
    os.unlink(topology)
    # A supervisor that was killed keeps its lock while the kernel takes its sockets apart.
    lab.need(done.returncode == 0 or "runs already" in done.stderr, f"up: {done.stderr.strip()}")
    return done.returncode == 0


def up():
    lab.wait_until("up", try_up, 5)
    lab.wait_converged()


def own_namespaces():
    """Network namespaces of the processes that have the supervisor as their init."""
    found, init = set(), os.readlink(f"/proc/{lab.supervisor()}/ns/pid")
    for path in glob.glob("/proc/[0-9]*"):
        try:
            if os.readlink(f"{path}/ns/pid") == init:
                found.add(os.readlink(f"{path}/ns/net"))
        except OSError:
            continue
    return found - {os.readlink("/proc/self/ns/net")}


def busy():
    """A task that runs at dc-1 with bandwidth; returns the namespaces of the lab."""
    lab.hold(30, "--region", "plain", *lab.bandwidth())
    lab.wait_until("the run", lambda: lab.processes("dc-1"), 5)
    lab.check(len(lab_processes()) > 8 and lab_groups(), "a lab at work has processes and control groups")
    own = own_namespaces()
    lab.check(len(own) >= 6, "and a network namespace for every gateway", own)
    return own


def check_nothing(when, own, folder_too=True):
    """`own`: the namespaces that the lab had. A number may be another lab's by now."""
    lab.settle_down(f"{when}: no process", lab_processes, 5)
    lab.settle_down(f"{when}: no network namespace", lambda: (network_namespaces() & own) - foreign(), 5)
    lab.check(not lab.mounts(), f"{when}: no mount", lab.mounts())
    if folder_too:
        lab.check(not lab_groups(), f"{when}: no control group", lab_groups())
        lab.check(not os.path.exists(lab.FOLDER), f"{when}: no folder")


def foreign():
    """Network namespaces of other labs, which may have come meanwhile."""
    found = set()
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(f"{path}/cmdline", "rb") as stream:
                words = stream.read()
            if lab.NAME.encode() not in words:
                found.add(os.readlink(f"{path}/ns/net"))
        except OSError:
            continue
    return found


def main():
    up()
    own = busy()
    done = lab.command("down")
    lab.check(done.returncode == 0, "a busy lab goes down")
    check_nothing("after down", own)
    up()
    own = busy()
    os.kill(lab.supervisor(), signal.SIGKILL)
    check_nothing("after the supervisor's sudden death", own, folder_too=False)
    up()
    lab.check(not lab.processes("dc-1") and not lab.groups("dc-1"), "the next start sweeps what was left")
    lab.check(lab.document("task", "list")["tasks"] == [], "and begins afresh")
    lab.check(lab.command("down").returncode == 0, "down again")
    check_nothing("in the end", own)


lab.require_root()
lab.perform(main)
