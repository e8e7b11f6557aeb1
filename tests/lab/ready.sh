#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Stands for busbard: says that it is ready and stays. BUSBAR_TEST_FAIL=NODE makes that node fail,
# BUSBAR_TEST_SILENT=NODE makes it never ready.
[ "$1" = --measure ] && echo 10 && exit 0
[ "$1" = --config ] && [ "$3" = --ready-fd ] || exit 2
grep -q "^node: \"$BUSBAR_NODE\"" "$2" || exit 3
echo "configuration $2" >&2
if [ "$BUSBAR_TEST_FAIL" = "$BUSBAR_NODE" ]; then
	echo "the last words" >&2
	exit 9
fi
[ "$BUSBAR_TEST_SILENT" = "$BUSBAR_NODE" ] || echo ready >&"$4"
exec tail -f /dev/null
