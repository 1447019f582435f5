// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that sees to it that no job outlives its worker. See keeper.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "keeper.h"

/* How long what was killed may take to be gone, at the most; a look at it each so often. */
#define DEATH_NS	NSEC_PER_SEC
#define CHECK_NS		NSEC_PER_MSEC

static void kill_groups(const struct keeper *keeper)
{
	size_t i;

	for (i = 0; i < keeper->count; i++)
		if (keeper->groups[i])
			kill(-keeper->groups[i], SIGKILL);
}

/* Processes that init has not waited for count as well. */
static bool groups_are_gone(const struct keeper *keeper)
{
	size_t i;

	for (i = 0; i < keeper->count; i++)
		if (keeper->groups[i] && !kill(-keeper->groups[i], 0))
			return false;
	return true;
}

/* Not to be ended with a terminal's group, nor by what is sent to all. */
static void detach(void)
{
	sigset_t all;
	int null;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	prctl(PR_SET_NAME, "bbuf-keeper");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
}

/*
 * A process is reported dead after the signals that its children are to get were sent, so
 * a job that has not come to name its group is dead, too.
 */
static _Noreturn void keeper_main(const struct keeper *keeper, int worker)
{
	struct pollfd fd = { .fd = worker, .events = POLLIN };
	uint64_t deadline;

	detach();
	while (poll(&fd, 1, -1) < 0 && errno == EINTR)
		;
	kill_groups(keeper);
	deadline = now_ns() + DEATH_NS;
	while (!groups_are_gone(keeper) && now_ns() < deadline)
		sleep_until(now_ns() + CHECK_NS);
	_exit(EXIT_SUCCESS);
}

/* Begin with all that is to be kept open. Returns -1 and sets errno if it can't be had. */
int keeper_start(struct keeper *keeper, size_t count)
{
	int worker = syscall(SYS_pidfd_open, getpid(), 0);

	if (worker < 0)
		return -1;
	keeper->count = count;
	keeper->groups = mmap(NULL, count * sizeof(*keeper->groups), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (keeper->groups == MAP_FAILED)
		return -1;
	keeper->pid = fork();
	if (!keeper->pid)
		keeper_main(keeper, worker);
	close(worker);
	return keeper->pid < 0 ? -1 : 0;
}

/* Where a new job is to write its process group, and remove it when it has ended. */
pid_t *keeper_slot(const struct keeper *keeper)
{
	pid_t *slot = keeper->groups;

	while (*slot)
		slot++;
	return slot;
}

/* When no job runs any more. */
void keeper_end(const struct keeper *keeper)
{
	kill(keeper->pid, SIGKILL);
	waitpid(keeper->pid, NULL, 0);
	munmap(keeper->groups, keeper->count * sizeof(*keeper->groups));
}
