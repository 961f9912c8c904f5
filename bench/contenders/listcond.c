// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What applications write by hand: a list of the ranges that are held, under
 * a mutex, and one condition variable that every unlock broadcasts.
 */
#include "../bench.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

struct request {
	struct request *next, **link;
	uint64_t start;
	uint64_t last;
	bool write;
};

_Static_assert(sizeof(struct request) <= BENCH_REQUEST, "request too large");

struct listcond {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct request *held;
};

static void *create(void)
{
	struct listcond *lc = alloc_aligned(sizeof(*lc));

	pthread_mutex_init(&lc->mutex, NULL);
	pthread_cond_init(&lc->changed, NULL);
	return lc;
}

static void destroy(void *handle)
{
	struct listcond *lc = handle;

	pthread_cond_destroy(&lc->changed);
	pthread_mutex_destroy(&lc->mutex);
	free(lc);
}

static bool blocked(const struct listcond *lc, const struct request *req)
{
	const struct request *other;

	for (other = lc->held; other; other = other->next)
		if (other->start <= req->last && req->start <= other->last &&
		    (other->write || req->write))
			return true;
	return false;
}

static void add(struct listcond *lc, struct request *req)
{
	req->next = lc->held;
	req->link = &lc->held;
	if (req->next)
		req->next->link = &req->next;
	lc->held = req;
}

static void lock(void *handle, void *request, uint64_t start, uint64_t last,
		 bool write)
{
	struct listcond *lc = handle;
	struct request *req = request;

	req->start = start;
	req->last = last;
	req->write = write;

	pthread_mutex_lock(&lc->mutex);
	while (blocked(lc, req))
		pthread_cond_wait(&lc->changed, &lc->mutex);
	add(lc, req);
	pthread_mutex_unlock(&lc->mutex);
}

/* Many of them by lock() would take time n^2. */
static void hold(void *handle, void *request, uint64_t start, uint64_t last)
{
	struct request *req = request;

	req->start = start;
	req->last = last;
	req->write = true;
	add(handle, req);
}

static void unlock(void *handle, void *request, uint64_t start, uint64_t last,
		   bool write)
{
	struct listcond *lc = handle;
	struct request *req = request;

	(void)start;
	(void)last;
	(void)write;
	pthread_mutex_lock(&lc->mutex);
	*req->link = req->next;
	if (req->next)
		req->next->link = req->link;
	pthread_mutex_unlock(&lc->mutex);
	pthread_cond_broadcast(&lc->changed);
}

const struct contender contender_listcond = {
	.name = "listcond",
	.what = "list + mutex + condition variable, as applications hand-roll it",
	.request_size = sizeof(struct request),
	.max_held = ULONG_MAX,
	.create = create, .destroy = destroy, .lock = lock, .unlock = unlock,
	.hold = hold,
};
