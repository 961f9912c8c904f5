/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* There is no lockdep in userspace: its annotations say nothing here. */
#ifndef RANGE_LOCK_LINUX_LOCKDEP_H
#define RANGE_LOCK_LINUX_LOCKDEP_H

struct lock_class_key { };

#define rwsem_acquire(map, subclass, try, ip) \
	((void)(subclass), (void)(try))
#define rwsem_acquire_read(map, subclass, try, ip) \
	((void)(subclass), (void)(try))
#define rwsem_release(map, ip)			((void)0)
#define lock_downgrade(map, ip)			((void)0)
#define lockdep_assert_held(lock)		((void)(lock))
#define lockdep_assert_held_write(lock)		((void)(lock))

#endif
