# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# For scripts in the guest: . /rig/lib.sh

# plan N: the number of results to come.
plan() {
	ktap_number=0
	ktap_failed=0
	echo "KTAP version 1"
	echo "1..$1"
}

# check NAME COMMAND...: one result; its output is shown if it fails.
check() {
	ktap_name=$1
	shift
	ktap_number=$((ktap_number + 1))
	if "$@" >/tmp/check.log 2>&1; then
		echo "ok $ktap_number $ktap_name"
	else
		echo "# status $? of: $*"
		sed 's/^/# : /' /tmp/check.log
		echo "not ok $ktap_number $ktap_name"
		ktap_failed=$((ktap_failed + 1))
	fi
}

# A script ends with this: its status.
all_ok() {
	[ "$ktap_failed" = 0 ]
}

# make_fs ext2|ext4|xfs [MKFS OPTION...]: on /dev/pmem0.  By full path, since
# busybox would take its own mke2fs.
make_fs() {
	fs=$1
	shift
	case $fs in
	xfs) /sbin/mkfs.xfs -q -f -c options=/etc/mkfs.xfs.conf "$@" /dev/pmem0 ;;
	*) /sbin/mke2fs -q -F -t "$fs" -b 4096 "$@" /dev/pmem0 ;;
	esac
}

# mount_dax ext2|ext4|xfs DIRECTORY: and it must really be DAX.
mount_dax() {
	mkdir -p "$2"
	mount -t "$1" -o dax /dev/pmem0 "$2" &&
		grep -q -E "^/dev/pmem0 $2 $1 [^ ]*,dax(=always)?[, ]" /proc/mounts
}

# check_fs ext2|ext4|xfs: of /dev/pmem0, not mounted.
check_fs() {
	case $1 in
	xfs) xfs_repair -n /dev/pmem0 ;;
	*) e2fsck -f -n /dev/pmem0 ;;
	esac
}

# measure_on FILESYSTEM[,FILESYSTEM]... COMMAND: all that a benchmark's script does.
# COMMAND has each of them, fresh, on /mnt.
measure_on() {
	command=$2
	# shellcheck disable=SC2046
	set -- $(echo "$1" | tr , ' ')
	plan $(($# * 3))
	for fs; do
		check "$fs.mkfs" make_fs "$fs"
		check "$fs.mount_dax" mount_dax "$fs" /mnt
		check "$fs.measure" "$command"
		umount /mnt
	done
	all_ok
}
