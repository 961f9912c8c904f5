/* SPDX-License-Identifier: GPL-2.0 */
/* Single accesses are scheduling points; the rest is as in userspace. */
#ifndef RANGE_LOCK_MODEL_LINUX_COMPILER_H
#define RANGE_LOCK_MODEL_LINUX_COMPILER_H

#include_next <linux/compiler.h>

#include "model.h"

#undef READ_ONCE
#undef WRITE_ONCE

#define READ_ONCE(x)							\
	((__typeof__(x))model_load(&(x), sizeof(x), MODEL_RELAXED,	\
				   MODEL_PLACE("READ_ONCE(" #x ")")))
#define WRITE_ONCE(x, value)						\
	model_store(&(x), sizeof(x), (unsigned long)(value),		\
		    MODEL_RELAXED, MODEL_PLACE("WRITE_ONCE(" #x ")"))
#define smp_load_acquire(p)						\
	((__typeof__(*(p)))model_load((p), sizeof(*(p)), MODEL_ACQUIRE,	\
				      MODEL_PLACE("smp_load_acquire(" #p ")")))
#define smp_store_release(p, value)					\
	model_store((p), sizeof(*(p)), (unsigned long)(value),		\
		    MODEL_RELEASE, MODEL_PLACE("smp_store_release(" #p ")"))

#define smp_mb()	model_fence(MODEL_FULL)
#define smp_rmb()	model_fence(MODEL_ACQUIRE)
#define smp_wmb()	model_fence(MODEL_RELEASE)

#endif
