#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The holding service: waits as long as it is told to, and takes only a number of seconds.
. "$(dirname "$0")/tap.sh"

hold() {
	printf '%s' "$1" | "$here/service.sh" "$EXAMPLES/hold" hold
}

hold_argument() {
	"$here/service.sh" "$EXAMPLES/hold" hold "$1" </dev/null
}

waits() {
	before=$(date +%s%N)
	[ "$("$@")" = "held 0.4 s" ] && [ $(($(date +%s%N) - before)) -ge 400000000 ]
}

ok "seconds from stdin" waits hold 0.4
ok "seconds from stdin with a line's end" waits hold "0.4
"
ok "seconds from an argument" waits hold_argument 0.4
for wrong in "" . x -1 1h 1.2.3 "1 2" "1; ls"; do
	refused "'$wrong' from stdin" hold "$wrong"
	refused "'$wrong' as an argument" hold_argument "$wrong"
done
finish
