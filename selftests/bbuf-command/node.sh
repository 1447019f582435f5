#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Nodes that are missing, or that something else has the place of: what the programs say,
# and whether the cure that they name is one.

# shellcheck disable=SC2317 # run_tests calls all
. ./lib.sh

node=/dev/bbuf-jobs
kinds='file fifo directory device queue link dangling'

# The remains of a failed test would make the next ones fail, too.
set_up()
{
	rm -rf "$node" /dev/bbuf-q
	bbuf create jobs --records
	bbuf create bytes
}

# Has something else in place of the node: replace file.
replace()
{
	rm -f "$node"
	case $1 in
	missing)	;;
	file)		echo text >"$node" ;;
	fifo)		mkfifo "$node" ;;
	directory)	mkdir "$node" ;;
	device)		mknod "$node" c 1 3 ;;
	queue)		mknod "$node" c "$(numbers default | cut -d ' ' -f 1)" \
				"$(numbers default | cut -d ' ' -f 2)" ;;
	link)		ln -s bbuf "$node" ;;
	dangling)	ln -s nowhere "$node" ;;
	esac
}

unplace()
{
	if [ -d "$node" ]; then
		rmdir "$node"
	else
		rm -f "$node"
	fi
}

numbers()
{
	tr : ' ' <"/sys/class/bbuf/$1/dev"
}

# How the place is described where there is something.
described_as()
{
	case $1 in
	file)		echo "$node is a regular file, not its node" ;;
	fifo)		echo "$node is a FIFO, not its node" ;;
	directory)	echo "$node is a directory, not its node" ;;
	device)		echo "$node is another device, 1:3 instead of $(value jobs dev)" ;;
	queue)		echo "$node is another device, $(value default dev) instead of" ;;
	*)		echo "$node is a symbolic link to something else, not its node" ;;
	esac
}

# The command that the last message names: cure, out of "errors".
cure()
{
	sed -n "s/.*recreate the node as root with \`\(mknod[^']*\)'.*/\1/p" errors | tail -n 1
}

has_its_node()
{
	[ -c "$node" ] && [ "$(stat -c '%Hr:%Lr' "$node")" = "$(value jobs dev)" ]
}

# Every program that opens it says so, and none opens it.
says_so()
{
	local pattern=$1 command

	for command in 'put jobs x' 'get jobs --nonblock' 'peek jobs' 'set jobs --drop-oldest' \
			'flush jobs' 'drain jobs' 'shutdown jobs' "put $node x" "get $node --nonblock"; do
		# shellcheck disable=SC2086 # several words
		expect 1 "^bbuf: [a-z/-]*: ${command%% *}: the queue exists, but $pattern" \
			timeout 10 bbuf $command
	done
	expect 1 "producer: $node: the queue exists, but $pattern" \
		timeout 10 producer --device="$node" --items=1
	expect 1 "consumer: $node: the queue exists, but $pattern" timeout 10 consumer --device="$node"
	expect 1 "timeline: $node: the queue exists, but $pattern" timeout 10 timeline --device="$node"
	expect 1 "copies: $node: the queue exists, but $pattern" timeout 10 copies --device="$node"
}

test_missing_node_is_reported_and_can_be_recreated()
{
	bbuf put jobs kept
	replace missing
	says_so "its node $node does not: recreate"
	eval "$(cure)"
	has_its_node
	[ "$(bbuf get jobs)" = kept ]
	unplace
}

test_replaced_node_is_reported_and_can_be_recreated()
{
	local kind

	bbuf put jobs kept
	for kind in $kinds; do
		replace "$kind"
		says_so "$(described_as "$kind")"
		unplace
	done
	eval "$(cure)"
	has_its_node
	[ "$(bbuf get jobs)" = kept ]
	unplace
}

# Nothing was written into what is there.
test_file_in_place_of_the_node_is_not_changed()
{
	replace file
	echo x | expect 1 'is a regular file' bbuf put jobs --lines
	producer --device="$node" --items=3 2>errors || grep -q 'is a regular file' errors
	[ "$(<"$node")" = text ]
	unplace
}

test_suggested_command_restores_mode_and_owner()
{
	bbuf destroy jobs
	bbuf create jobs --mode 0640 --owner 12345 --group 54321
	replace missing
	expect 1 'recreate the node' bbuf put jobs x
	umask 0077
	eval "$(cure)"
	[ "$(stat -c '%a %u %g' "$node")" = '640 12345 54321' ]
	unplace
}

# Mode and owner of a file that is not the node mean nothing.
test_info_describes_no_other_file()
{
	local kind

	for kind in missing $kinds; do
		replace "$kind"
		expect 0 '' bbuf info jobs
		not grep -qE '^node .*(mode 0|owner)' out
		grep -q '^node  *none: the queue exists, but ' out
		unplace
	done
}

test_replaced_node_is_reported_to_users_without_permission()
{
	replace file
	chmod 0600 "$node"
	expect 1 'jobs: get: the queue exists, but /dev/bbuf-jobs is a regular file' \
		"${nobody[@]}" bbuf get jobs
	replace device
	chmod 0600 "$node"
	expect 1 'jobs: get: the queue exists, but /dev/bbuf-jobs is another device' \
		"${nobody[@]}" bbuf get jobs
	unplace
}

test_queue_can_be_used_by_another_path()
{
	# shellcheck disable=SC2046 # two numbers
	mknod ./other c $(numbers jobs)
	expect 0 '' bbuf put ./other x
	expect 0 '' bbuf info ./other
	grep -q '^queue *jobs,' out
	grep -qE '^node +\./other, mode 0644, owner root' out
	[ "$(bbuf get jobs)" = x ]
}

test_create_reports_a_file_in_place_of_the_node()
{
	echo text >/dev/bbuf-q
	expect 1 'q: create: the queue exists, but /dev/bbuf-q is a regular file' bbuf create q
	rm /dev/bbuf-q
	eval "$(cure)"
	expect 0 '' bbuf put q x
}

test_destroy_removes_a_node_that_was_made_by_hand()
{
	replace missing
	expect 1 'recreate the node' bbuf put jobs x
	eval "$(cure)"
	expect 0 '' bbuf destroy jobs
	[ ! -e "$node" ]
}

test_destroy_leaves_another_device_in_place_of_the_node()
{
	replace device
	expect 0 '' bbuf destroy jobs
	[ -c "$node" ]
	unplace
}

# Its numbers are those of no queue, or of another one.
test_node_without_a_queue_is_reported()
{
	local major minor

	read -r major minor < <(numbers default)
	mknod /dev/bbuf-q c "$major" 60000
	expect 1 'q: put: no such queue' bbuf put q x
	expect 1 'producer: /dev/bbuf-q: no device exists for this node: no such queue' \
		producer --device=/dev/bbuf-q --items=1
	rm /dev/bbuf-q
	mknod /dev/bbuf-q c "$major" "$minor"
	expect 1 'q: put: no such queue' bbuf put q x
	expect 1 'q: create: the queue exists, but /dev/bbuf-q is another device' bbuf create q
	rm /dev/bbuf-q
	is default bytes 0
}

# Both remedies of the README, as a user follows them after reading the messages.
test_file_made_before_the_module_was_loaded_is_reported()
{
	local good=1

	bbuf destroy jobs bytes
	rmmod bbuf
	echo early >/dev/bbuf
	expect 1 'default: put: the module is not loaded' bbuf put default x &&
		expect 1 'producer: /dev/bbuf: is a regular file' producer --items=1 &&
		load_module &&
		expect 1 'default: put: the queue exists, but /dev/bbuf is a regular file' \
			bbuf put default x &&
		expect 1 'demo: the module is loaded, but /dev/bbuf is not its node' demo &&
		rm /dev/bbuf &&
		expect 1 'default: put: the queue exists, but its node /dev/bbuf does not' \
			bbuf put default x &&
		expect 1 'producer: /dev/bbuf: the queue exists, but its node /dev/bbuf does not' \
			producer --items=1 &&
		eval "$(cure)" && bbuf put default x && [ "$(bbuf get default)" = x ] || good=0
	rmmod bbuf 2>/dev/null || true
	rm -f /dev/bbuf
	load_module
	[ "$good" = 1 ]
	[ -c /dev/bbuf ]
}

# A message, of which the end depends on what is wrong.
control_says()
{
	expect 1 "x: create: the module's control device exists, but $1" bbuf create x
	expect 1 "jobs: destroy: the module's control device exists, but $1" bbuf destroy jobs
	expect 1 "bench: the module's control device exists, but $1" \
		bbuf bench self --queues bbuf-stream --messages 1
}

test_missing_or_replaced_control_node_is_reported()
{
	local good=1

	rm /dev/bbuf-control
	control_says 'its node /dev/bbuf-control does not' || good=0
	echo text >/dev/bbuf-control
	control_says '/dev/bbuf-control is a regular file, not its node' || good=0
	expect 1 '/dev/bbuf-control is a regular file' "${nobody[@]}" bbuf create x || good=0
	rm /dev/bbuf-control
	eval "$(cure)"
	expect 0 '' bbuf create x || good=0
	expect 0 '' bbuf destroy x jobs bytes || good=0
	rmmod bbuf
	rm /dev/bbuf-control
	load_module
	[ "$good" = 1 ]
}

run_tests
