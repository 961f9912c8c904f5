#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Do the three file systems come up with DAX on the emulated pmem?
# shellcheck source=lib.sh
. /rig/lib.sh

data_is_back() {
	head -c 3000000 /dev/urandom >/tmp/data &&
		cp /tmp/data /mnt/data &&
		umount /mnt &&
		mount_dax "$1" /mnt &&
		cmp /tmp/data /mnt/data
}

# Stored through a mapping, read by read(2).  The kernel grants MAP_SYNC (-S)
# only on DAX; ext2 never does.
mapping_works() {
	sync=-S
	[ "$1" != ext2 ] || sync=
	# shellcheck disable=SC2086
	xfs_io -c "mmap $sync 0 8192" -c "mwrite -S 0x5a 4096 100" /mnt/data &&
		[ "$(dd if=/mnt/data bs=1 skip=4096 count=100 2>/dev/null | tr -d Z | wc -c)" = 0 ]
}

plan 18
for fs in ext2 ext4 xfs; do
	check "$fs.mkfs" make_fs "$fs"
	check "$fs.mount_dax" mount_dax "$fs" /mnt
	check "$fs.data" data_is_back "$fs"
	check "$fs.mmap" mapping_works "$fs"
	check "$fs.umount" umount /mnt
	check "$fs.fsck" check_fs "$fs"
done
all_ok
