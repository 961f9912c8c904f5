#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# For the guest: dax_test on each file system. The kernel's command line may say
# which, DAX_FS=ext4,xfs, which points, DAX_POINTS=race,pinned.pte, and how,
# DAX_ARGS=-t5; or DAX_BROKEN=1: without the lock, which may leave a file system
# corrupted.
# shellcheck source=../../kernel/vm/guest/lib.sh
. /rig/lib.sh

: "${DAX_FS:=ext2,ext4,xfs}" "${DAX_ARGS:=}" "${DAX_POINTS:=}" "${DAX_BROKEN:=}"

# For extents on 2 MiB boundaries.
mkfs_options() {
	case $1 in
	ext4) echo "-E stride=512,stripe_width=512" ;;
	xfs) echo "-d su=2m,sw=1,agcount=2 -l size=64m,su=32k" ;;
	esac
}

# run_on FILESYSTEM: one result of this script.
run_on() {
	fs=$1
	# shellcheck disable=SC2046
	if ! { make_fs "$fs" $(mkfs_options "$fs") && mount_dax "$fs" /mnt; } >/tmp/mkfs.log 2>&1; then
		cat /tmp/mkfs.log
		exit 1
	fi
	# Line by line, so that all of it is there even if the guest gets stuck.
	# shellcheck disable=SC2046,SC2086
	{ /rig/dax_test ${DAX_BROKEN:+-e} $DAX_ARGS /mnt $(echo "$DAX_POINTS" | tr , ' ') 2>&1
	  echo $? >/tmp/result; } |
		while IFS= read -r line; do
			echo "    $line"
			# What cannot be killed cannot be unmounted either.
			case $DAX_BROKEN$line in 1Bail*) poweroff -f ;; esac
		done
	result=$(cat /tmp/result)
	umount /mnt
	if [ -z "$DAX_BROKEN" ] && ! check_fs "$fs" >/tmp/fsck.log 2>&1; then
		sed 's/^/# /' /tmp/fsck.log
		result=9
	fi
	number=$((number + 1))
	case $result in
	0) echo "ok $number $fs" ;;
	4) echo "ok $number $fs # SKIP all of it" ;;
	*) echo "not ok $number $fs"; status=1 ;;
	esac
}

number=0
status=0
# shellcheck disable=SC2046
set -- $(echo "$DAX_FS" | tr , ' ')
echo "KTAP version 1"
echo "1..$#"
for fs; do
	run_on "$fs"
done
exit $status
