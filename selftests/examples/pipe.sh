#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The example "pipe": what came out on which side.

# shellcheck disable=SC2317 # run_tests calls all
. ./examples.sh

test_result()
{
	run pipe
	diff out - <<-'OUT'
		one queue: the parent got 1
		one queue: the child got 1000
		two queues: the child got 55
		two queues: the parent got 110
	OUT
}

run_tests
