// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "halt.h"

#define TEXT_LENGTH	256
#define STOPPED		"Tt"	/* states of a task */

static char root[] = "/tmp/bbuf.XXXXXX";	/* cgroup2, mounted for the test */
static char group[PATH_MAX / 2];

static int group_put(const char *file, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	return file_put(path, text);
}

static bool group_frozen(bool frozen)
{
	char path[PATH_MAX], text[TEXT_LENGTH];

	snprintf(path, sizeof(path), "%s/cgroup.events", group);
	return eventually(proc_field(path, "frozen ", text, sizeof(text)) &&
			  atoi(text) == frozen);
}

bool halt_begin(void)
{
	strcpy(root + sizeof(root) - sizeof("XXXXXX"), "XXXXXX");
	if (!mkdtemp(root))
		return false;
	snprintf(group, sizeof(group), "%s/bbuf-%d", root, getpid());
	return !mount("none", root, "cgroup2", 0, NULL) && !mkdir(group, 0700) &&
	       !group_put("cgroup.freeze", "0");
}

void halt_end(void)
{
	eventually(!rmdir(group) || errno == ENOENT);
	umount(root);
	rmdir(root);
}

/* Off the CPU, so that what is counted of it stands still. */
static bool task_off(const struct task *t)
{
	char path[TEXT_LENGTH], text[TEXT_LENGTH];

	snprintf(path, sizeof(path), "/proc/%d/syscall", t->pid);
	return proc_field(path, "", text, sizeof(text)) && strncmp(text, "running", 7);
}

static bool task_is_stopped(const struct task *t)
{
	char path[TEXT_LENGTH], text[TEXT_LENGTH];

	snprintf(path, sizeof(path), "/proc/%d/status", t->pid);
	return proc_field(path, "State:\t", text, sizeof(text)) && strchr(STOPPED, text[0]);
}

static bool task_trace(const struct task *t, bool attach)
{
	int status;

	if (attach)
		return !ptrace(PTRACE_ATTACH, t->pid, NULL, NULL) &&
		       waitpid(t->pid, &status, 0) == t->pid && WIFSTOPPED(status);
	return !ptrace(PTRACE_SEIZE, t->pid, NULL, NULL) &&
	       !ptrace(PTRACE_INTERRUPT, t->pid, NULL, NULL) &&
	       waitpid(t->pid, &status, 0) == t->pid && WIFSTOPPED(status);
}

static bool task_freeze(const struct task *t)
{
	char pid[TEXT_LENGTH];

	snprintf(pid, sizeof(pid), "%d", t->pid);
	return !group_put("cgroup.procs", pid) && !group_put("cgroup.freeze", "1") &&
	       group_frozen(true);
}

static bool task_stop(const struct task *t, enum halt how)
{
	switch (how) {
	case HALT_STOP:
		return !kill(t->pid, SIGSTOP) && eventually(task_is_stopped(t));
	case HALT_ATTACH:
	case HALT_SEIZE:
		return task_trace(t, how == HALT_ATTACH) && eventually(task_is_stopped(t));
	case HALT_FREEZE:
		return task_freeze(t);
	default:
		return false;
	}
}

bool task_halt(struct task *t, enum halt how)
{
	return task_stop(t, how) && eventually(task_off(t));
}

bool task_let_go(struct task *t, enum halt how)
{
	switch (how) {
	case HALT_STOP:
		return !kill(t->pid, SIGCONT);
	case HALT_ATTACH:
	case HALT_SEIZE:
		return !ptrace(PTRACE_DETACH, t->pid, NULL, NULL);
	case HALT_FREEZE:
		return !group_put("cgroup.freeze", "0");
	default:
		return false;
	}
}

bool task_release(struct task *t, enum halt how)
{
	unsigned long before = task_wakeups(t);

	return task_let_go(t, how) &&
	       eventually(task_wakeups(t) != before || task_done(t)) && task_sleeps(t);
}

/* Tasks that write down their calls */

struct task task_teller(long (*fn)(struct task *t), int fd, long nr, call_fn call)
{
	return (struct task){
		.fn = fn, .nr = nr, .fd = fd, .len = sizeof(struct story), .arg = { (long)call },
	};
}

struct story *story_of(const struct task *t)
{
	return (struct story *)t->result->data;
}

void tell(struct task *t)
{
	struct story *story = story_of(t);
	call_fn call = (call_fn)t->arg[0];
	int i = story->made;

	story->start[i] = now_ns();
	story->value[i] = call(t->fd);
	if (story->value[i] < 0)
		story->value[i] = -errno;
	story->end[i] = now_ns();
	store(story->made, i + 1);
}

long make_call(struct task *t)
{
	long value;

	tell(t);
	value = story_of(t)->value[0];
	errno = value < 0 ? -value : 0;
	return value < 0 ? -1 : value;
}

long make_calls(struct task *t)
{
	int i;

	for (i = 0; i < CALLS; i++)
		tell(t);
	return 0;
}

unsigned long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

unsigned long long elapsed(const struct task *t, int call)
{
	return story_of(t)->end[call] - story_of(t)->start[call];
}
