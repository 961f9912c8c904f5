#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What somebody gets from make install, and does with it: the README's example
# and a program that calls everything, in C and C++, with the shared and with
# the static library, found by pkg-config.
cd "$(dirname "$0")/../.." || exit
. tools/ktap.sh

map=userspace/librangelock.map
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
library=$prefix/lib/librangelock.so.0
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig

run_make() {
	"$MAKE" -s --no-print-directory BUILD="$BUILD" CC="$CC" DEBUG=0 "$@"
}

files_below() {
	(cd "$1" && find . ! -type d | sort)
}

# Staged as a packager does it: the same files, which do not know the stage.
stage() {
	run_make install DESTDIR="$work/stage" PREFIX=/opt/x
	diff <(files_below "$prefix") <(files_below "$work/stage/opt/x")
	[ "$(PKG_CONFIG_PATH=$work/stage/opt/x/lib/pkgconfig \
		pkg-config --variable=prefix rangelock)" = /opt/x ]
	if grep -r "$work" "$work/stage"; then
		return 1
	fi
}

places() {
	run_make install DESTDIR="$work/places" PREFIX=/usr LIBDIR=/usr/lib64 \
		INCLUDEDIR=/usr/include/rl MANDIR=/man
	diff <(files_below "$work/places" | sed 's|.*/||' | sort) \
		<(files_below "$prefix" | sed 's|.*/||' | sort)
	test -e "$work/places/usr/lib64/librangelock.so.0"
	test -e "$work/places/usr/include/rl/range_lock.h"
	test -e "$work/places/man/man3/range_write_lock.3"
	grep -x 'libdir=/usr/lib64' \
		"$work/places/usr/lib64/pkgconfig/rangelock.pc"
}

has_dynamic() { # TAG VALUE
	readelf -dW "$library" | tee /dev/stderr | grep -q "($1).*$2"
}

in_map() {
	sed -n 's/^\t\(range_[a-z_]*\);$/\1@@RANGELOCK_0/p' $map | sort
}

# As the compiler sees it: without comments and macros.
in_header() {
	"$CC" -E -P -include stdbool.h -x c "$prefix/include/range_lock.h" |
		grep -o 'range_[a-z_]*(' | tr -d '(' |
		sed 's/$/@@RANGELOCK_0/' | sort
}

# The version itself is a symbol too.
in_library() {
	nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sort
}

exports_are() {
	[ -n "$(in_library)" ]
	diff <(in_library) <($1)
}

header_alone() { # COMPILER LANGUAGE STANDARD
	echo '#include <range_lock.h>' >"$work/header.$2"
	"$1" -std="$3" -pedantic -Wall -Wextra -Werror -fsyntax-only \
		$(pkg-config --cflags rangelock) "$work/header.$2"
}

example() {
	awk '/^```c$/ { inside = 1; next } inside && /^```/ { exit } inside' \
		README.md >"$work/example.c"
	cp "$work/example.c" "$work/example.cc"
	[ -s "$work/example.c" ]
}

compiler_of() {
	case $1 in *.cc) echo "$CXX" ;; *) echo "$CC" ;; esac
}

use_shared() { # SOURCE
	$(compiler_of "$1") -Wall -Wextra -Werror "$1" \
		$(pkg-config --cflags --libs rangelock) -o "$work/shared"
	readelf -d "$work/shared" | grep -q 'NEEDED.*\[librangelock\.so\.0\]'
	LD_LIBRARY_PATH=$prefix/lib timeout 60 "$work/shared"
}

use_static() { # SOURCE
	$(compiler_of "$1") -Wall -Wextra -Werror -static "$1" \
		$(pkg-config --static --cflags --libs rangelock) \
		-o "$work/static"
	timeout 60 "$work/static"
}

use_tsan() { # COMPILER SOURCE
	"$1" -g -Wall -Wextra -Werror -fsanitize=thread "$2" \
		$(pkg-config --cflags --libs rangelock-tsan) -o "$work/tsan"
	timeout 60 "$work/tsan"
}

tsan_reports() { # COMPILER SOURCE
	if use_tsan "$@" >"$work/report" 2>&1; then
		echo "nothing is reported"
		return 1
	fi
	cat "$work/report"
	grep -q 'ThreadSanitizer: data race' "$work/report"
	grep -q 'write_page' "$work/report"
}

manual() {
	for page in "$prefix"/share/man/man3/*.3; do
		warnings=$(groff -man -ww -z "$page" 2>&1)
		[ -z "$warnings" ] || { echo "$page: $warnings"; return 1; }
	done
	for name in $(in_map | sed 's/@.*//'); do
		grep -q "^\.BI.*$name(" "$prefix/share/man/man3/$name.3" ||
			{ echo "$name is not in its page"; return 1; }
	done
}

# Only what make install had put there goes.
uninstall() {
	touch "$prefix/lib/librange.so"
	run_make uninstall PREFIX="$prefix"
	[ "$(files_below "$prefix")" = ./lib/librange.so ]
}

plan 28
point "make install" run_make install PREFIX="$prefix"
point "make install with DESTDIR" stage
point "make install with LIBDIR, INCLUDEDIR, MANDIR" places
point "the library's soname" has_dynamic SONAME '\[librangelock\.so\.0\]'
point "the library stays mapped" has_dynamic FLAGS_1 NODELETE
point "the library exports what its map says" exports_are in_map
point "the library exports what its header declares" exports_are in_header
for compiler in gcc clang; do
	point "the header alone, C11, $compiler" \
		header_alone $compiler c c11
done
for compiler in g++ clang++; do
	point "the header alone, C++11, $compiler" \
		header_alone $compiler cc c++11
done
cp selftests/install/use.c "$work/use.cc"
for way in shared static; do
	point "every function in C, $way" use_$way selftests/install/use.c
	point "every function in C++, $way" use_$way "$work/use.cc"
done
point "README.md has an example" example
for way in shared static; do
	point "README.md's example in C, $way" use_$way "$work/example.c"
	point "README.md's example in C++, $way" use_$way "$work/example.cc"
done
for compiler in gcc clang; do
	point "every function in C, ThreadSanitizer, $compiler" \
		use_tsan $compiler selftests/install/use.c
	point "an access outside the range, ThreadSanitizer, $compiler" \
		tsan_reports $compiler selftests/install/beside.c
done
for compiler in g++ clang++; do
	point "every function in C++, ThreadSanitizer, $compiler" \
		use_tsan $compiler "$work/use.cc"
done
point "the manual pages" manual
point "make uninstall" uninstall
exit $failed
