# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # what is not set here, the driver sets
# What the steps share: one line each, a log, a time limit, a clear error.

step=vm			# the step at work, as error messages name it
log=			# its log
line_open=		# its line has no end yet
exit_status=2		# of a step that fails; see cannot
child=			# what runs now, for the signal handler
undo=()			# what puts things right if the step ends here

# die WHAT...: the step has failed.
# cannot WHAT...: it cannot be done on this host, as it is. Status 3.
cannot() {
	exit_status=3
	die "$@"
}

die() {
	[ -z "$line_open" ] || echo "FAILED"
	line_open=
	[ "${#undo[@]}" = 0 ] || "${undo[@]}" >>"$log" 2>&1 </dev/null || :
	printf '%s: %s\n' "$step" "$*" >&2
	if [ -s "$log" ]; then
		[ -n "$V" ] || tail -n 12 "$log" | sed 's/^/  | /' >&2
		printf '%s: the whole log: %s\n' "$step" "$log" >&2
	fi
	exit "$exit_status"
}

# begin STEP WHAT: opens the step's line and its log.
begin() {
	step=$1
	mkdir -p "$cache/log" 2>/dev/null || die "cannot write to $cache"
	log=$cache/log/$step-$(echo "$2" | tr -c 'A-Za-z0-9.\n' -).log
	: >"$log"
	printf '%-10s %s ... ' "$step" "$2"
	line_open=y
	[ -z "$V" ] || echo
	SECONDS=0
}

# finish [RESULT]: ends the line, with the time that it took, and lets others in.
finish() {
	exec 9>&-
	printf '%s\n' "${1:-done, $SECONDS s}"
	line_open=
	log=
}

# bounded SECONDS COMMAND...: input from $input, if set; output to the log, and to
# the terminal with V=1.
# In the background, so that a signal to this shell reaches the command.
bounded() {
	local limit=$1 status=0
	shift
	echo "+ $*" >>"$log"
	if [ -n "$V" ]; then
		timeout -k 10 "$limit" "$@" <"${input:-/dev/null}" > >(tee -a "$log") 2>&1 &
	else
		timeout -k 10 "$limit" "$@" <"${input:-/dev/null}" >>"$log" 2>&1 &
	fi
	child=$!
	wait "$child" || status=$?
	child=
	return "$status"
}

# run SECONDS COMMAND...: as bounded, and any failure ends the step.
run() {
	local status=0
	bounded "$@" || status=$?
	case $status in
	0) ;;
	124|137) die "still running after $1 s, stopped: ${*:2}" ;;
	*) die "failed with status $status: ${*:2}" ;;
	esac
}

on_signal() {
	[ -z "$child" ] || kill "$child" 2>/dev/null || :
	[ -z "$child" ] || wait "$child" || :
	child=
	die "interrupted"
}
trap on_signal INT TERM HUP
# A failure that no step foresaw has a message too.
set -E
trap '[ "$BASH_SUBSHELL" != 0 ] || die "failed in ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND"' ERR

# need_space DIRECTORY MEGABYTES
need_space() {
	local free
	free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$2" ] ||
		cannot "not enough space: needs $2 MB in $1, which has $free MB free"
}

# Two runs may share the cache; they take turns, until finish.
lock_file() {
	exec 9>"$1"
	flock -w "${LOCK_TIMEOUT:-7200}" 9 || die "another run holds $1"
}

# table FILE: its lines without comments.
table() {
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$here/$1"
}

have() {
	case $1 in
	command) command -v "$2" ;;
	header)	echo "#include <$2>" | gcc -E - ;;
	static)	command -v "$2" && ! ldd "$(command -v "$2")" ;;
	file)	[ -e "$2" ] ;;
	esac >/dev/null 2>&1
}

missing_packages() {
	local kind what package
	table packages | while read -r kind what package; do
		have "$kind" "$what" || echo "$package"
	done | sort -u | tr '\n' ' ' | sed 's/ $//'
}

check_host() {
	local missing
	begin check "host packages"
	[[ $cache != *[[:space:]:]* ]] || die "the kernel's make takes no blank and no colon in $cache"
	[ "$(uname -m)" = x86_64 ] || cannot "needs an x86-64 host, this is $(uname -m)"
	missing=$(missing_packages)
	if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && [ -z "${NO_INSTALL:-}" ]; then
		bounded 300 apt-get update || :
		# shellcheck disable=SC2086
		bounded 1200 env DEBIAN_FRONTEND=noninteractive apt-get install \
			-y --no-install-recommends -o DPkg::Lock::Timeout=300 $missing || :
		missing=$(missing_packages)
	fi
	[ -z "$missing" ] || cannot "missing packages: $missing
  install them with: apt-get install --no-install-recommends $missing"
	finish ok
}
