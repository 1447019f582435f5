// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <kselftest.h>

#include "common.h"

#define MODULE_FILE	"/lib/bbuf/bbuf.ko"	/* unless BBUF_KO names another */
#define LINE_MAX_LEN	256
#define FOREVER		-1
#define LOOKS		3	/* how often a sleeper is looked at to call it undisturbed */

long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

void pause_ms(long ms)
{
	usleep(ms * 1000);
}

/* Files of the kernel */

bool proc_field(const char *path, const char *key, char *value, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[LINE_MAX_LEN];
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(value, size, "%s", line + strlen(key));
		found = true;
	}
	fclose(file);
	return found;
}

int file_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		error = -errno;
	close(fd);
	return error;
}

long file_number(const char *path)
{
	char text[LINE_MAX_LEN];

	return proc_field(path, "", text, sizeof(text)) ? strtol(text, NULL, 0) : -1;
}

long log_sequence(void)
{
	int log = open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	char line[LINE_MAX_LEN] = "";
	long sequence = -1;

	/* An overlong line is read in part, with an error; it begins with what is wanted. */
	if (lseek(log, 0, SEEK_END) == 0 && write(log, "bbuf selftest\n", 14) > 0 &&
	    read(log, line, sizeof(line) - 1) > 0)
		sscanf(line, "%*d,%ld", &sequence);
	close(log);
	return sequence;
}

/* The module */

static const char *module_file(void)
{
	const char *file = getenv("BBUF_KO");

	return file ? file : MODULE_FILE;
}

int module_load(const char *parameters)
{
	int fd = open(module_file(), O_RDONLY | O_CLOEXEC);
	char command[LINE_MAX_LEN];
	int error = 0;

	if (fd < 0) {
		snprintf(command, sizeof(command), "modprobe -q bbuf %s", parameters);
		return system(command) ? -EINVAL : 0;
	}
	if (syscall(SYS_finit_module, fd, parameters, 0))
		error = -errno;
	close(fd);
	return error;
}

int module_unload(void)
{
	return syscall(SYS_delete_module, "bbuf", O_NONBLOCK) ? -errno : 0;
}

static bool module_loaded(void)
{
	return !access(BBUF_PARAMETERS, F_OK);
}

/* Files that a task of an earlier test held are closed soon after it was killed. */
static bool module_unused(void)
{
	return eventually(file_number("/sys/module/bbuf/refcnt") == 0);
}

int module_reload(size_t capacity)
{
	char parameters[LINE_MAX_LEN];

	if (module_loaded()) {
		int error = module_unused() ? module_unload() : -EBUSY;

		if (error)
			return error;
	}
	snprintf(parameters, sizeof(parameters), "capacity=%zu", capacity);
	return module_load(parameters);
}

static int module_want(size_t capacity)
{
	if (file_number(BBUF_PARAMETERS "capacity") == (long)capacity)
		return 0;
	return module_reload(capacity);
}

static void module_restore(void)
{
	int error = module_want(DEFAULT_CAPACITY);

	if (error)
		fprintf(stderr, "# cannot load bbuf with its defaults: %s\n", strerror(-error));
}

void module_require(void)
{
	if (access(BBUF_DEVICE, F_OK) && module_load("")) {
		ksft_print_header();
		ksft_exit_skip("no %s, and no module to load\n", BBUF_DEVICE);
	}
	atexit(module_restore);
}

/* The queue */

int queued(int fd)
{
	int bytes;

	return ioctl(fd, FIONREAD, &bytes) ? -1 : bytes;
}

int device_open(size_t capacity, int *fd, int *nb)
{
	int error = module_unused() ? module_want(capacity) : -EBUSY;

	/* A test that hangs in the device must not outlive a program that ran out of time. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (error)
		return error;
	*fd = open(BBUF_DEVICE, O_RDWR | O_CLOEXEC);
	*nb = open(BBUF_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (*fd < 0 || *nb < 0)
		return -errno;
	return discard(*nb, queued(*nb)) ? 0 : -EIO;
}

int device_reopen(size_t capacity, int *fd, int *nb)
{
	close(*fd);
	close(*nb);
	return device_open(capacity, fd, nb);
}

/* Bytes that can be told apart */

unsigned char pattern(size_t position)
{
	return position * 167 + (position >> 8) * 59 + (position >> 16);
}

void pattern_fill(void *buf, size_t position, size_t n)
{
	unsigned char *byte = buf;
	size_t i;

	for (i = 0; i < n; i++)
		byte[i] = pattern(position + i);
}

bool pattern_matches(const void *buf, size_t position, size_t n)
{
	const unsigned char *byte = buf;
	size_t i;

	for (i = 0; i < n; i++)
		if (byte[i] != pattern(position + i))
			return false;
	return true;
}

ssize_t put(int fd, size_t position, size_t n)
{
	unsigned char *buf = malloc(n + 1);
	ssize_t done;
	int error;

	if (!buf)
		return -1;
	pattern_fill(buf, position, n);
	done = write(fd, buf, n);
	error = errno;
	free(buf);
	errno = error;
	return done;
}

bool read_exactly(int fd, void *buf, size_t n)
{
	while (n) {
		ssize_t got = read(fd, buf, n);

		if (got <= 0)
			return false;
		buf += got;
		n -= got;
	}
	return true;
}

/* Memory that is there, so that a call goes through it in one step. */
static unsigned char *touched(size_t n)
{
	unsigned char *buf = malloc(n + 1);

	if (buf)
		memset(buf, pattern(n), n + 1);
	return buf;
}

bool take(int fd, size_t position, size_t n)
{
	unsigned char *buf = touched(n);
	bool good = buf && read_exactly(fd, buf, n) && pattern_matches(buf, position, n);

	free(buf);
	return good;
}

bool fill(int fd, size_t n)
{
	unsigned char *buf = touched(n);
	bool good = buf && write(fd, buf, n) == (ssize_t)n;

	free(buf);
	return good;
}

bool discard(int fd, size_t n)
{
	unsigned char *buf = touched(n);
	bool good = buf && read_exactly(fd, buf, n);

	free(buf);
	return good;
}

unsigned char *cliff(size_t n, size_t position)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t whole = (n + page - 1) / page * page;
	unsigned char *map = mmap(NULL, whole + page, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + whole, page, PROT_NONE))
		return NULL;
	pattern_fill(map + whole - n, position, n);
	return map + whole - n;
}

/* Tasks */

static struct task_result *own_result;

static void on_signal(int signal)
{
	(void)signal;
	own_result->signals++;
}

static void task_run(struct task *t)
{
	struct sigaction action = {
		.sa_handler = on_signal,
		.sa_flags = t->restart ? SA_RESTART : 0,
	};
	long value;

	own_result = t->result;
	memset(t->result->data, 0, t->len);	/* present, so that copies don't fault */
	sigaction(SIGUSR1, &action, NULL);
	value = t->fn(t);
	t->result->value = value < 0 ? -errno : value;
	store(t->result->done, true);
	_exit(0);
}

static void *task_run_thread(void *argument)
{
	struct task *t = argument;
	long value;

	store(t->pid, gettid());
	value = t->fn(t);
	t->result->value = value < 0 ? -errno : value;
	store(t->result->done, true);
	return NULL;
}

static int task_start_thread(struct task *t)
{
	pthread_t thread;

	t->pid = 0;
	memset(t->result->data, 0, t->len);
	if (pthread_create(&thread, NULL, task_run_thread, t) || pthread_detach(thread))
		return -1;
	return eventually(load(t->pid)) ? 0 : -1;
}

int task_start(struct task *t)
{
	pid_t parent = getpid();

	t->result = mmap(NULL, sizeof(*t->result) + t->len, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t->result == MAP_FAILED)
		return -1;
	if (t->is_thread)
		return task_start_thread(t);
	t->pid = fork();
	if (t->pid)
		return t->pid < 0 ? -1 : 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	task_run(t);
	return 0;
}

static long read_once(struct task *t)
{
	return read(t->fd, t->result->data, t->len);
}

static long write_once(struct task *t)
{
	pattern_fill(t->result->data, t->position, t->len);
	return write(t->fd, t->result->data, t->len);
}

struct task task_reader(int fd, size_t n)
{
	return (struct task){ .fn = read_once, .nr = SYS_read, .fd = fd, .len = n };
}

struct task task_writer(int fd, size_t position, size_t n)
{
	return (struct task){
		.fn = write_once, .nr = SYS_write, .fd = fd, .len = n, .position = position,
	};
}

struct task_view {
	char state;
	long nr;		/* -1: in no system call, or not asleep */
	long argument;
	unsigned long switches;
};

/*
 * The system call of a task. /proc/PID/syscall names it only while the task is off the CPU, so the
 * order of reads matters: the counter that is read after it covers that sleep.
 */
static struct task_view task_look(const struct task *t)
{
	struct task_view view = { .nr = -1 };
	char path[LINE_MAX_LEN], text[LINE_MAX_LEN];

	snprintf(path, sizeof(path), "/proc/%d/syscall", t->pid);
	if (proc_field(path, "", text, sizeof(text)) &&
	    sscanf(text, "%ld %li", &view.nr, &view.argument) < 2)
		view.nr = -1;
	snprintf(path, sizeof(path), "/proc/%d/status", t->pid);
	if (proc_field(path, "State:\t", text, sizeof(text)))
		view.state = text[0];
	if (proc_field(path, "voluntary_ctxt_switches:\t", text, sizeof(text)))
		view.switches = strtoul(text, NULL, 10);
	return view;
}

static bool task_asleep(const struct task *t, const struct task_view *view)
{
	bool asleep = view->state == 'S' || (t->stalls && view->state == 'D');

	return asleep && view->nr == t->nr &&
	       (t->fd < 0 || view->argument == t->fd);
}

/* Settled: asleep where it should be, or dead. Of a thread that has ended there is nothing. */
static bool task_settled(const struct task *t, struct task_view *view)
{
	*view = task_look(t);
	return task_asleep(t, view) || view->state == 'Z' || (t->is_thread && task_done(t));
}

bool task_sleeps(struct task *t)
{
	struct task_view view;

	if (!eventually(task_settled(t, &view)))
		return false;
	t->switches = view.switches;
	return task_asleep(t, &view);
}

bool task_blocks(struct task *t)
{
	return !task_start(t) && task_sleeps(t);
}

bool task_undisturbed(struct task *t)
{
	int i;

	for (i = 0; i < LOOKS; i++) {
		struct task_view view = task_look(t);

		if (!task_asleep(t, &view) || view.switches != t->switches)
			return false;
		pause_ms(1);
	}
	return true;
}

unsigned long task_wakeups(struct task *t)
{
	return task_look(t).switches - t->switches;
}

bool task_done(const struct task *t)
{
	return load(t->result->done);
}

long task_wait(struct task *t)
{
	if (t->is_thread)
		return eventually(task_done(t)) ? t->result->value : -ETIME;
	if (!eventually(waitpid(t->pid, NULL, WNOHANG))) {
		task_kill(t);
		return -ETIME;
	}
	return task_done(t) ? t->result->value : -ECHILD;
}

bool task_signal(struct task *t)
{
	int before = load(t->result->signals);

	return !kill(t->pid, SIGUSR1) && eventually(load(t->result->signals) != before);
}

void task_kill(struct task *t)
{
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
}

/* Notification */

static sigset_t sigio(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	return set;
}

bool sigio_on(int fd)
{
	const sigset_t set = sigio();

	return !sigprocmask(SIG_BLOCK, &set, NULL) && !fcntl(fd, F_SETOWN, getpid()) &&
	       !fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
}

bool sigio_sent(void)
{
	const struct timespec none = { 0 };
	const sigset_t set = sigio();

	return sigtimedwait(&set, NULL, &none) == SIGIO;
}

int epoll_on(int fd, unsigned int events)
{
	struct epoll_event event = { .events = events };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	return epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -1 : epoll;
}

unsigned int epoll_now(int epoll)
{
	struct epoll_event event;

	return epoll_wait(epoll, &event, 1, 0) == 1 ? event.events : 0;
}

static long epoll_once(struct task *t)
{
	struct epoll_event event;
	int ready = epoll_wait(t->fd, &event, 1, FOREVER);

	return ready < 0 ? -1 : (long)event.events;
}

struct task task_epoller(int epoll)
{
	return (struct task){ .fn = epoll_once, .nr = SYS_epoll_wait, .fd = epoll };
}
