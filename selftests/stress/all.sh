#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Stress for some time: the program beside it, and then, if they are there, stress-ng and
# trinity. "make stress" runs it in the virtual machine.

set -uo pipefail

usage() {
	cat <<'END'
Usage: all.sh SECONDS [SEED]
Run random operations for three fifths of the time (see stress --help), then stress-ng and the
system call fuzzer trinity for a fifth each. SEED determines the operations of all three
(default: taken from the clock). SECONDS must be at least 10, because stress-ng takes a time
limit of 0 for none. The last line is "N passed, N failed, N skipped" for the three, and the
number of operations.

Exit status: 0 if none failed; the kernel log is not checked.
END
}

here=$(dirname "$(realpath "$0")")
nodes=/tmp/stress-nodes
queues=(fuzzed fuzzed-records)

# The system calls that a queue's files are for; the others would only fill the memory.
calls="read write readv writev preadv pwritev preadv2 pwritev2 pread64 pwrite64 ioctl fcntl
	poll ppoll select pselect6 epoll_ctl splice sendfile fsync fdatasync lseek"

make_queues() {
	bbuf create "${queues[0]}" --mode 0666 && bbuf create "${queues[1]}" --records --mode 0666
}

destroy_queues() {
	bbuf destroy "${queues[0]}" && bbuf destroy "${queues[1]}"
}

# Nodes of the queues, where nothing else is.
make_nodes() {
	local queue device

	mkdir -p "$nodes"
	for queue in "${queues[@]}"; do
		device=$(cat "/sys/class/bbuf/$queue/dev")
		mknod -m 0666 "$nodes/$queue" c "${device%:*}" "${device#*:}"
	done
}

run_stress() {
	local status=0

	"$here/stress" --seconds "$1" --seed "$2" | tee /tmp/stress.log || status=1
	did+="; $(grep -o '[0-9]* rounds, [0-9]* operations' /tmp/stress.log | tail -n 1)"
	return "$status"
}

# It calls fsync, which waits for a reader.
run_stress_ng() {
	local readers=() queue status=0

	for queue in "${queues[@]}"; do
		bbuf put "$queue" --lines < <(while echo "$queue"; do sleep 0.1; done) &
		readers+=($!)
		bbuf get "$queue" --follow >/dev/null &
		readers+=($!)
	done
	for queue in "${queues[@]}"; do
		"$here/stress-ng" --dev 2 --dev-file "/dev/bbuf-$queue" --seed "$2" \
			--timeout $(($1 / ${#queues[@]}))s --metrics-brief || status=1
	done
	kill "${readers[@]}"
	return "$status"
}

# Ends by itself, crashes, or has to be killed: only the kernel's health is of interest. So it
# is started until the time is over.
run_trinity() {
	local end=$((SECONDS + $1)) seed=$2 runs=0 call arguments=()

	for call in $calls; do
		arguments+=(-c "$call")
	done
	make_nodes
	mkdir -m 0777 /tmp/stress-trinity || return
	cd /tmp/stress-trinity || return
	while [ "$SECONDS" -lt "$end" ]; do
		setsid timeout -k 1 $((end - SECONDS)) unshare --ipc \
			setpriv --reuid nobody --regid nogroup --clear-groups \
			"$here/trinity" -q -l off -T DIE -C 16 -s "$seed" --enable-fds=pseudo \
			-V "$nodes" "${arguments[@]}" >/tmp/stress-trinity.log 2>&1 &
		wait $!
		pkill -KILL -s $!	# what it leaves behind
		seed=$((seed + 1))
		runs=$((runs + 1))
	done
	echo "# trinity: $runs runs, seeds $2 to $((seed - 1)), and what the queues say:"
	bbuf list
	did+="; $runs runs of trinity"
}

# Run a program, if it is installed, by the function that runs it for that number of seconds.
part() {
	if [ ! -e "$here/$1" ]; then
		echo "# $1 is not there: left out"
		skipped=$((skipped + 1))
		return
	fi
	echo "# $1, $3 seconds"
	if "$2" "$3" "$seed"; then
		passed=$((passed + 1))
	else
		echo "# $1 failed"
		failed=$((failed + 1))
	fi
}

case ${1-} in
--help)	usage; exit ;;
esac
[[ ${1-} =~ ^[1-9][0-9]+$ && ${2:-0} =~ ^[0-9]+$ ]] || { usage >&2; exit 2; }
share=$(($1 / 5)) seed=${2:-$(date +%s)} passed=0 failed=0 skipped=0 did=
part stress run_stress $((3 * share))
make_queues || exit
part stress-ng run_stress_ng "$share"
part trinity run_trinity "$share"
destroy_queues || failed=$((failed + 1))
echo "$passed passed, $failed failed, $skipped skipped$did"
[ $failed = 0 ]
