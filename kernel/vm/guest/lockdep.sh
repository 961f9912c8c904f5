#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# One MISTAKE with range locks, which lockdep or the lock's own checks must
# report. The last thing that a kernel does: its checks are off afterwards.
# shellcheck source=lib.sh
. /rig/lib.sh

make_mistake() {
	insmod /rig/modules/range_lock_lockdep.ko mistake="$MISTAKE" &&
		dmesg | grep -q "range_lock_lockdep: ok $MISTAKE"
}

plan 1
check "lockdep.$MISTAKE" make_mistake
all_ok
