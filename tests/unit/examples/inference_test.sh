#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The inference service as built: classify and model.bin in a folder of their own, one picture a call.
. "$(dirname "$0")/tap.sh"

mkdir "$work/service"
cp "$INFERENCE/classify" "$INFERENCE/model.bin" "$work/service"
chmod 755 "$work" "$work/service"

# A run outside the sandbox has no /service, and so names the model.
classify() {
	"$here/service.sh" "$work/service" classify "$@"
}

model() {
	if [ "$BARE" = yes ]; then
		classify
	else
		classify "$work/service/model.bin"
	fi
}

reads() {
	answer=$("$INFERENCE/sample" "$1" "$2" | model)
	echo "answer: $answer"
	case $answer in
	"$1 0."[0-9][0-9][0-9] | "$1 1.000") ;;
	*) return 1 ;;
	esac
}

octets() {
	head -c "$1" /dev/zero | model
}

with_model() {
	"$INFERENCE/sample" 3 1 | "$INFERENCE/classify" "$1"
}

same_sample() {
	"$INFERENCE/sample" 5 77 >"$work/one" && "$INFERENCE/sample" 5 77 >"$work/two" &&
		"$INFERENCE/sample" 5 78 >"$work/three" && [ "$(wc -c <"$work/one")" -eq 64 ] &&
		cmp "$work/one" "$work/two" && ! cmp -s "$work/one" "$work/three"
}

same_model() {
	"$INFERENCE/train" "$work/again.bin" && cmp "$work/again.bin" "$INFERENCE/model.bin"
}

for digit in 0 1 2 3 4 5 6 7 8 9; do
	ok "reads a $digit" reads $digit 1
done
ok "a sample follows from its seed" same_sample
ok "training again gives the same model" same_model
refused "63 octets" octets 63
refused "65 octets" octets 65
refused "nothing" octets 0
refused "an absent model" with_model "$work/absent"
head -c 100 "$INFERENCE/model.bin" >"$work/short.bin"
refused "a short model" with_model "$work/short.bin"
head -c 100000 /dev/zero >"$work/long.bin"
refused "a long model" with_model "$work/long.bin"
refused "a folder as the model" with_model "$work"
refused "digit 10" "$INFERENCE/sample" 10 1
refused "a digit that is none" "$INFERENCE/sample" x 1
refused "a negative seed" "$INFERENCE/sample" 1 -1
finish
