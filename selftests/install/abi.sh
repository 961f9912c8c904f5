#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# userspace/abi_check.c compiles, and would not if one of the two headers were
# changed alone: each is changed here, in a copy, in every way that matters.
cd "$(dirname "$0")/../.." || exit
. tools/ktap.sh

public=userspace/include/range_lock.h
lock=kernel/include/linux/range_lock.h
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT

compile() { # COMPILER [VARIABLE=VALUE...]
	rm -rf "$work/build"
	"$MAKE" -s --no-print-directory BUILD="$work/build" CC="$1" abi "${@:2}"
}

# The compiler has to see the change, and to refuse it for that very reason.
refused() { # FILE SED-SCRIPT
	mkdir -p "$work/linux"
	sed "$2" "$1" >"$work/${1##*include/}"
	if cmp -s "$1" "$work/${1##*include/}"; then
		echo "the change is out of date: it changes nothing"
		return 1
	fi
	if [ "$1" = $public ]; then
		set -- public-header="$work/range_lock.h"
	else
		set -- CPPFLAGS="-I$work"
	fi
	if compile "$CC" "$@" >"$work/output" 2>&1; then
		echo "it compiles"
		return 1
	fi
	cat "$work/output"
	grep -q -e 'static assertion failed' -e static_assert \
		-e 'conflicting types' "$work/output"
}

plan 14
point "both agree, says gcc" compile gcc
point "both agree, says clang" compile clang

point "public: a smaller request" refused $public '/opaque_pointers\[7\];/d'
point "public: a larger request" refused $public 's/opaque_state\[7\]/opaque_state[8]/'
point "public: a larger tree" refused $public 's/uint32_t\topaque_lock;/uint64_t opaque_lock;/'
point "public: members change places" refused $public \
	's/opaque_clock;/opaque_swap;/; s/opaque_lock;/opaque_clock;/; s/opaque_swap;/opaque_lock;/'
point "public: another bound" refused $public 's/4000000U/4000001U/'
point "public: another full range" refused $public 's/UINT64_MAX/INT64_MAX/'
point "public: another type of result" refused $public \
	's/^bool range_read_trylock/int range_read_trylock/'
point "public: another order of arguments" refused $public \
	's/clockid_t clock, const struct timespec \*abstime/const struct timespec *abstime, clockid_t clock/'

point "lock: a larger request" refused $lock \
	's/struct task_struct\t\*task;/&\n\tu64 more[3];/'
point "lock: a larger tree" refused $lock 's/u64\t*clock;/u64 clock, more;/'
point "lock: members change places" refused $lock \
	's/^\tu64\t*clock;/\tstruct rb_root root;/; s/^\tstruct rb_root\t*root;/\tu64 clock;/'
point "lock: another bound" refused $lock 's/(4U \* 1000/(5U * 1000/'
exit $failed
