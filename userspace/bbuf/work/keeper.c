// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that ensures that no job outlives its worker. See keeper.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "keeper.h"

/* Maximum time for killed processes to disappear, and the interval of checks. */
#define DEATH_NS	NSEC_PER_SEC
#define CHECK_NS	NSEC_PER_MSEC

static void kill_groups(const struct keeper *keeper)
{
	size_t i;

	for (i = 0; i < keeper->count; i++)
		if (keeper->groups[i])
			kill(-keeper->groups[i], SIGKILL);
}

/* Processes that are dead but not reaped by init count, too. */
static bool groups_are_gone(const struct keeper *keeper)
{
	size_t i;

	for (i = 0; i < keeper->count; i++)
		if (keeper->groups[i] && !kill(-keeper->groups[i], 0))
			return false;
	return true;
}

/* Leave the session, so that neither the terminal nor a signal to the group ends the keeper. */
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
 * A process is reported dead only after the death signals of its children were sent. So a job
 * that has not entered its group into the table is dead, too.
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

/* Start the keeper. Files opened before are kept open by it. Returns 0, or -1 and errno. */
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

/* Entry for the process group of a new job; reset it to 0 when the job has exited. */
pid_t *keeper_slot(const struct keeper *keeper)
{
	pid_t *slot = keeper->groups;

	while (*slot)
		slot++;
	return slot;
}

/* Call this when no job runs any more. */
void keeper_end(const struct keeper *keeper)
{
	kill(keeper->pid, SIGKILL);
	waitpid(keeper->pid, NULL, 0);
	munmap(keeper->groups, keeper->count * sizeof(*keeper->groups));
}
