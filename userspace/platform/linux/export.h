/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* linux/range_lock.h here and librangelock.map say what is exported. */
#ifndef RANGE_LOCK_LINUX_EXPORT_H
#define RANGE_LOCK_LINUX_EXPORT_H

#define EXPORT_SYMBOL_GPL(symbol) struct range_lock_no_export

#endif
