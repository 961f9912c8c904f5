#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sync.sh KSRC [DIRECTORY]: write the series in DIRECTORY, v5.10 unless said
# otherwise, again, with the files of today that it has in common with this
# project. KSRC is a git tree, at the commit that the series is for. It is left
# as it is, but for a worktree that exists meanwhile. Nothing is written unless
# all of the series still applies.
set -eu
[ $# -ge 1 ] || { sed -n 's/^# //p' "$0" | tail -n +2 >&2; exit 2; }
ksrc=$(realpath -- "$1")
here=$(cd "$(dirname "$0")" && pwd)
project=$here/../..
series=$(realpath -- "${2:-$here/v5.10}")

git -C "$ksrc" rev-parse -q --verify HEAD >/dev/null ||
	{ echo "sync.sh: KSRC=$ksrc is not a git tree" >&2; exit 1; }
work=$(mktemp -d -p "$here")
tree=$(mktemp -d)
trap 'git -C "$ksrc" worktree remove --force "$tree/linux" || :; rm -rf "$work" "$tree"' EXIT
git -C "$ksrc" worktree add -q --detach "$tree/linux" HEAD
cd "$tree/linux"
base=$(git rev-parse HEAD)
git am -q "$series"/*.patch

# fixup SUBJECT FILE...: FILEs belong to the patch of that subject.
fixup() {
	local subject=$1
	shift
	# A tree may well ignore what it does not know.
	git add -f "$@"
	git diff --cached --quiet || git commit -q --fixup \
		"$(git log --format='%H %s' "$base.." | sed -n "s| $subject\$||p")"
}

cp "$project/kernel/include/linux/range_lock.h" include/linux/
cp "$project/kernel/locking/range_lock.c" kernel/locking/
fixup "locking: add a range lock" include/linux/range_lock.h kernel/locking/range_lock.c
cp "$project/selftests/histories.h" kernel/locking/range_lock_histories.h
fixup "locking/range_lock: add KUnit and lockdep tests" kernel/locking/range_lock_histories.h
selftests=tools/testing/selftests/range_lock
if [ -d "$selftests" ]; then
	git rm -q "$selftests"/dax/*.[ch] "$selftests/ktap.h"
	mkdir -p "$selftests/dax"
	cp "$project"/selftests/dax/*.[ch] "$selftests/dax/"
	cp "$project/selftests/ktap.h" "$selftests/"
	fixup "selftests: range_lock: test page faults on DAX files" "$selftests"
fi
GIT_SEQUENCE_EDITOR=: git rebase -q -i --autosquash "$base"

git format-patch -q -N --no-signature --zero-commit -o "$work" "$base"
rm "$series"/*.patch
mv "$work"/*.patch "$series"
patches=("$series"/*.patch)
echo "${#patches[@]} patches in $series"
