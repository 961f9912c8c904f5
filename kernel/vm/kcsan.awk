# SPDX-License-Identifier: GPL-2.0
#
# The console of a kernel with KCSAN, without the reports that do not concern
# the series: that is, in which no frame of either stack is one of OURS, or only
# where an interrupt came. A race that some other code has while it holds one of
# our locks is told, too, and somebody has to look; where somebody has, it is one
# of KNOWN.
#
#	awk -v others=FILE -f kcsan.awk console.txt
#
# What is left out goes to FILE. Lines that are no part of a report, which other
# CPUs print meanwhile, stay.

BEGIN {
	OURS = " (__)?(range_|fs_mmap_|histor(y|ies)_|play_|run_task|broken_|torture_range|lock_torture)[a-z_.0-9]*\\+0x"
	# Whoever asks for the time, be it a plain load of the second or the copy
	# of a latch that is not written to; who stops a kthread that sets a flag
	# of its own as it ends; and the two flags by which locktorture knows
	# that some lock is held. 5.10 marks none of them for KCSAN.
	KNOWN = "data-race in (ktime_get_[a-z_]+ / timekeeping_(update|advance)|exit_signals / kthread_unpark|lock_torture_(reader|writer) \\[locktorture\\] / lock_torture_(reader|writer) \\[locktorture\\])$"
}

function finish() {
	if (!concerns_us || known)
		printf "%s", report >others
	else
		printf "%s", report
	report = ""
	inside = 0
}

/^=+$/ && inside {
	report = report $0 "\n"
	finish()
	next
}

/^BUG: KCSAN: / {
	if (inside)
		finish()
	inside = 1
	concerns_us = 0
	known = $0 ~ KNOWN
}

inside && (/^BUG: KCSAN: / || /^(read|write|race|read-write)[a-z() -]* (to|at) / ||
	   /^ [^ ]+\+0x[0-9a-f]+\/0x[0-9a-f]+/ || /^Reported by / ||
	   /^CPU: / || /^Hardware name: / || /^$/ ||
	   /^value changed: /) {
	report = report $0 "\n"
	if ($0 ~ / (to|at) 0x/)
		interrupted = 0
	if ($0 ~ / asm_sysvec_/)
		interrupted = 1
	if ($0 ~ OURS && !interrupted)
		concerns_us = 1
	next
}

{ print }

END {
	if (inside)
		finish()
}
