#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Does clang -Wthread-safety find mistakes of users of the public header, and
# nothing else? See thread_safety.c. Prints KTAP.
set -eu
cd "$(dirname "$0")"
: "${CLANG:=clang}"

source=thread_safety.c
header=../userspace/include

echo "KTAP version 1"
if [ ! -e $source ]; then
	echo "1..1"
	echo "ok 1 thread_safety # SKIP $source is not installed"
	exit 4
fi
if ! echo 'int range;' | "$CLANG" -Wthread-safety -Werror -x c -fsyntax-only - 2>/dev/null; then
	echo "1..1"
	echo "ok 1 thread_safety # SKIP $CLANG does not know -Wthread-safety; package clang"
	exit 4
fi
mistakes=$(sed -n 's/^ \* \([A-Z_]*\): .*/\1/p' $source)
echo "1..$((2 + 2 * $(echo "$mistakes" | wc -l)))"

number=0
failed=0

# result NAME WARNINGS GOOD
result() {
	number=$((number + 1))
	if "$3"; then
		echo "ok $number $1"
	else
		echo "$2" | sed 's/^/# /'
		echo "not ok $number $1"
		failed=1
	fi
}

warnings() { # LANGUAGE [OPTION]
	"$CLANG" -x "$@" -Wall -Wextra -Wthread-safety -I $header -fsyntax-only $source 2>&1 || :
}

for language in c c++; do
	seen=$(warnings $language)
	good=false
	[ -n "$seen" ] || good=true
	result "$language.correct" "$seen" $good
	for mistake in $mistakes; do
		seen=$(warnings $language -D"$mistake")
		due=$(sed -n "s/^ \* $mistake: //p" $source)
		good=false
		! echo "$seen" | grep -q "warning: .*$due" || good=true
		result "$language.$mistake" "$seen" $good
	done
done
exit $failed
