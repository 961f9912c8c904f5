#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs the series' kselftest for KUnit, /rig/kselftest. The suite itself has run
# when the kernel came up. Of its results 5.10 says once more how the whole
# suite went, in a line that belongs to no plan.
/rig/kselftest >/tmp/kselftest.log 2>&1
status=$?
sed '/^# ok [0-9]* - range_lock$/d' /tmp/kselftest.log
exit $status
