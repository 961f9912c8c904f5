/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RANGE_LOCK_PLATFORM_LINUX_CONTAINER_OF_H
#define RANGE_LOCK_PLATFORM_LINUX_CONTAINER_OF_H

#include <stddef.h>

/*
 * The structure whose @member is at @ptr. The local pointer makes the
 * compiler refuse a @ptr of another type.
 */
#define container_of(ptr, type, member) ({				\
	const __typeof__(((type *)0)->member) *__member = (ptr);	\
									\
	(type *)((char *)__member - offsetof(type, member));		\
})

#endif
