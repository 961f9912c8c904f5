/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Split and join, as kernel/locking/range_lock.c has them: the word of the
 * whole, that of two shards, sections on each, and a task that splits and joins
 * up to GENERATIONS times. N tasks want the same address, which belongs to
 * another shard from generation to generation. Nobody waits: a request that is
 * refused tries again (for waiting see grant.pml). So WAITERS is left out, and
 * so are ranges that are too wide for a shard. Memory is sequentially
 * consistent.
 */
#ifndef N
#define N 2
#endif
#ifndef GENERATIONS
#define GENERATIONS 3
#endif

/* Words. SPLIT(g) is the word SHARDS of the whole, and that of an idle shard. */
#define IDLE		0
#define TREE		1
#define SPLIT(g)	(2 + (g))
#define HOLDER(i)	(64 + (i))
#define IS_SPLIT(w)	((w) >= 2 && (w) < 64)
#ifdef GENERATION_IS_FORGOTTEN
#define NEXT		0
/* What is looked up is still that of the moment. */
#define SHARD_OF(w)	(1 + generation % 2)
#else
#define NEXT		generation
#define SHARD_OF(w)	(1 + (w) % 2)
#endif

byte word[3] = TREE;	/* of the whole, and of the shards */
byte idle[3];
bool locked[3];
byte tree[N];		/* 1 + that of the request, or 0 if it is in none */
bool moved[N];
bool thrown_out[N];
bool inside[N];
byte generation;

hidden byte k, n, h;

inline lock(t)
{
	atomic { !locked[t] -> locked[t] = true }
}

inline take_in(t, was)
{
	if
	:: was >= 64 ->
		/* In one tree at most. */
		assert(tree[was - 64] == 0);
		tree[was - 64] = 1 + t;
		moved[was - 64] = false
	:: else
	fi
}

inline pin(t)
{
	d_step {
		n = word[t];
		word[t] = TREE;
		take_in(t, n)
	}
}

/* range_lock_open() */
inline open(t, w)
{
	lock(t);
	d_step {
		n = word[t];
		word[t] = TREE;
#ifndef OPEN_KEEPS_WHO_IS_LATE
		if
		:: n >= 64 -> thrown_out[n - 64] = true
		:: else
		fi;
#endif
		idle[t] = w
	};
	locked[t] = false
}

inline settle(t, rest)
{
	d_step {
		n = 0;
		for (k : 0 .. N - 1) {
			if
			:: tree[k] == 1 + t -> n++; h = k
			:: else
			fi
		}
		if
		:: word[t] != TREE
		:: word[t] == TREE && n == 0 -> word[t] = rest
#ifdef MOVED_INTO_THE_WORD
		:: word[t] == TREE && n == 1 ->
#else
		:: word[t] == TREE && n == 1 && (t == 0 || !moved[h]) ->
#endif
			tree[h] = 0;
			word[t] = HOLDER(h)
		:: else
		fi
	}
}

/* range_lock_enter(): sets t, and w to what an empty tree has in its word. */
inline enter()
{
	do
	:: w = word[0];
		t = (IS_SPLIT(w) -> SHARD_OF(w) : 0);
		if
		:: t != 0 && idle[t] == w ->
			lock(t);
			d_step {
				was = word[t];
				word[t] = TREE
			};
#ifdef ENTER_SHARD_DOES_NOT_LOOK_AGAIN
			d_step { take_in(t, was) };
			break
#else
			if
			:: word[0] == w ->
				d_step { take_in(t, was) };
				break
			:: else ->
#ifndef LATE_SECTION_KEEPS_THE_WORD
				word[t] = was;
#endif
				locked[t] = false
			fi
#endif
		:: else ->
			lock(0);
			w = word[0];
			if
			:: IS_SPLIT(w) ->
				t = SHARD_OF(w);
				if
				:: idle[t] != w -> open(t, w)
				:: else
				fi;
				locked[0] = false
			:: else ->
				pin(0);
				t = 0;
				w = IDLE;
				break
			fi
		fi
	od;
	skip
}

inline leave()
{
	settle(t, w);
	locked[t] = false
}

proctype task(byte i)
{
	byte w, t, shard, was;

again:
	if
	:: true
	:: true -> goto done
	fi;
	w = word[0];
	shard = (IS_SPLIT(w) -> SHARD_OF(w) : 0);
	w = (shard -> w : IDLE);
	thrown_out[i] = false;
	if
	:: atomic { word[shard] == w -> word[shard] = HOLDER(i) };
		if
#ifdef ACQUIRE_DOES_NOT_LOOK_AGAIN
		:: true -> goto held
#else
		:: shard == 0 || word[0] == w -> goto held
		:: else
#endif
		fi;
		/* range_lock_joined() */
		lock(shard);
		d_step {
			if
			:: word[shard] == HOLDER(i) ->
				word[shard] = TREE;
				thrown_out[i] = true
			:: else
			fi
		};
		locked[shard] = false;
		if
#ifdef MOVED_IS_LATE
		:: true
#else
		:: !thrown_out[i] -> goto held
		:: else
#endif
		fi
	:: else
	fi;
	enter();
	d_step {
		/* It is not held, unknown to its owner. */
		assert(tree[i] == 0);
		n = 0;
		for (k : 0 .. N - 1) {
			n = n + (tree[k] == 1 + t)
		}
		moved[i] = false;
		shard = t;
		if
		:: n == 0 -> tree[i] = 1 + t
		:: else
		fi;
		h = 0
	}
	if
	:: tree[i] != 0 -> leave()
	:: else -> leave(); goto again
	fi;

held:
	skip;
	d_step {
		for (k : 0 .. N - 1) {
			assert(!inside[k])
		}
		inside[i] = true
	}
	inside[i] = false;
	w = (shard -> idle[shard] : IDLE);
	atomic {
		if
		:: word[shard] == HOLDER(i) -> word[shard] = w;
			/* I1: an idle shard has the word of its generation. */
			assert(shard == 0 || w == idle[shard]);
			goto again
		:: else
		fi
	}
	enter();
	d_step {
		/* It is in the one tree where its owner looks. */
		assert(tree[i] == 1 + t);
		tree[i] = 0;
		moved[i] = false
	}
	leave();
	goto again;
done:
	skip
}

/* range_lock_split(), which joins first */
proctype splitter()
{
	byte w, t;

	do
	:: generation < GENERATIONS ->
		lock(0);
		w = word[0];
		if
		:: IS_SPLIT(w) ->
#ifndef JOIN_LEAVES_THE_WORD
			word[0] = TREE;
#endif
			t = 1;
			do
			:: t <= 2 ->
				if
				:: idle[t] != w
				:: else ->
					if
					:: word[t] == w -> goto closed
					:: else
					fi;
#ifndef JOIN_WITHOUT_LOCK
					lock(t);
#endif
					pin(t);
					d_step {
						for (k : 0 .. N - 1) {
							if
							:: tree[k] == 1 + t ->
								tree[k] = 1;
								moved[k] = true
							:: else
							fi
						}
					}
#ifndef JOIN_WITHOUT_LOCK
					locked[t] = false;
#endif
closed:
					skip
				fi;
				t++
			:: else -> break
			od;
#ifdef JOIN_LEAVES_THE_WORD
			word[0] = TREE;
#endif
			skip
		:: else -> pin(0)
		fi;
		/* range_lock_divide() */
		d_step {
			generation++;
			w = SPLIT(NEXT);
			n = 0;
			for (k : 0 .. N - 1) {
				n = n + (tree[k] == 1)
			}
			t = (n -> SHARD_OF(w) : 0)
		};
		if
		:: t != 0 ->
			open(t, w);
			d_step {
				for (k : 0 .. N - 1) {
					if
					:: tree[k] == 1 ->
						tree[k] = 1 + t;
						moved[k] = true
					:: else
					fi
				}
			}
		:: else
		fi;
		if
		:: tree[0] > 1 || tree[1] > 1 -> word[0] = w
		:: else
		fi;
		settle(0, IDLE);
		locked[0] = false
	:: break
	od
}

init {
	byte i;

	atomic {
		word[0] = IDLE;
		for (i : 0 .. N - 1) {
			run task(i)
		}
		run splitter()
	}
}
