#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# For crash-check: CRASH=fill makes the file system CRASH_FS and fills what is
# free; CRASH=cut checks what the boot before has left, with /log, and writes
# until the machine is cut off, in run CRASH_RUN; without CRASH it says that all
# is there. CRASH_BUG=y closes transactions before the data is copied.
# shellcheck source=lib.sh
. /rig/lib.sh

: "${CRASH:=}" "${CRASH_FS:=ext4}" "${CRASH_RUN:=0}" "${CRASH_BUG:=}"
parameters=/sys/module/fs_mmap_lock/parameters

plant_bug() {
	echo copy >$parameters/disable && echo 300000 >$parameters/stretch_us
}

# Its lines are the result.
checked() {
	/rig/crash_writer -c /log /mnt >/dev/ttyS1 2>&1
}

case $CRASH in
'')
	plan 1
	check programs test -x /rig/crash_writer
	;;
fill)
	plan 3
	check mkfs make_fs "$CRASH_FS"
	check mount mount_dax "$CRASH_FS" /mnt
	check fill /rig/crash_writer -f /mnt
	umount /mnt
	;;
cut)
	plan 3
	check mount mount_dax "$CRASH_FS" /mnt
	check contents checked
	umount /mnt
	check fsck check_fs "$CRASH_FS"
	all_ok || exit 1
	mount_dax "$CRASH_FS" /mnt || exit 1
	[ -z "$CRASH_BUG" ] || plant_bug || exit 1
	echo "writing"
	/rig/crash_writer -w "$CRASH_RUN" /mnt
	exit 1
	;;
esac
all_ok
