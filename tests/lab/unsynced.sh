#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A lab's daemon under UNSYNCED_LIBRARY (tests/tools/unsynced.c): what it has not synced can be taken from its
# state when it is killed.
set -eu
folder=/run/busbar-lab/${BUSBAR_LAB-}/${BUSBAR_NODE-}
UNSYNCED_FOLDER=$folder/state UNSYNCED_SHADOW=$folder/synced LD_PRELOAD=$UNSYNCED_LIBRARY \
	exec "$UNSYNCED_DAEMON" "$@"
