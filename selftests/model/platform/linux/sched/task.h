/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RANGE_LOCK_MODEL_LINUX_SCHED_TASK_H
#define RANGE_LOCK_MODEL_LINUX_SCHED_TASK_H

#include <linux/sched.h>

#define get_task_struct(task) \
	model_get_task(task, MODEL_PLACE("get_task_struct(" #task ")"))
#define put_task_struct(task) \
	model_put_task(task, MODEL_PLACE("put_task_struct(" #task ")"))

#endif
