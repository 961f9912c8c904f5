# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# For scripts in a guest with kmemleak, and with slub_debug=U,$SHARDS_SLAB, the
# cache that shards come from: it tells that there were some. Whether they are
# still there it does not, since KASAN keeps what was freed in quarantine.

: "${SHARDS_SLAB:=kmalloc-4k}"

shards_now() {
	grep -c -E ' (range_lock_(split|alloc_shards)|broken_split)\+' \
		"/sys/kernel/slab/$SHARDS_SLAB/alloc_calls"
}

# Until the file is removed; then /tmp/shards.seen is there if shards were.
watch_shards() {
	: >/tmp/shards.watched
	while [ -e /tmp/shards.watched ]; do
		[ "$(shards_now)" = 0 ] || : >/tmp/shards.seen
		sleep 1
	done &
}

shards_were_there() {
	rm -f /tmp/shards.watched
	[ -e /tmp/shards.seen ]
}

# Of what the lock, or its tests, have allocated. Objects must be 5 s old, and a
# scan may take a pointer in a register for none.
no_leaks() {
	for _ in 1 2 3; do
		sleep 6
		echo scan >/sys/kernel/debug/kmemleak || return
	done
	cat /sys/kernel/debug/kmemleak
	! grep -q -E 'range_lock|broken_|histor|fs_mmap' /sys/kernel/debug/kmemleak
}
