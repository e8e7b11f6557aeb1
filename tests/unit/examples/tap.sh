# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# TAP for shell tests: source it, call ok and refused, end with finish. Leaves `here` (this folder) and `work`.
set -u

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tests=0

# How service.sh runs services: see there.
if [ "${BARE:-yes}" = yes ] && [ "$(id -u)" -eq 0 ] && unshare -mnpiuf true 2>"$work/unshare"; then
	export BARE=yes
else
	export BARE=no
fi

# require COMMAND...: without one of them the whole test is skipped.
require() {
	for command; do
		if ! command -v "$command" >"$work/found"; then
			echo "1..0 # SKIP $command is not installed"
			exit 0
		fi
	done
}

# ok TEXT COMMAND [ARGUMENT...]: the command must succeed.
ok() {
	text=$1
	shift
	tests=$((tests + 1))
	if "$@" >"$work/said" 2>&1; then
		echo "ok $tests - $text"
	else
		echo "not ok $tests - $text"
		sed 's/^/# /' "$work/said"
	fi
}

# refused TEXT COMMAND [ARGUMENT...]: it must fail with a complaint on stderr and nothing on stdout.
refused() {
	text=$1
	shift
	ok "$text" refuses "$@"
}

refuses() {
	if "$@" >"$work/output" 2>"$work/complaint"; then
		echo "succeeded"
		return 1
	fi
	[ ! -s "$work/output" ] && [ -s "$work/complaint" ]
}

finish() {
	echo "1..$tests"
}
