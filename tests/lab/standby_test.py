#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-by waits for the end of the gateway that has the state folder, and takes its journal over: what was
granted stays granted, a run goes on, new demands are served, and nothing is left in the end."""

import json
import os
import re
import signal
import subprocess
import time

import lab

DAEMON = os.path.join(lab.BUILD, "src", "daemon", "busbard")
VICTIM = "edge-a"


class Standby:
    """A second daemon beside the one that the lab has started, with the same configuration."""

    def __init__(self, *flags):
        self.log = f"{lab.FOLDER}/{VICTIM}/standby.log"
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                lab.within(VICTIM, DAEMON, "--config", f"{lab.FOLDER}/{VICTIM}/busbard.yaml", *flags), stdout=log,
                stderr=log, stdin=subprocess.DEVNULL)

    def said(self, event):
        with open(self.log, encoding="utf-8") as log:
            return re.search(rf"event={event}\b", log.read())

    def wait(self, seconds=20):
        return self.process.wait(seconds)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.wait()


def main():
    lab.wait_converged()
    uninvited = Standby()
    lab.check(uninvited.wait() != 0 and uninvited.said("state-in-use"), "a second gateway with the same state does not start")
    standby = Standby("--standby")
    lab.wait_until("the stand-by", lambda: standby.said("standing-by"))
    done = lab.busbar("--json", "reserve", "--service", "hold", "--region", "plain", "--for", "60 s", *lab.bandwidth())
    lab.need(done.returncode == 0, f"no reservation: {done.stderr}")
    reservation = json.loads(done.stdout)["task"]
    run = lab.hold(6, "--region", "plain", "--need", "cpu 1", "--for", "12 s", *lab.bandwidth())
    lab.wait_until("the run", lambda: lab.processes("dc-1"), 5)
    lab.check(not standby.said("started"), "the stand-by waits")
    lab.order("kill", VICTIM)
    began = time.monotonic()
    lab.wait_until("the stand-by serves", lambda: standby.said("started"), 20)
    lab.note(f"doors open {time.monotonic() - began:.2f} s after the kill")
    lab.check(True, "the stand-by takes over")
    lab.check(lab.task(reservation)["state"] == "granted", "what was granted is granted", lab.task(reservation)["state"])
    found = lab.settled(run)
    lab.check(lab.error_of(found) is None and found["parts"][0]["attempts"] == 1, "a run outlives its ingress, and ran once",
              found)
    lab.wait_converged()
    found = lab.settled(lab.hold(0.01, "--region", "plain"))
    lab.check(lab.error_of(found) is None, "new demands are served", found)
    lab.need(lab.busbar("release", reservation).returncode == 0, "not cancelled")
    lab.settled(reservation)
    lab.check_at_rest("after the take-over")
    standby.end()
    lab.order("start", VICTIM)
    lab.wait_converged()
    lab.check_at_rest("in the end")


lab.run(main)
