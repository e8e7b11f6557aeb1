# SPDX-License-Identifier: Apache-2.0
"""A guarantee under attack: the benchmark of guarantees for a short time, in its own lab."""

import json
import os
import subprocess
import sys

import lab

SECONDS = 8
BENCH = os.path.join(lab.ROOT, "bench", "guarantee")
NOT_HERE = 77


def main():
    done = subprocess.run([sys.executable, BENCH, lab.BUILD, str(SECONDS)], check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode == NOT_HERE:
        lab.skip(done.stderr.strip())
    for line in (done.stdout + done.stderr).splitlines():
        lab.note(line)
    lab.need(done.returncode == 0, "the measurement")
    with open(os.path.join(lab.BUILD, "bench", "guarantee.json"), encoding="utf-8") as stream:
        found = {figure["name"]: figure["value"] for figure in json.load(stream)["figures"]}
    lab.check(found["packets"] > 100 * SECONDS, "the reserved flow had the rate that it reserved")
    lab.check(found["violations"] == 0, "no packet of it was lost or over the bound")
    lab.check(found["violations_without_reservation"] > 0, "the same traffic without reservation was")
    lab.check(found["bound_over_max"] <= 3, "the bound is at most three times what was seen")
    lab.check(found["granted_flows"] == 3 and found["refused_by_ceiling"] == 1,
              "three flows fit, the fourth would break a ceiling")
    lab.check(found["refused_delay_ms"] > found["refused_ceiling_ms"] > 0, "and is told the delay and the ceiling")


lab.require_root()
lab.perform(main)
