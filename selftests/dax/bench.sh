#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# For the guest: disjoint_bench on each file system. The kernel's command line
# says what this kernel is called in the results, BENCH_KERNEL=stock, and may
# say BENCH_FS=ext4,xfs BENCH_ROUNDS=3 BENCH_SECONDS=2.
# shellcheck source=../../kernel/vm/guest/lib.sh
. /rig/lib.sh

: "${BENCH_KERNEL:=unnamed}" "${BENCH_FS:=ext2,ext4,xfs}" "${BENCH_ROUNDS:=3}" "${BENCH_SECONDS:=2}"

# Its lines are the result, so they are not kept for the case of failure.
measure() {
	/rig/disjoint_bench -k "$BENCH_KERNEL" -r "$BENCH_ROUNDS" \
		-t "$BENCH_SECONDS" /mnt >/dev/ttyS1 2>&1
}

measure_on "$BENCH_FS" measure
