#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One gateway with one local site and no network, as examples/single has it, in a network namespace of its own: all that
a client and an operator may ask of it, what of it is not there included."""

import os
import re
import signal
import subprocess
import sys
import tempfile

import lab

INSIDE = "SINGLE_INSIDE"
BUSBARD = os.path.join(lab.BUILD, "src/daemon/busbard")
EXAMPLE = os.path.join(lab.ROOT, "examples", "single")
READ = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"


def configure(folder):
    with open(os.path.join(EXAMPLE, "busbard.yaml"), encoding="utf-8") as stream:
        text = stream.read()
    text = text.replace("/var/lib/busbar", os.path.join(folder, "state"))
    text = text.replace("cgroup: busbar", f"cgroup: busbar-single-{os.getpid()}")
    text = text.replace("folder: ..", f"folder: {os.path.join(lab.ROOT, 'examples')}")
    path = os.path.join(folder, "busbard.yaml")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    return path


def busbar(*words, **options):
    return subprocess.run([lab.BUSBAR, "--config", os.path.join(EXAMPLE, "busbar.yaml"), *words], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def start(path, log):
    ready, said = os.pipe()
    with open(log, "w", encoding="utf-8") as stream:
        gateway = subprocess.Popen([BUSBARD, "--config", path, "--ready-fd", str(said)], stdout=stream, stderr=stream,
                                   pass_fds=[said])
    os.close(said)
    lab.need(os.read(ready, 16), "busbard starts: " + open(log, encoding="utf-8").read()[-2000:])
    os.close(ready)
    return gateway


def clients():
    done = busbar("view")
    lab.check(done.returncode == 0 and "here" in done.stdout, "the view has the site", done.stderr)
    done = busbar("quote", "--service", "hold")
    lab.check(done.returncode == 0, "a quote", done.stderr)
    done = busbar("call", "hold", input="0.1\n")
    lab.check(done.returncode == 0 and done.stdout == "held 0.1 s\n", "a call", done.stderr)
    done = busbar("run", "--wait", "--need", "memory 32 MiB", "--run", "--", "/bin/echo", "hello")
    lab.check(done.returncode == 0, "a run", done.stderr)
    done = busbar("trace", "here")
    lab.check(done.returncode == 0 and "here" in done.stdout, "the way to the site", done.stderr)
    done = busbar("bill")
    lab.check(done.returncode == 0, "the bill", done.stderr)


def operators(gateway, log):
    done = busbar("--operator", "ledger", "check")
    lab.check(done.returncode == 0 and "balanced" in done.stdout, "the ledger balances", done.stdout + done.stderr)
    for words in (("bgp", "peers"), ("bgp", "routes"), ("bgp", "stats")):
        done = busbar("--operator", *words)
        lab.check(done.stdout + done.stderr and "no answer" not in done.stderr, f"an answer: {' '.join(words)}",
                  done.stderr)
    done = subprocess.run([sys.executable, "-c", READ, "http://[::1]:4183/metrics"], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lab.check(re.search(r"^busbar_view_services 2", done.stdout, re.M) and done.stdout.rstrip().endswith("# EOF"),
              "metrics", done.stdout[-400:] + done.stderr[-400:])
    gateway.send_signal(signal.SIGHUP)
    lab.wait_until("the configuration is read again",
                   lambda: "event=reloaded" in open(log, encoding="utf-8").read())
    lab.check(gateway.poll() is None, "it goes on")


def main():
    with tempfile.TemporaryDirectory(prefix="busbar-single-") as folder:
        path, log = configure(folder), os.path.join(folder, "log")
        gateway = start(path, log)
        try:
            clients()
            operators(gateway, log)
        finally:
            gateway.send_signal(signal.SIGTERM)
            status = gateway.wait(timeout=60)
        with open(log, encoding="utf-8") as stream:
            said = stream.read()
        lab.check(status == 0 and "Sanitizer" not in said and "runtime error" not in said, "it ends in order",
                  f"{status}: {said[-2000:]}")


if __name__ == "__main__":
    lab.require_root()
    if INSIDE not in os.environ:
        # Not "ip netns exec": it hides the control groups.
        sys.exit(subprocess.run(["unshare", "-n", sys.executable, "-B", __file__], check=False,
                                env={**os.environ, INSIDE: "1"}).returncode)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    try:
        main()
    except lab.Unmet as problem:
        lab.check(False, "the test can go on", problem)
    lab.finish()
