/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel's configuration says here. Included by the command line, as
 * in a kernel build; CONFIG_DEBUG_RANGE_LOCK comes from there too.
 */
#ifndef RANGE_LOCK_LINUX_KCONFIG_H
#define RANGE_LOCK_LINUX_KCONFIG_H

#ifdef __LP64__
# define CONFIG_64BIT 1
#endif

/* 1 if the option is defined to 1, else 0, also where it is not defined. */
#define IS_ENABLED(option)		IS_ENABLED_VALUE(option)
#define IS_ENABLED_VALUE(value)		IS_ENABLED_PROBE(IS_ENABLED_##value)
#define IS_ENABLED_1			0, 1
#define IS_ENABLED_PROBE(...)		IS_ENABLED_SECOND(__VA_ARGS__, 0, 0)
#define IS_ENABLED_SECOND(first, second, ...) second

#endif
