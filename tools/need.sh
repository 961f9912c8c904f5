#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Looks for what a target needs: tools/need.sh [-n] build|check|bench
#
# What is missing it installs, if it is root on a Debian; else, or with -n, it
# says which packages to install, and fails. CC and CXX are looked at.
set -eu

: "${CC:=cc}" "${CXX:=c++}"

install=yes
if [ "${1-}" = -n ]; then
	install=no
	shift
fi
target=${1-}

say() {
	printf '%s: %s\n' "$0 $target" "$*" >&2
}

# What is there is found by trying it: that is quick, and so on any system.
has_command() {
	command -v "$1" >/dev/null 2>&1
}

has_header() { # LANGUAGE COMPILER HEADER
	printf '#if !__has_include(<%s>)\n#error\n#endif\n' "$3" |
		$2 -E -x "$1" - >/dev/null 2>&1
}

clang_has_sanitizers() {
	runtimes=$(clang -print-runtime-dir 2>/dev/null) &&
		ls "$runtimes" 2>/dev/null | grep -q '^libclang_rt\.tsan'
}

# Debian's perl-base, which is always there, is not enough for checkpatch.pl.
has_perl_modules() {
	perl -MTerm::ANSIColor -e 1 2>/dev/null
}

# Of the installed one, or that of Debian 12.
clang_major() {
	version=$(clang -dumpversion 2>/dev/null) || version=14
	echo "${version%%.*}"
}

# need PACKAGE TEST...: the target can't do without it.
needed=
need() {
	package=$1
	shift
	case " $needed " in *" $package "*) return ;; esac
	"$@" || needed="$needed $package"
}

# need_compiler COMMAND PACKAGE
need_compiler() {
	case $1 in
	cc | c++ | gcc | g++)
		need "$2" has_command "$1"
		;;
	clang | clang++)
		need clang has_command "$1"
		;;
	*)
		has_command "${1%% *}" && return
		say "the compiler $1 is not there"
		exit 1
		;;
	esac
}

need_build() {
	need_compiler "$CC" gcc
	need libc6-dev has_header c "$CC" stdlib.h
	need liburcu-dev has_header c "$CC" urcu-bp.h
}

need_bench() {
	need_build
	need_compiler "$CXX" g++
	need libbenchmark-dev has_header c++ "$CXX" benchmark/benchmark.h
	need python3 has_command python3
}

need_check() {
	need_bench
	need gcc has_command gcc
	need clang has_command clang
	clang_has_sanitizers || need "libclang-rt-$(clang_major)-dev" false
	need binutils has_command readelf
	need groff-base has_command groff
	need perl has_perl_modules
	need pkg-config has_command pkg-config
}

# install_packages PACKAGE...: by the package lists as they are, or else by
# fresh ones.
install_packages() {
	say "installing $*"
	try_install "$@" 2>/dev/null ||
		{ apt-get update -qq >&2 && try_install "$@"; }
}

try_install() {
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
		--no-install-recommends "$@" >&2 </dev/null
}

can_install() {
	[ $install = yes ] && [ "$(id -u)" = 0 ] && has_command apt-get
}

optional=
case $target in
build)
	need_build
	;;
bench)
	need_bench
	need gnuplot-nox has_command gnuplot
	;;
check)
	need_check
	[ -e /usr/src/linux-source-6.12.tar.xz ] || optional=linux-source-6.12
	;;
*)
	echo "usage: tools/need.sh [-n] build|check|bench" >&2
	exit 2
	;;
esac

if [ -n "$needed" ]; then
	if can_install && install_packages $needed; then
		:
	elif has_command apt-get; then
		say "these packages are missing; install them with"
		say "    sudo apt-get install$needed"
		exit 1
	else
		say "these are missing, by Debian's names of the packages:$needed"
		exit 1
	fi
fi

# Without it a part of the target is skipped, and says so.
if [ -n "$optional" ]; then
	if can_install && install_packages $optional; then
		:
	elif has_command apt-get; then
		say "there is more to run with: sudo apt-get install $optional"
	fi
fi
