# SPDX-License-Identifier: GPL-2.0
#
# Adds up KTAP logs: awk -f tools/ktap-count.awk LOG... The last line is
# "N passed, N failed, N skipped"; before it, whatever failed. Exits 1 then.
#
# A log may hold many documents, one after another or nested; a nested one is
# indented by blanks, or by "# " as kselftest's runner does it. The result that
# a parent gives for a nested document is no test point of its own, unless it
# is a failure that the document knows nothing of. As failures count also: a
# document without a plan, or that has not the results it planned; a plan of
# none that is not a skip; a log without any result; "Bail out!"; and a last
# line "check: exit N", where N is neither 0 nor KTAP's 4 for skipped, of a log
# that has no other failure.

function fail(what) {
	failed++
	failures[++nr_failures] = log_name ": " what
}

# Leave the innermost document.
function close_document() {
	if (plan[depth] == "")
		fail("no plan in " where[depth])
	else if (plan[depth] != results[depth])
		fail(plan[depth] " results planned, " results[depth] + 0 \
		     " seen in " where[depth])
	depth--
}

function close_deeper_than(length_kept) {
	while (depth && length(prefix[depth]) > length_kept)
		close_document()
}

function open_document(lead) {
	prefix[++depth] = lead
	plan[depth] = ""
	results[depth] = 0
	where[depth] = "the document of line " FNR
	# Since then: whether a failed parent has a failed child.
	failed_before[depth] = failed
	nested[depth] = 0
	if (depth > 1)
		nested[depth - 1] = 1
}

function begin_log() {
	log_name = FILENAME
	sub(/.*\//, "", log_name)
	sub(/\.log$/, "", log_name)
	log_points = points()
	log_failed = failed
	log_skipped = skipped
}

function end_log() {
	close_deeper_than(-1)
	if (points() == log_points)
		fail("no results")
}

function points() {
	return passed + failed + skipped
}

FNR == 1 {
	if (NR > 1)
		end_log()
	begin_log()
}

{
	line = $0
	sub(/\r$/, "", line)
	rest = line
	sub(/^( |\t|# )*/, "", rest)
	lead = substr(line, 1, length(line) - length(rest))
}

rest ~ /^K?TAP version [0-9]+$/ {
	close_deeper_than(length(lead) - 1)
	open_document(lead)
	next
}

rest ~ /^1\.\.[0-9]+/ {
	if (!depth && lead == "")
		open_document(lead)
	close_deeper_than(length(lead))
	if (depth && prefix[depth] == lead && plan[depth] == "") {
		plan[depth] = substr(rest, 4) + 0
		if (plan[depth] == 0 && rest ~ /# *SKIP/)
			skipped++
		else if (plan[depth] == 0)
			fail("nothing planned in " where[depth])
	}
	next
}

rest ~ /^(not ok|ok [0-9]+)( |$)/ {
	if (!depth && lead == "")
		open_document(lead)
	if (!depth || length(lead) > length(prefix[depth]))
		next
	close_deeper_than(length(lead))
	if (!depth || prefix[depth] != lead)
		next
	results[depth]++
	if (rest ~ /^not/) {
		if (!nested[depth] || failed == failed_before[depth])
			fail(rest)
	} else if (!nested[depth]) {
		if (rest ~ /# *SKIP/)
			skipped++
		else
			passed++
	}
	nested[depth] = 0
	failed_before[depth] = failed
	next
}

rest ~ /^Bail out!/ {
	fail(rest)
}

line ~ /^check: exit [0-9]+$/ {
	close_deeper_than(-1)
	status = substr(line, 13) + 0
	if (status && failed == log_failed &&
	    !(status == 4 && skipped > log_skipped))
		fail("exit status " status)
}

END {
	if (NR)
		end_log()
	else {
		log_name = "check"
		fail("no logs")
	}
	for (i = 1; i <= nr_failures; i++)
		print "failed: " failures[i]
	printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
	exit (failed > 0)
}
