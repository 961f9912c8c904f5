#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check-user, and with the argument "all" make check: runs everything, also
# after a failure, and keeps a log of each part in BUILD/check. The last line
# sums up all test points.
set -euo pipefail
cd "$(dirname "$0")/.."

: "${MAKE:=make}" "${BUILD:=$PWD/build}" "${CC:=cc}" "${CXX:=c++}"
export MAKE BUILD CC CXX

logs=$BUILD/check
rm -rf "$logs"
mkdir -p "$logs"

# part NAME HEADING COMMAND...
part() {
	local log=$logs/$1.log status=0

	printf '\n== %s\n' "$2"
	shift 2
	"$@" </dev/null 2>&1 | tee "$log" || status=$?
	printf '\ncheck: exit %s\n' "$status" >>"$log"
	order+=("$log")
}

sub_make() {
	"$MAKE" --no-print-directory BUILD="$BUILD" CC="$CC" CXX="$CXX" "$@"
}

order=()
part count 'Failures are counted' tools/ktap-count-test.sh
part builds 'The library builds' selftests/install/builds.sh
part abi 'The public header agrees with the library' selftests/install/abi.sh
part selftests 'The lock does what it promises' sub_make -C selftests run_tests
part races 'ThreadSanitizer sees ranges, and nothing else' \
	sub_make -C selftests/races run_tests
part fuzz 'What the fuzzer found stays found' sub_make -C selftests/fuzz run_tests
part model 'No interleaving breaks a history' \
	sub_make -C selftests check-model MODEL_ARGS=-q
part bench 'What the benchmark measures excludes' sub_make bench-verify
part sharing 'Disjoint lockers share no cache line' sub_make bench-sharing
part install 'An installed copy works' selftests/install/install.sh
part series 'The patches for kernels have the same lock' kernel/patches/check.sh
part style 'The lock is in kernel style' tools/kernel-style.sh
if [ "${1-}" = all ]; then
	part broken 'Locks that are broken on purpose are caught' \
		sub_make -C selftests check-broken
	part broken-races 'ThreadSanitizer told wrong things is caught' \
		sub_make -C selftests/races check-broken
	part kernel 'A kernel with the patches is correct' \
		env MAY_SKIP=1 kernel/vm/kernel-check
	part rig 'What ran such kernels calls a bad run bad' kernel/vm/selftest
fi

printf '\n== Summary, of the logs in %s\n' "$logs"
awk -f tools/ktap-count.awk "${order[@]}"
