#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's own checkers over the lock's two files. They come from Debian's
# linux-source-6.12 and are kept, per version of it, in the user's cache.
cd "$(dirname "$0")/.." || exit
. tools/ktap.sh

package=linux-source-6.12
archive=/usr/src/$package.tar.xz
files='kernel/include/linux/range_lock.h kernel/locking/range_lock.c'

if [ ! -e $archive ]; then
	printf 'KTAP version 1\n1..0 # SKIP %s is not installed\n' $package
	exit 4
fi

# checkpatch.pl reads the others.
scripts='checkpatch.pl const_structs.checkpatch kernel-doc spelling.txt'
version=$(dpkg-query -W -f '${Version}' $package 2>/dev/null ||
	  stat -c %Y $archive)
cache=${XDG_CACHE_HOME:-~/.cache}/range-lock/$package-$version

unpack() {
	mkdir -p "${cache%/*}"
	unpacked=$(mktemp -d "$cache.XXXXXX")
	tar -xJf $archive -C "$unpacked" --strip-components=2 --occurrence=1 \
		$(printf "$package/scripts/%s " $scripts)
	# Somebody else may have been quicker.
	mv -T "$unpacked" "$cache" 2>/dev/null || rm -r "$unpacked"
	cd "$cache"
	ls $scripts
}

checkpatch() {
	perl "$cache/checkpatch.pl" --no-tree --strict --file "$1"
}

# Its exit status does not tell of warnings: silence is its success.
kernel_doc() {
	warnings=$(perl "$cache/kernel-doc" -none -Wall "$1" 2>&1) ||
		warnings="exit status $?: $warnings"
	printf '%s\n' "$warnings"
	[ -z "$warnings" ]
}

plan 5
if [ -d "$cache" ]; then
	point "the scripts of $package $version" test -x "$cache/checkpatch.pl"
else
	point "the scripts of $package $version" unpack
fi
for file in $files; do
	point "checkpatch.pl --strict ${file##*/}" checkpatch "$file"
	point "kernel-doc -none -Wall ${file##*/}" kernel_doc "$file"
done
exit $failed
