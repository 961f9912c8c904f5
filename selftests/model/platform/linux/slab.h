/* SPDX-License-Identifier: GPL-2.0 */
/* Every allocation that may not sleep may fail. */
#ifndef RANGE_LOCK_MODEL_LINUX_SLAB_H
#define RANGE_LOCK_MODEL_LINUX_SLAB_H

#include <linux/compiler.h>
#include <linux/types.h>

typedef unsigned int gfp_t;

#define GFP_KERNEL	0U
#define GFP_ATOMIC	1U
#define GFP_NOWAIT	2U
#define __GFP_NOWARN	4U

#define kmalloc(size, gfp) \
	((void)(gfp), model_alloc(size, false, MODEL_PLACE("kmalloc()")))
#define kzalloc(size, gfp) \
	((void)(gfp), model_alloc(size, true, MODEL_PLACE("kzalloc()")))
#define kcalloc(n, size, gfp)	kzalloc((n) * (size), gfp)
#define kfree(memory)		model_free(memory, MODEL_PLACE("kfree()"))

#endif
