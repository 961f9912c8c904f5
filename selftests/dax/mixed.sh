#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# For the guest: mixed_bench on each file system, with each way to keep write(2)
# and faults for stores apart, in turn: the lock of the DAX entry, as faults are
# (entry), or the lock of the file, of all of it (whole) or of a range (exact),
# with faults as they were before 4.12. Needs CONFIG_DEBUG_DAX_FAULT_RACES. The
# kernel's command line may say BENCH_FS=ext4,xfs BENCH_ROUNDS=3 BENCH_SECONDS=2
# BENCH_PROCESSES=1,2,4,8.
# shellcheck source=../../kernel/vm/guest/lib.sh
. /rig/lib.sh

: "${BENCH_FS:=ext2,ext4,xfs}" "${BENCH_ROUNDS:=3}" "${BENCH_SECONDS:=2}" "${BENCH_PROCESSES:=1,2,4,8}"
parameters=/sys/module/fs_mmap_lock/parameters

# apart OLD-FAULTS WRITERS WHOLE-FILE
apart() {
	echo "$1" >$parameters/old_faults &&
		echo "$2" >$parameters/writers &&
		echo "$3" >$parameters/whole_file
}

# measure_all: its lines are the result, so they are not kept for a failure.
measure_all() {
	round=0
	while [ "$round" -lt "$BENCH_ROUNDS" ]; do
		for way in "entry 0 0 0" "whole 1 1 1" "exact 1 1 0"; do
			# shellcheck disable=SC2086
			apart ${way#* } || return
			# shellcheck disable=SC2046
			/rig/mixed_bench -k "${way%% *}" -r $round -t "$BENCH_SECONDS" /mnt \
				$(echo "$BENCH_PROCESSES" | tr , ' ') >/dev/ttyS1 2>&1 || return
		done
		round=$((round + 1))
	done
	apart 0 0 0
}

measure_on "$BENCH_FS" measure_all
