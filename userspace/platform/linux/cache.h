/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RANGE_LOCK_LINUX_CACHE_H
#define RANGE_LOCK_LINUX_CACHE_H

#define ____cacheline_aligned	__attribute__((__aligned__(64)))

#endif
