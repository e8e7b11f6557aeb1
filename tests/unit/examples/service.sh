#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# service.sh FOLDER PROGRAM [ARGUMENT...]: runs a service as the most meagre site would.
#
# BARE=yes (needs root and namespaces): a root folder of /usr, /etc and the service read-only and a writable
# /scratch, nothing else (no /dev, /proc or /tmp), no network, user nobody. BARE=no: the same environment and an
# empty current folder.
set -eu

folder=$1 program=$2
shift 2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
export folder program root BUSBAR_PART="${BUSBAR_PART:-1}" BUSBAR_PARTS="${BUSBAR_PARTS:-1}"

if [ "$BARE" = no ]; then
	cd "$root"
	env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$root" TMPDIR="$root" BUSBAR_PART="$BUSBAR_PART" \
		BUSBAR_PARTS="$BUSBAR_PARTS" "$folder/$program" "$@"
	exit
fi

unshare -mnpiuf sh -eu -c '
	mount --make-rprivate /
	mount -t tmpfs none "$root"
	mkdir "$root/usr" "$root/etc" "$root/service" "$root/scratch"
	for name in bin sbin lib lib64; do
		if [ -L "/$name" ]; then
			cp -P "/$name" "$root/$name"
		elif [ -d "/$name" ]; then
			mkdir "$root/$name"
			mount --bind "/$name" "$root/$name"
		fi
	done
	for name in usr etc; do
		mount --bind "/$name" "$root/$name"
		mount -o remount,bind,ro "$root/$name"
	done
	mount --bind "$folder" "$root/service"
	mount -o remount,bind,ro "$root/service"
	mount -t tmpfs -o mode=1777,size=64m none "$root/scratch"
	mount -o remount,ro "$root"
	exec env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/scratch TMPDIR=/scratch \
		BUSBAR_PART="$BUSBAR_PART" BUSBAR_PARTS="$BUSBAR_PARTS" program="$program" \
		/usr/sbin/chroot "$root" /bin/sh -c "cd /scratch && exec setpriv --reuid 65534 --regid 65534 \
			--clear-groups --no-new-privs env -u program \"/service/\$program\" \"\$@\"" sh "$@"
' sh "$@"
