#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The lock and its tests under valgrind: memcheck for memory, and helgrind and
# DRD for races, with what valgrind.h tells them. Each tool also has to report
# a lock that is broken on purpose. Prints KTAP. See make -C selftests help.
set -euo pipefail
cd "$(dirname "$0")"
: "${MAKE:=make}" "${OUTPUT:=$(cd .. && pwd)/build/selftests}" "${OPERATIONS:=40}"

if ! command -v valgrind >/dev/null ||
   ! echo '#include <valgrind/drd.h>' | cc -E - >/dev/null 2>&1; then
	echo "KTAP version 1"
	echo "1..0 # SKIP there is no valgrind, or no valgrind/drd.h: package valgrind"
	exit 4
fi

build() { # TARGET...
	"$MAKE" -s --no-print-directory FLAVOURS='plain valgrind' \
		OUTPUT="$OUTPUT" "${@/#/$OUTPUT/}" >&2
}

number=0
failed=0
log=$OUTPUT/valgrind.log

# under TOOL PROGRAM ARGUMENT...: status 0 if neither it nor the tests complain.
under() {
	case $1 in
	memcheck) set -- "$1" --leak-check=full --errors-for-leak-kinds=definite "${@:2}" ;;
	helgrind) set -- "$1" --history-level=approx "${@:2}" ;;
	esac
	timeout -k 10 1800 valgrind -q --tool="$1" --error-exitcode=9 \
		--suppressions=valgrind.supp "${@:2}" >"$log" 2>&1
}

# result NAME GOOD
result() {
	number=$((number + 1))
	if $2; then
		echo "ok $number $1"
	else
		tail -n 60 "$log" | sed 's/^/# /'
		echo "not ok $number $1"
		failed=1
	fi
}

# clean TOOL PROGRAM [ARGUMENT]...
clean() {
	local good=true

	under "$1" "$OUTPUT/$2" "${@:3}" || good=false
	result "$1.$2" $good
}

# reported TOOL REPORT VARIANT PROGRAM [ARGUMENT]...: and not just failed.
reported() {
	local good=false

	under "$1" "$OUTPUT/broken/$3/$4" "${@:5}" || ! grep -q "$2" "$log" || good=true
	result "$1.reports.$3" $good
}

build plain/{play_threads,stress} valgrind/{play_threads,stress} \
	broken/destroy_keeps_the_shards/plain/play_threads \
	broken/word_release_is_relaxed/valgrind/stress

echo "KTAP version 1"
echo "1..9"
for tool in memcheck helgrind drd; do
	flavour=valgrind
	[ $tool != memcheck ] || flavour=plain
	clean $tool $flavour/play_threads
	clean $tool $flavour/stress -s 1 -n "$OPERATIONS"
done
reported memcheck 'definitely lost' destroy_keeps_the_shards \
	plain/play_threads geometry_equal.shards
reported helgrind 'Possible data race' word_release_is_relaxed \
	valgrind/stress -s 1 -n "$OPERATIONS"
reported drd 'Conflicting' word_release_is_relaxed \
	valgrind/stress -s 1 -n "$OPERATIONS"
exit $failed
