# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # for and by whoever sources this
# What kernel-check and kernel-check-deep share: KTAP with a result for each step,
# the kernels and programs, and the tests that both have.
#
# BUILD, CC and MAKE come from the environment, and MAY_SKIP; the arguments of the
# script that sources this are variables of vm.

top=$(realpath "$here/../..")
: "${BUILD:=$top/build}" "${CC:=cc}" "${MAKE:=make}" "${MAY_SKIP:=}"
programs=$(realpath -m "$BUILD")/selftests
variables=("$@")
# It is not what the kernel is built with, unless a variable says so.
export -n CC

# What has gone well many times is not told each time.
quiet='/^(check|fetch|apply|initramfs|build) .* \.\.\. (ok|cached|unchanged|already in there|done, .*)$/d'

number=0 passed=0 failed=0 blocked=

# step NAME COMMAND...: one result. Status 3 of COMMAND ends all that follows.
step() {
	local name=$1 log=$logs/$1.log begun=$SECONDS status=3 counts
	shift
	number=$((number + 1))
	if [ -z "$blocked" ]; then
		"$@" </dev/null 2>&1 | tee "$log" | sed -u -E -e "$quiet" -e 's/^/# /'
		status=${PIPESTATUS[0]}
		[ "$status" != 3 ] || blocked=$(grep -v '^ ' "$log" | grep -m 1 -E '^[a-z]+: ')
	fi
	case $status$MAY_SKIP in
	0*)
		passed=$((passed + 1))
		counts=$(sed -n 's/^boot .* \.\.\. \(.* skipped\),.*/\1, /p' "$log")
		echo "ok $number $name # $counts$((SECONDS - begun)) s" ;;
	31)
		echo "ok $number $name # SKIP $blocked" ;;
	3*)
		echo "# ${blocked}"
		echo "not ok $number $name" ;;
	*)
		failed=$((failed + 1))
		echo "# log: $log"
		echo "not ok $number $name" ;;
	esac
}

# attempt RUN VARIABLE=VALUE...: boots, and once more if the guest died of it,
# $attempts times at most.
attempt() {
	local left status=0
	for ((left = attempts; left; left--)); do
		rm -f "$1/verdict"
		"$here/vm" boot RUN="$1" "${@:2}" && return
		status=$?
		grep -q '^no end marker' "$1/verdict" 2>/dev/null || break
	done
	return $status
}

# boot NAME FLAVOUR SECONDS SCRIPT [VARIABLE=VALUE]...
attempts=1
boot() {
	local name=$1 run=$logs/$1
	mkdir -p "$run"
	step "$name" attempt "$run" SERIES=ours FLAVOUR="$2" TIMEOUT="$3" \
		SCRIPT="$4" "${@:5}" "${variables[@]}"
	rm -f "$run/bzImage" "$run/initramfs.cpio.gz"
}

# kunit NAME FLAVOUR: each history, and the kselftest that is in the tree.
kunit() {
	boot "$1" "$2" 120 "$here/guest/kunit.sh" EXPECT="kunit $histories" \
		FILES="$tree/tools/testing/selftests/range_lock/kunit.sh:/rig/kselftest"
}

# dax NAME FLAVOUR SECONDS EXPECTED PARAMETERS: dax_test in the guest.
dax() {
	boot "$1" "$2" "$3" "$top/selftests/dax/check.sh" \
		FILES="$programs/dax_test" EXPECT="$4" APPEND="$5" "${@:6}"
}

# start DIRECTORY: where in the cache the logs go. Only one run at a time has it.
start() {
	logs=${XDG_CACHE_HOME:-${HOME:?}/.cache}/range-lock/$1
	mkdir -p "$logs" || exit
	exec 8>"$logs/lock"
	flock -n 8 || {
		echo "${0##*/}: another one is at work in $logs" >&2
		exit 3
	}
	histories=$(sed -n 's/^\t{ "\([a-z_]*\)", [A-Z]*, {$/\1/p' "$top/selftests/histories.h")
	[ -n "$histories" ] || exit
	echo "KTAP version 1"
}

bail_out() {
	echo "Bail out! $*"
	exit 1
}

# prepare FLAVOUR...: a step for the sources, one for the guest's programs and
# one for each kernel. Sets what the tests need.
prepare() {
	local flavour

	step sources "$here/vm" where SERIES=ours "${variables[@]}"
	[ "$failed" = 0 ] || bail_out "there is nothing to test"
	step programs "$MAKE" -s -C "$top/selftests/dax" BUILD="$BUILD" CC="$CC" all
	for flavour; do
		step "build.$flavour" "$here/vm" build SERIES=ours FLAVOUR="$flavour" \
			"${variables[@]}"
	done
	[ "$failed" = 0 ] || bail_out "there is no kernel to test"
	points=$("$programs/dax_test" -l)
	tree=$(sed -n 's/^source=//p' "$logs/sources.log")
}

# finish: the status says how all of it went.
finish() {
	echo "# $SECONDS s; logs: $logs"
	[ "$failed" = 0 ] || exit 1
	[ -z "$blocked" ] || {
		[ "$MAY_SKIP" = 1 ] || exit 3
		[ "$passed" != 0 ] || exit 4
	}
	exit 0
}
