#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# torture.sh, and what it leaves behind: was the tree split into shards, and are
# they, and all else that it had allocated, free now?
# shellcheck source=lib.sh
. /rig/lib.sh
# shellcheck source=leaks.sh
. /rig/leaks.sh

run_torture() {
	/rig/torture.sh >/tmp/torture.log
	ret=$?
	sed 's/^/# : /' /tmp/torture.log >/dev/ttyS1
	return $ret
}

plan 3
watch_shards
check torture run_torture
check torture.had_shards shards_were_there
check torture.no_leaks no_leaks
all_ok
