#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# range_lock_broken.ko, for BROKEN_SECONDS; with LEAKS=1 what it leaves behind is
# looked at. Whether the lock in it is broken, and what has to be seen then, is
# for whoever runs this to know.
# shellcheck source=lib.sh
. /rig/lib.sh

: "${BROKEN_SECONDS:=20}" "${LEAKS:=}"

# It came to its end, and its tree was split meanwhile.
stress() {
	insmod /rig/range_lock_broken.ko seconds="$BROKEN_SECONDS" || return
	dmesg | sed -n 's/.*range_lock_broken: /# /p' >/dev/ttyS1
	dmesg | grep -q 'range_lock_broken: [1-9][0-9]* calls, [1-9][0-9]* splits, [1-9][0-9]* of them seen'
}

plan $((LEAKS ? 2 : 1))
check broken.stress stress
if [ -n "$LEAKS" ]; then
	# shellcheck source=leaks.sh
	. /rig/leaks.sh
	check broken.no_leaks no_leaks
fi
all_ok
