#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Does tools/ktap-count.awk see what went wrong? make check relies on it.
cd "$(dirname "$0")" || exit
. ./ktap.sh

log=$(mktemp) || exit
trap 'rm -f "$log"' EXIT

# The log comes from a string, in which \n is a newline.
counted() { # SUMMARY LOG
	printf "$2" >"$log"
	summary=$(awk -f ktap-count.awk "$log" || :)
	printf '%s\n' "$summary"
	[ "${summary##*$'\n'}" = "$1" ]
	case $1 in *', 0 failed,'*) ;; *) ! awk -f ktap-count.awk "$log" || exit 1 ;; esac
}

head='KTAP version 1\n'

plan 18
point "all well" counted '2 passed, 0 failed, 0 skipped' \
	"${head}1..2\nok 1 a\nok 2 - b\ncheck: exit 0\n"
point "a failure" counted '1 passed, 1 failed, 0 skipped' \
	"TAP version 13\n1..2\nok 1 a\nnot ok 2 b\ncheck: exit 1\n"
point "a skip" counted '1 passed, 0 failed, 1 skipped' \
	"${head}1..2\nok 1 a\nok 2 b # SKIP no such thing\n"
point "all skipped" counted '0 passed, 0 failed, 1 skipped' \
	"${head}1..0 # SKIP no such thing\ncheck: exit 4\n"
point "nothing planned" counted '0 passed, 1 failed, 0 skipped' \
	"${head}1..0\n"
point "nothing printed" counted '0 passed, 1 failed, 0 skipped' \
	"\ncheck: exit 0\n"
point "cut off" counted '1 passed, 1 failed, 0 skipped' \
	"${head}1..3\nok 1 a\nok"
point "too many" counted '2 passed, 1 failed, 0 skipped' \
	"${head}1..1\nok 1 a\nok 2 b\n"
point "no plan" counted '1 passed, 1 failed, 0 skipped' "${head}ok 1 a\n"
point "no plan and no version" counted '1 passed, 1 failed, 0 skipped' \
	"ok 1 a\n"
point "a plan at the end" counted '1 passed, 0 failed, 0 skipped' \
	"${head}ok 1 a\n1..1\n"
point "several documents, of which one is cut off" \
	counted '2 passed, 1 failed, 0 skipped' \
	"${head}1..2\nok 1 a\n${head}1..1\nok 1 b\n"
point "a bad end after good results" counted '1 passed, 1 failed, 0 skipped' \
	"${head}1..1\nok 1 a\ncheck: exit 139\n"
point "bail out" counted '1 passed, 1 failed, 0 skipped' \
	"${head}1..1\nok 1 a\nBail out! no memory\n"
point "nested, the parents do not count" \
	counted '3 passed, 0 failed, 0 skipped' \
	"${head}1..2\n  ${head}  1..2\n  ok 1 a\n  ok 2 b\nok 1 ab\nok 2 c\n"
point "nested by kselftest's runner, with a failure" \
	counted '2 passed, 1 failed, 0 skipped' \
	"TAP version 13\n1..2\n# # c\n# ${head}# 1..2\n# ok 1 a\n# # d\n# not ok 2 b\nnot ok 1 ab # exit=1\nok 2 c\n"
point "nested, and only the parent knows of the failure" \
	counted '1 passed, 1 failed, 0 skipped' \
	"${head}1..1\n  ${head}  1..1\n  ok 1 a\nnot ok 1 a # TIMEOUT\n"
point "nested and cut off" counted '1 passed, 1 failed, 0 skipped' \
	"${head}1..1\n  ${head}  1..2\n  ok 1 a\nnot ok 1 a\n"
exit $failed
