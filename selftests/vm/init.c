// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first process of the virtual machine: mounts the usual file systems, loads the module,
 * runs one command, and ends the machine with the command's exit status.
 *
 * There are three serial lines. ttyS0 is the command's standard input and output, ttyS1 (on
 * arm64 ttyAMA0) the kernel's console, and on ttyS2 init reports "started", again and again as a
 * heartbeat, and in the last line how it went:
 *
 *	exit STATUS	the command ended (128 + signal if it was killed)
 *	timeout		the command did not end in time
 *	error TEXT	the command could not be started
 *
 * The instructions are in /vm, written by "run" on the host:
 *
 *	/vm/command	the arguments of the command, each ended by a NUL
 *	/vm/environ	its environment, in the same way
 *	/vm/options	"key value" lines: see struct options
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <sys/io.h>
#endif

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Where QEMU's isa-debug-exit device listens. */
#define EXIT_PORT	0xf4
#define MODULE		"/lib/bbuf/bbuf.ko"
#define KMEMLEAK	"/sys/kernel/debug/kmemleak"
#define MAX_WORDS	1024
#define LEAK_SECONDS	6

struct options {
	bool load;		/* load the module first */
	bool tty;		/* the command gets a terminal, not pipes */
	int rows;		/* size of the terminal */
	int columns;
	int timeout;		/* in seconds */
	int heartbeat;		/* seconds between two heartbeats; 0 for none */
};

static const struct mount_point {
	const char *type;
	const char *target;
	const char *data;
} mount_points[] = {
	{ "proc",	"/proc",		NULL },
	{ "sysfs",	"/sys",			NULL },
	{ "devtmpfs",	"/dev",			NULL },
	{ "devpts",	"/dev/pts",		"ptmxmode=0666" },
	{ "tmpfs",	"/dev/shm",		NULL },
	{ "mqueue",	"/dev/mqueue",		NULL },
	{ "tmpfs",	"/tmp",			NULL },
	{ "tmpfs",	"/run",			"mode=0755" },
	{ "debugfs",	"/sys/kernel/debug",	NULL },
	{ "tracefs",	"/sys/kernel/tracing",	NULL },
	{ "cgroup2",	"/sys/fs/cgroup",	NULL },
};

static const struct device_link {
	const char *target;
	const char *path;
} device_links[] = {
	{ "/proc/self/fd",	"/dev/fd" },
	{ "fd/0",		"/dev/stdin" },
	{ "fd/1",		"/dev/stdout" },
	{ "fd/2",		"/dev/stderr" },
};

static int report_fd = -1;

/* On x86 a reboot may take its time: QEMU is configured to exit on a write to a port. */
static void write_exit_port(void)
{
#if defined(__x86_64__) || defined(__i386__)
	if (ioperm(EXIT_PORT, 4, 1) == 0)
		outl(0, EXIT_PORT);
#endif
}

/* QEMU is configured to exit on any reboot, too. */
static void __attribute__((noreturn)) end_machine(void)
{
	if (report_fd >= 0)
		tcdrain(report_fd);
	write_exit_port();
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static void __attribute__((noreturn, format(printf, 1, 2))) report(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vdprintf(report_fd, format, args);
	va_end(args);
	end_machine();
}

static int open_line(const char *path, int flags)
{
	struct termios termios;
	int fd = open(path, flags | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || tcgetattr(fd, &termios) != 0)
		return fd;
	cfmakeraw(&termios);
	cfsetspeed(&termios, B115200);
	tcsetattr(fd, TCSANOW, &termios);
	return fd;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		dprintf(report_fd, "warning %s: %m\n", path);
	close(fd);
}

static void copy_file(const char *from, const char *to)
{
	FILE *in = fopen(from, "re"), *out = fopen(to, "we");
	char line[512];

	while (in && out && fgets(line, sizeof(line), in)) {
		fputs(line, out);
		fflush(out);		/* /dev/kmsg takes one line at a time */
	}
	if (in)
		fclose(in);
	if (out)
		fclose(out);
}

/* It is not an error if this kernel was built without it. */
static void mount_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(mount_points); i++) {
		const struct mount_point *m = &mount_points[i];

		mkdir(m->target, 0755);
		mount(m->type, m->target, m->type, 0, m->data);
	}
	chmod("/", 0755);
	for (size_t i = 0; i < ARRAY_SIZE(device_links); i++)
		if (symlink(device_links[i].target, device_links[i].path) != 0 && errno != EEXIST)
			report("error %s: %m\n", device_links[i].path);
}

/* Splits a file of NUL-terminated words; the words live as long as init. */
static char **read_words(const char *path)
{
	static char *none[] = { NULL };
	char **words = calloc(MAX_WORDS + 1, sizeof(*words));
	FILE *file = fopen(path, "re");
	size_t size = 0, n = 0;

	if (!words || !file)
		return none;
	while (n < MAX_WORDS && getdelim(&words[n], &size, '\0', file) > 0) {
		n++;
		size = 0;
	}
	fclose(file);
	free(words[n]);
	words[n] = NULL;
	return words;
}

static struct options read_options(void)
{
	struct options options = { .timeout = -1 };
	FILE *file = fopen("/vm/options", "re");
	char key[32];
	int value;

	if (!file)
		return options;
	while (fscanf(file, "%31s %d", key, &value) == 2) {
		if (!strcmp(key, "load"))
			options.load = value;
		else if (!strcmp(key, "tty"))
			options.tty = value;
		else if (!strcmp(key, "rows"))
			options.rows = value;
		else if (!strcmp(key, "columns"))
			options.columns = value;
		else if (!strcmp(key, "timeout"))
			options.timeout = value;
		else if (!strcmp(key, "heartbeat"))
			options.heartbeat = value;
	}
	fclose(file);
	return options;
}

static void load_module(void)
{
	int fd = open(MODULE, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		report("error " MODULE ": %m\n");
	if (syscall(SYS_finit_module, fd, "", 0) != 0)
		report("error loading " MODULE ": %m (the kernel log says more)\n");
	close(fd);
}

/*
 * The session is init's own: were the command its leader, the terminal would be hung up
 * when it ends, and the last of its output dropped.
 */
static void become_terminal(int line, const struct options *options)
{
	struct winsize size = { .ws_row = options->rows, .ws_col = options->columns };
	struct termios termios;

	setsid();
	if (ioctl(line, TIOCSCTTY, 0) != 0 || tcgetattr(line, &termios) != 0)
		report("error terminal: %m\n");
	termios.c_iflag |= BRKINT | ICRNL | IXON;
	termios.c_oflag |= OPOST | ONLCR;
	termios.c_lflag |= ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
	tcsetattr(line, TCSANOW, &termios);
	ioctl(line, TIOCSWINSZ, &size);
}

static void take_foreground(int line)
{
	signal(SIGTTOU, SIG_IGN);
	setpgid(0, 0);
	tcsetpgrp(line, getpid());
	signal(SIGTTOU, SIG_DFL);
}

static void __attribute__((noreturn)) exec_command(int in, int out)
{
	char **command = read_words("/vm/command");
	char **environment = read_words("/vm/environ");
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	if (!command[0])
		_exit(0);
	environ = environment;
	if (chdir("/root") != 0)
		_exit(126);
	execvp(command[0], command);
	fprintf(stderr, "%s: %s\n", command[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Start the command, and return the file from which its output must be copied, if any. */
static pid_t start_command(int line, const struct options *options, int *output)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int ends[2] = { -1, -1 };
	pid_t pid;

	if (options->tty)
		become_terminal(line, options);
	else if (pipe2(ends, O_CLOEXEC) != 0)
		report("error pipe: %m\n");
	pid = fork();
	if (pid < 0)
		report("error fork: %m\n");
	if (pid == 0) {
		if (options->tty) {
			take_foreground(line);
			exec_command(line, line);
		}
		setsid();
		exec_command(null, ends[1]);
	}
	close(null);
	close(ends[1]);
	*output = ends[0];
	return pid;
}

/* Copy what is available, and return whether more can come. */
static bool copy_output(int from, int to)
{
	char buffer[4096];
	ssize_t n = read(from, buffer, sizeof(buffer));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	for (ssize_t done = 0; done < n; ) {
		ssize_t written = write(to, buffer + done, n - done);

		if (written < 0 && errno != EINTR)
			report("error ttyS0: %m\n");
		if (written > 0)
			done += written;
	}
	return n > 0;
}

static void drain_output(int from, int to)
{
	int pending;

	while (from >= 0 && ioctl(from, FIONREAD, &pending) == 0 && pending > 0)
		copy_output(from, to);
	tcdrain(to);
}

/*
 * Reap all children that have ended. True if one of them was the command. There is no shell to
 * which a stopped command (by ^Z for example) could return, so it is continued.
 */
static bool command_ended(pid_t command, int *status)
{
	bool ended = false;
	int wstatus;
	pid_t pid;

	while ((pid = waitpid(-1, &wstatus, WNOHANG | WUNTRACED)) > 0) {
		if (WIFSTOPPED(wstatus))
			kill(pid, SIGCONT);
		if (pid != command || WIFSTOPPED(wstatus))
			continue;
		ended = true;
		*status = WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) : 128 + WTERMSIG(wstatus);
	}
	return ended;
}

static int seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec;
}

/* Write the stack of every task to the kernel log, to show where it hung. */
static void __attribute__((noreturn)) give_up(int line)
{
	write_file("/proc/sysrq-trigger", "t");
	tcdrain(line);
	report("timeout\n");
}

/* A thread of its own, as init blocks while the host does not take its output. */
static void *send_heartbeats(void *argument)
{
	const struct options *options = argument;

	while (!sleep(options->heartbeat))
		dprintf(report_fd, "started\n");
	return NULL;
}

static int wait_for_command(pid_t pid, int output, int line, const struct options *options)
{
	struct pollfd pollfd = { .fd = output, .events = POLLIN };
	struct timespec start, second = { .tv_sec = 1 };
	sigset_t unblocked;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &start);
	sigprocmask(SIG_SETMASK, NULL, &unblocked);
	sigdelset(&unblocked, SIGCHLD);
	while (!command_ended(pid, &status)) {
		if (options->timeout >= 0 && seconds_since(&start) >= options->timeout)
			give_up(line);
		if (ppoll(&pollfd, 1, &second, &unblocked) > 0 && !copy_output(output, line))
			pollfd.fd = -1;
	}
	return status;
}

/* Once no process has it open any more, it must be possible to unload it. */
static void unload_module(void)
{
	if (syscall(SYS_delete_module, "bbuf", O_NONBLOCK) != 0 && errno != ENOENT)
		report("error unloading " MODULE ": %m\n");
}

/*
 * A debug kernel may find memory that nothing points to any more: with the module gone,
 * what only that pointed to, too. kmemleak tells of what is older than five seconds, when
 * the second look has found it unchanged.
 */
static void look_for_leaks(const struct options *options)
{
	if (access(KMEMLEAK, W_OK) != 0)
		return;
	kill(-1, SIGKILL);
	while (wait(NULL) > 0)
		;
	sleep(LEAK_SECONDS);
	if (options->load)
		unload_module();
	write_file(KMEMLEAK, "scan");
	write_file(KMEMLEAK, "scan");
	write_file("/proc/sys/kernel/printk_devkmsg", "on\n");
	copy_file(KMEMLEAK, "/dev/kmsg");
}

static void on_child(int signal)
{
	(void)signal;
}

/* SIGCHLD is let in only while waiting, so that it always interrupts the wait. */
static void hold_child_signals(void)
{
	struct sigaction action = { .sa_handler = on_child };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	sigaction(SIGCHLD, &action, NULL);
}

int main(void)
{
	struct options options;
	int line, output, status;
	pthread_t thread;
	pid_t pid;

	mount_all();
	report_fd = open_line("/dev/ttyS2", O_WRONLY);
	dprintf(report_fd, "started\n");
	line = open_line("/dev/ttyS0", O_RDWR);
	if (line < 0)
		report("error ttyS0: %m\n");
	options = read_options();
	sethostname("bbuf", strlen("bbuf"));
	write_file("/proc/sys/kernel/printk", "8");
	if (options.load)
		load_module();
	hold_child_signals();
	if (options.heartbeat && pthread_create(&thread, NULL, send_heartbeats, &options))
		report("error thread\n");
	pid = start_command(line, &options, &output);
	status = wait_for_command(pid, output, line, &options);
	drain_output(output, line);
	look_for_leaks(&options);
	report("exit %d\n", status);
}
