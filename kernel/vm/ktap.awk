# SPDX-License-Identifier: GPL-2.0
#
# Reads KTAP, nested by four spaces, a tab or "# ", among other lines of the
# given files.  Prints each result that is not ok, each document without a plan
# and each plan that its results do not match; then the counts, of results that
# have no subtests.  Status 1 if any of that is bad.
#
#   must	the file that has to have results
#   extract	where the KTAP lines go

function bad(reason)
{
	print file ": " reason
	status = 1
}

function open_level(d)
{
	open[d] = 1
	results[d] = 0
	last[d] = "line " FNR
	if (d > deepest)
		deepest = d
}

function close_level(d)
{
	if (!(d in plan))
		bad("no plan (1..N) for: " last[d])
	else if (plan[d] != results[d])
		bad("the plan says 1.." plan[d] ", the results are " results[d] ", the last: " last[d])
	delete open[d]
	delete plan[d]
}

# Documents end when their parent goes on, when others begin, or with the file.
# Returns whether there were results: what comes next has subtests.
function close_from(d,    i, any)
{
	for (i = deepest; i >= d; i--) {
		if (!(i in open))
			continue
		if (results[i])
			any = 1
		close_level(i)
	}
	return any
}

BEGIN {
	deepest = 0
}

FNR == 1 {
	close_from(0)
	file = FILENAME
	sub(/txt$/, "log", file)
}

{
	line = $0
	depth = 0
	while (sub(/^(    |\t|# )/, "", line))
		depth++
}

line ~ /^K?TAP version [0-9]+$/ {
	print >extract
	close_from(depth)
	open_level(depth)
}

line ~ /^1\.\.[0-9]+( #.*)?$/ {
	print >extract
	if (!(depth in open) || depth in plan) {
		close_from(depth)
		open_level(depth)
	}
	plan[depth] = substr(line, 4) + 0
}

line ~ /^(not )?ok [0-9]+( |$)/ {
	print >extract
	parent = close_from(depth + 1)
	if (!(depth in open))
		open_level(depth)
	failed = sub(/^not /, "", line)
	if (substr(line, 4) + 0 != ++results[depth])
		bad("result number " results[depth] " was due: " $0)
	last[depth] = $0
	if (failed)
		bad($0)
	if (!parent)
		count[failed ? "failed" : toupper(line) ~ /# SKIP/ ? "skipped" : "passed"]++
	if (FILENAME == must)
		seen = 1
}

line ~ /^Bail out!/ {
	bad($0)
}

END {
	close_from(0)
	if (!seen) {
		sub(/txt$/, "log", must)
		print must ": no KTAP result at all"
		status = 1
	}
	print count["passed"] + 0 " passed, " count["failed"] + 0 " failed, " count["skipped"] + 0 " skipped"
	exit status
}
