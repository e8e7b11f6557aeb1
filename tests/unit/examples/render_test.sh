#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The rendering service: bands joined again are, pixel by pixel, what POV-Ray alone makes of the scene.
. "$(dirname "$0")/tap.sh"
require povray convert

scene=$EXAMPLES/render/scene.pov

# The picture in one go, not by the service's script and as PNG by POV-Ray itself.
alone() {
	(cd "$work" && HOME=$work povray "+I$scene" "+Oalone-$2.png" +FN8 File_Gamma=sRGB "+W$1" "+H$2" \
		+Q9 +A0.15 +AM2 +R3 -J -D -GA) && convert "$work/alone-$2.png" -depth 8 rgb:"$work/alone-$2"
}

# bands COUNT WIDTH HEIGHT: renders all bands at once (POV-Ray mostly sleeps in small ones) and joins them.
bands() {
	name=$work/band-$3-$1 joined=$work/joined-$3-$1 last=$1
	for part in $(seq "$last"); do
		BUSBAR_PART=$part BUSBAR_PARTS=$last "$here/service.sh" "$EXAMPLES/render" render "$2" "$3" \
			<"$scene" >"$name-$part" &
	done
	wait
	set --
	for part in $(seq "$last"); do
		set -- "$@" "$name-$part"
	done
	"$EXAMPLES/render/assemble" "$joined.png" "$@" && convert "$joined.png" -depth 8 rgb:"$joined"
}

same() {
	bands "$1" "$2" "$3" && [ "$(wc -c <"$work/alone-$3")" -eq $((3 * $2 * $3)) ] &&
		cmp "$work/alone-$3" "$work/joined-$3-$1"
}

join() {
	"$EXAMPLES/render/assemble" "$work/refused.png" "$@"
}

part() {
	echo 'sphere { 0, 1 }' | BUSBAR_PART=$1 BUSBAR_PARTS=$2 \
		"$here/service.sh" "$EXAMPLES/render" render 40 30
}

broken() {
	echo 'sphere { 0, ' | "$here/service.sh" "$EXAMPLES/render" render 40 30
}

ok "640x480 renders in one go" alone 640 480
ok "8 bands of 640x480 are pixel-identical" same 8 640 480
ok "160x120 renders in one go" alone 160 120
for count in 1 2 3 7; do
	ok "$count of 160x120 pixel-identical" same $count 160 120
done
ok "a band is one row at least" part 30 30
refused "more parts than rows" part 31 31
refused "part 0" part 0 8
refused "part 9 of 8" part 9 8
refused "a scene that does not parse" broken

band=$work/band-120-3
head -c 2000 "$band-2" >"$work/short"
gzip -dc "$band-2" | head -c 2000 | gzip >"$work/cut"
echo 'not a band' | gzip >"$work/other"
refused "a missing first band" join "$band-2" "$band-3"
refused "a missing last band" join "$band-1" "$band-2"
refused "a missing middle band" join "$band-1" "$band-3"
refused "bands in the wrong order" join "$band-2" "$band-1" "$band-3"
refused "a band twice" join "$band-1" "$band-1" "$band-2" "$band-3"
refused "a band of another picture" join "$work/band-480-8-1" "$band-2" "$band-3"
refused "a truncated file" join "$band-1" "$work/short" "$band-3"
refused "a band with rows missing" join "$band-1" "$work/cut" "$band-3"
refused "something else" join "$work/other"
ok "no picture is left of a refused one" test ! -e "$work/refused.png"
finish
