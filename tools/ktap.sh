# SPDX-License-Identifier: GPL-2.0
# KTAP from shell scripts, which source this file. Without set -e, so that one
# failure is one test point, and not the end.
set -u

points=0
failed=0

# plan N: how many points will follow.
plan() {
	printf 'KTAP version 1\n1..%s\n' "$1"
}

# point NAME COMMAND...: ok if the command is, else what it printed. Where
# COMMAND is a function, it ends at its first failure.
point() {
	point_name=$1
	shift
	points=$((points + 1))
	point_output=$( (set -e; "$@") 2>&1 </dev/null)
	if [ $? -eq 0 ]; then
		echo "ok $points $point_name"
	else
		failed=1
		echo "not ok $points $point_name"
		printf '%s\n' "$point_output" | sed 's/^/# /'
	fi
}

# skip NAME REASON
skip() {
	points=$((points + 1))
	echo "ok $points $1 # SKIP $2"
}
