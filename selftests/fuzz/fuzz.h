/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RANGE_LOCK_SELFTESTS_FUZZ_H
#define RANGE_LOCK_SELFTESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* What a string can bring about. */
enum event {
	GRANTED_AT_ONCE,
	PASSED,
	PASSED_THE_OLD,
	TRY_FAILED,
	WAITED,
	GRANTED,
	MADE_ELIGIBLE,
	CLAIMED,
	CLAIMED_IN_VAIN,
	GAVE_UP,
	GAVE_UP_ELIGIBLE,
	TOO_LATE_TO_GIVE_UP,
	DOWNGRADED,
	DOWNGRADE_GRANTED,
	SPLIT,
	SPLIT_WITH_WAITERS,
	SPLIT_BY_CONTENTION,
	JOINED,
	JOINED_WITH_WAITERS,
	NO_MEMORY,
	NR_EVENTS
};

extern unsigned long fuzz_seen[NR_EVENTS];
extern const char *const fuzz_event_names[NR_EVENTS];

/* The name is libFuzzer's: it calls this. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#endif
