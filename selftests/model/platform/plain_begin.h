/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between this and plain_end.h what a header of userspace accesses once is taken
 * for a plain access: lists and trees are for sections under a lock, so that a
 * scheduling point each would cost much and show nothing. An access outside of
 * a section would be reported as a data race.
 */
#include <linux/compiler.h>

#pragma push_macro("READ_ONCE")
#pragma push_macro("WRITE_ONCE")
#undef READ_ONCE
#undef WRITE_ONCE
#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, value)	((x) = (value))
