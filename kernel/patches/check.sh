#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What can be said of each series without a kernel tree: the files that it has
# in common with this project are the same, byte by byte, and git am takes
# whatever ends in .patch.
cd "$(dirname "$0")/../.." || exit
. tools/ktap.sh

work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT

# same PATCH FILE OURS: what the patch makes of FILE is OURS.
same() {
	rm -rf "$work/tree"
	git init -q "$work/tree"
	git -C "$work/tree" apply --include="$2" "$PWD/$1"
	cmp "$work/tree/$2" "$3"
}

is_mail() {
	for patch; do
		git mailinfo "$work/message" "$work/patch" <"$patch" >"$work/info"
		grep -q '^Subject: ' "$work/info"
		grep -q '^Signed-off-by: ' "$work/message"
		[ -s "$work/patch" ]
	done
}

# The programs that run in the guest, all of them and none that is gone.
has_selftests() {
	local ours theirs=tools/testing/selftests/range_lock status=0
	for ours in selftests/ktap.h selftests/dax/*.[ch]; do
		same "$1" "$theirs/${ours#selftests/}" "$ours" || status=1
	done
	git apply --numstat "$1" | cut -f 3 | grep "^$theirs/.*\.[ch]$" |
		while read -r file; do
			[ -e "selftests/${file#"$theirs/"}" ] ||
				{ echo "$file is not ours"; exit 1; }
		done || status=1
	return "$status"
}

series=(kernel/patches/*/)
plan $((${#series[@]} * 5))
for directory in "${series[@]}"; do
	version=$(basename "$directory")
	lock=$(echo "$directory"*-locking-add-a-range-lock.patch)
	kunit=$(echo "$directory"*-locking-range_lock-add-KUnit-and-lockdep-tests.patch)
	point "$version: the lock is ours" same "$lock" \
		kernel/locking/range_lock.c kernel/locking/range_lock.c
	point "$version: its header is ours" same "$lock" \
		include/linux/range_lock.h kernel/include/linux/range_lock.h
	point "$version: the histories are ours" same "$kunit" \
		kernel/locking/range_lock_histories.h selftests/histories.h
	point "$version: the selftests are ours" has_selftests \
		"$directory"*-selftests-range_lock-test-page-faults-on-DAX-files.patch
	point "$version: all patches are for git am" is_mail "$directory"*.patch
done
exit $failed
