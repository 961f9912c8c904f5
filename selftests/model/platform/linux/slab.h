/* SPDX-License-Identifier: GPL-2.0 */
/* Every allocation that may not sleep may fail. */
#ifndef RANGE_LOCK_MODEL_LINUX_SLAB_H
#define RANGE_LOCK_MODEL_LINUX_SLAB_H

#include <linux/compiler.h>
#include <linux/types.h>

#define GFP_NOWAIT	0
#define __GFP_NOWARN	0

#define kcalloc(n, size, flags) \
	((void)(flags), model_calloc((n) * (size), MODEL_PLACE("kcalloc()")))
#define kfree(memory)		model_free(memory, MODEL_PLACE("kfree()"))

#endif
