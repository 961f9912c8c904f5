#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The library builds with both compilers, without a warning.
cd "$(dirname "$0")/../.." || exit
. tools/ktap.sh

build() {
	"$MAKE" -s --no-print-directory BUILD="$BUILD/check/$1-$2$3" \
		CC="$1" CFLAGS="$2 -g" DEBUG="$3" all
}

plan 6
for compiler in gcc clang; do
	point "$compiler -O2" build $compiler -O2 0
	point "$compiler -O3" build $compiler -O3 0
	point "$compiler -O2, with the lock's own checks" build $compiler -O2 1
done
exit $failed
