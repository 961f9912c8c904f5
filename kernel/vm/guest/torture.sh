#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# locktorture with range locks, TORTURE_SECONDS for each type.
# shellcheck source=lib.sh
. /rig/lib.sh

: "${TORTURE_SECONDS:=95}"

# torture TYPE: it says itself how it went, when it is unloaded.
torture() {
	dmesg -c >/dev/null
	insmod /rig/modules/locktorture.ko torture_type="$1" nwriters_stress=4 \
		nreaders_stress=4 stat_interval=15 verbose=0 || return
	sleep "$TORTURE_SECONDS"
	rmmod locktorture
	# These lines of dmesg are the console's, too; what they say is kept.
	dmesg | grep -E 'Writes:|Reads|End of test' | tail -n 3 |
		sed 's/^/# /' >/dev/ttyS1
	dmesg | grep -q 'End of test: SUCCESS' &&
		dmesg | grep -q -E 'Writes: +Total: [1-9]' &&
		dmesg | grep -q -E 'Reads : +Total: [1-9]'
}

plan 2
insmod /rig/modules/torture.ko
check torture.range_lock torture range_lock
check torture.range_lock_disjoint torture range_lock_disjoint
all_ok
