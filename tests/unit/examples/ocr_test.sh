#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The reading service: the words of page.png are those of page.txt.
. "$(dirname "$0")/tap.sh"
require tesseract

words() {
	tr -s ' \n' '\n\n' <"$1"
}

read_page() {
	"$here/service.sh" "$EXAMPLES/ocr" ocr <"$EXAMPLES/ocr/page.png" >"$work/page.txt"
}

# At most 2 words in 100 missed or misread, and as few invented.
words_right() {
	words "$EXAMPLES/ocr/page.txt" >"$work/wanted"
	words "$work/page.txt" >"$work/read"
	diff "$work/wanted" "$work/read" >"$work/difference"
	count=$(wc -l <"$work/wanted")
	echo "$count words"
	cat "$work/difference"
	[ "$count" -gt 200 ] && [ "$(grep -c '^[<]' "$work/difference")" -le $((count / 50)) ] &&
		[ "$(grep -c '^[>]' "$work/difference")" -le $((count / 50)) ]
}

not_an_image() {
	echo "no image" | "$here/service.sh" "$EXAMPLES/ocr" ocr
}

ok "the page is small" test "$(wc -c <"$EXAMPLES/ocr/page.png")" -lt 40960
ok "the page is read in a sandbox" read_page
ok "its words are right" words_right
refused "something that is no image" not_an_image
finish
