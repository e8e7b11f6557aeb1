#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A lab's daemon under UNSYNCED_LIBRARY (tests/tools/unsynced.c): what it has not synced can be taken from its
# state when it is killed. A sanitizer's library need not come first: ours only hands calls on.
set -eu
folder=/run/busbar-lab/${BUSBAR_LAB-}/${BUSBAR_NODE-}
export ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0"
UNSYNCED_FOLDER=$folder/state UNSYNCED_SHADOW=$folder/synced LD_PRELOAD=$UNSYNCED_LIBRARY \
	exec "$UNSYNCED_DAEMON" "$@"
