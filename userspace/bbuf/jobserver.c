// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf jobserver: create a pool of tokens for make and other programs, and run a command with
 * it.
 *
 * A separate process, the warden, destroys the queue when the command has exited, even if this
 * process is killed.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/macros.h"
#include "common/settings.h"
#include "command.h"
#include "gnumake.h"
#include "message.h"
#include "name.h"
#include "options.h"
#include "queue.h"
#include "user.h"

#define JOBS_MAX	65536
#define NAMES_MAX	1000

/* Token of GNU make, and the only byte that make writes back. */
#define TOKEN		'+'

/* Exit codes as in shells: terminated by a signal, not executable, not found. */
#define EXIT_SIGNAL		128
#define EXIT_CANNOT_RUN		126
#define EXIT_NO_PROGRAM		127

/**
 * struct plan - what to run, and with which pool
 * @command: command with its arguments
 * @jobs: maximum number of jobs at once, including one that needs no token
 * @name: name of the queue to create
 * @queue: existing pool to use, or NULL
 * @owner: owner of the queue to create
 */
struct plan {
	char **command;
	uint64_t jobs;
	const char *name;
	const char *queue;
	uid_t owner;
};

static void check(struct argp_state *state, const struct plan *plan)
{
	if (!plan->command)
		argp_error(state, "missing argument: COMMAND");
	if (plan->queue && (plan->jobs || plan->name || plan->owner != BBUF_ID_CALLER))
		argp_error(state, "--jobs, --name and --owner describe a new queue and cannot be "
			   "combined with --queue");
}

static error_t parse_arguments(int key, char *arg, struct argp_state *state, void *input)
{
	struct plan *plan = input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_ARG:
		plan->command = arg_command(state);
		return 0;
	case ARGP_KEY_END:
		check(state, plan);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void parse(struct plan *plan, int argc, char **argv)
{
	const struct setting settings[] = {
		JOBS_SETTING(&plan->jobs, JOBS_MAX),
		{ .name = "name", .key = 'n', .arg = "NAME", .text = &plan->name,
		  .doc = "name of the queue (default: jobserver-PID)" },
		{ .name = "owner", .key = 'o', .arg = "USER", .parse = set_user,
		  .into = &plan->owner,
		  .doc = "user who may use the queue, besides root (default: you)" },
		{ .name = "queue", .key = 'q', .arg = "QUEUE", .text = &plan->queue,
		  .doc = "use an existing queue that is filled with tokens, and keep it" },
		{ 0 }
	};
	const struct command_line line = {
		.settings = settings,
		.args = "[--] COMMAND [ARGUMENT...]",
		.doc = "Creates a queue with a token for each job besides the first, runs COMMAND "
		       "with the queue as the job server of make, and destroys the queue. Tokens "
		       "of a process that is killed return automatically.\v"
		       "Requires GNU make 4.4 or later, or cargo 1.69 or later. Creating a queue "
		       "requires permission to write to /dev/bbuf-control, which root has; with "
		       "--queue you can use any queue that you may read and write.\n\n"
		       "Exit status: 0 success, otherwise that of COMMAND, or 128 plus the number "
		       "of the signal that terminated it; 1 failure, 2 wrong usage, 126 and 127 "
		       "COMMAND cannot be run.",
		.flags = ARGP_IN_ORDER,
		.parse = parse_arguments,
		.input = plan,
	};

	command_line_parse(&line, argc, argv);
}

static int fail_make(const struct subject *subject, int error)
{
	int ret;

	if (error == EEXIST)
		return fail_name_taken(subject, "use that queue with --queue");
	ret = fail_control(subject, error);
	if (error == EACCES)
		print_message(subject, "with sudo give --owner; or let root create a permanent "
			      "pool, and use it with --queue: see bbuf-jobserver(1)");
	return ret;
}

/* Choose a free name. The PID alone may be taken by a process in another PID namespace. */
static int make_unnamed(struct subject *subject, const struct bbuf_config *config)
{
	static char name[BBUF_NAME_SIZE];
	unsigned int more;

	subject->queue = name;
	for (more = 0; more <= NAMES_MAX; more++) {
		snprintf(name, sizeof(name), more ? "jobserver-%d-%u" : "jobserver-%d", getpid(),
			 more);
		if (!bbuf_create(name, config))
			return 0;
		if (errno != EEXIST)
			break;
	}
	return -1;
}

/*
 * The capacity is the number of tokens, so that a surplus token is noticed. The lease limit is
 * above it and cannot be reached: a client that holds all tokens and reads another one, as cargo
 * does, must block until one is written back, and must not get an error.
 */
static int make_queue(struct subject *subject, const struct plan *plan)
{
	struct bbuf_config config = BBUF_CONFIG_INIT;
	int ret;

	config.policy = BBUF_LEASE;
	config.capacity = plan->jobs - 1;
	config.max_leases = plan->jobs;
	config.uid = plan->owner;
	subject->queue = plan->name;
	ret = plan->name ? bbuf_create(plan->name, &config) : make_unnamed(subject, &config);
	return ret ? fail_make(subject, errno) : EXIT_SUCCESS;
}

static int fill_queue(const struct subject *subject, size_t tokens)
{
	static const struct timespec at_once;
	struct bbuf *queue = queue_open(subject, O_WRONLY);
	char *bytes = xcalloc(tokens, 1);
	int ret = EXIT_SUCCESS;

	memset(bytes, TOKEN, tokens);
	if (bbuf_put(queue, bytes, tokens, &at_once) != (ssize_t)tokens)
		ret = fail(subject, errno);
	free(bytes);
	bbuf_close(queue);
	return ret;
}

/*
 * Count the tokens of a pool, including those in use. Returns 0 after printing a message if it
 * is not a pool or has no tokens.
 */
static size_t count_tokens(const struct subject *subject)
{
	struct bbuf *queue = queue_open(subject, O_RDWR);
	struct bbuf_info info;
	size_t tokens;

	if (bbuf_get_info(queue, &info))
		exit(fail(subject, errno));
	bbuf_close(queue);
	tokens = info.bytes + info.leased_bytes;
	if (info.type != BBUF_STREAM || !(info.policy & BBUF_LEASE)) {
		print_message(subject, "not a pool of tokens: create one with `bbuf create "
			      "--lease'");
		return 0;
	}
	if (!tokens)
		print_message(subject, "the pool has no tokens: bbuf-jobserver(1) tells how to "
			      "fill it");
	return tokens;
}

/*
 * Append to a variable with flags of make. The flags end at " -- ", where variables begin; if an
 * option occurs twice, the last one counts.
 */
static void add_flags(const char *name, const char *flags)
{
	const char *old = getenv(name) ?: "", *variables = strstr(old, " -- ");
	char *value;

	if (!variables)
		variables = old + strlen(old);
	value = xasprintf("%.*s %s%s", (int)(variables - old), old, flags, variables);
	setenv(name, value, 1);
	free(value);
}

/*
 * All programs read MAKEFLAGS, but cargo reads CARGO_MAKEFLAGS first, which another cargo may
 * have set.
 */
static void set_environment(const char *queue, size_t jobs)
{
	char *flags, *path = queue ? queue_path(queue) : NULL;

	flags = path ? xasprintf("-j%zu --jobserver-auth=fifo:%s", jobs, path) :
		       xasprintf("-j%zu", jobs);
	add_flags("MAKEFLAGS", flags);
	if (getenv("CARGO_MAKEFLAGS"))
		add_flags("CARGO_MAKEFLAGS", flags);
	free(flags);
	free(path);
}

static _Noreturn void exec_command(const struct subject *subject, char **command,
				   const sigset_t *mask)
{
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(command[0], command);
	print_message(subject, "%s: %s", command[0], strerror(errno));
	_exit(errno == ENOENT ? EXIT_NO_PROGRAM : EXIT_CANNOT_RUN);
}

/* Wait until a process that is not our child exits. It may have exited already. */
static void wait_for(pid_t pid)
{
	struct pollfd fd = { .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };

	while (fd.fd >= 0 && poll(&fd, 1, -1) < 0 && errno == EINTR)
		;
}

/* Body of the warden. A pipe gives it the process to wait for; EOF means that none was started. */
static _Noreturn void warden_main(const char *queue, int pipe)
{
	sigset_t all;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	prctl(PR_SET_NAME, "bbuf-warden");
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	if (read(pipe, &pid, sizeof(pid)) == sizeof(pid))
		wait_for(pid);
	_exit(bbuf_destroy(queue) && errno != ENOENT ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Start the warden. Returns the end of the pipe on which it expects a process ID. */
static int start_warden(const struct subject *subject, pid_t *warden)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		err(EXIT_FAILURE, "%s: using a pipe", subject->operation);
	*warden = fork();
	if (*warden < 0)
		err(EXIT_FAILURE, "%s: starting a process", subject->operation);
	if (!*warden) {
		close(fds[1]);
		warden_main(subject->queue, fds[0]);
	}
	close(fds[0]);
	return fds[1];
}

/* Forward a signal to the command, unless the terminal has sent it to the command as well. */
static void forward_signal(const siginfo_t *info, pid_t command)
{
	bool terminal = info->si_code == SI_KERNEL &&
			(info->si_signo == SIGINT || info->si_signo == SIGQUIT);

	if (!terminal)
		kill(command, info->si_signo);
}

static void forwarded_signals(sigset_t *set)
{
	static const int numbers[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGCHLD };
	size_t i;

	sigemptyset(set);
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaddset(set, numbers[i]);
}

/* Wait until a process exits, without reaping it, and forward signals meanwhile. */
static void wait_and_forward(pid_t process, pid_t command)
{
	siginfo_t info, state = { 0 };
	sigset_t set;

	forwarded_signals(&set);
	while (!waitid(P_PID, process, &state, WEXITED | WNOHANG | WNOWAIT) && !state.si_pid)
		if (sigwaitinfo(&set, &info) > 0 && info.si_signo != SIGCHLD)
			forward_signal(&info, command);
}

static pid_t start_command(const struct subject *subject, const struct plan *plan,
			   const sigset_t *mask)
{
	pid_t command;

	set_environment(subject->queue, plan->jobs);
	command = fork();
	if (command < 0)
		err(EXIT_FAILURE, "%s: starting a process", subject->operation);
	if (!command)
		exec_command(subject, plan->command, mask);
	return command;
}

/*
 * Run the command with a new pool. Returns an exit code. The command is reaped only after the
 * warden has seen its exit, so that its process ID is not reused before.
 */
static int run_with_new(struct subject *subject, const struct plan *plan)
{
	pid_t warden, command;
	int pipe, status;
	sigset_t set, old;

	signal(SIGCHLD, SIG_DFL);
	forwarded_signals(&set);
	sigprocmask(SIG_BLOCK, &set, &old);
	if (make_queue(subject, plan))
		return EXIT_FAILURE;
	pipe = start_warden(subject, &warden);
	if (fill_queue(subject, plan->jobs - 1))
		return EXIT_FAILURE;
	command = start_command(subject, plan, &old);
	if (write(pipe, &command, sizeof(command)) != sizeof(command))
		err(EXIT_FAILURE, "%s: using a pipe", subject->operation);
	close(pipe);
	wait_and_forward(warden, command);
	waitpid(warden, &status, 0);
	if (status)
		print_message(subject, "the queue could not be destroyed: try `bbuf destroy'");
	waitpid(command, &status, 0);
	return WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Run the command with an existing pool. Returns only if there is none. */
static int run_with_existing(struct subject *subject, const struct plan *plan)
{
	size_t tokens;
	sigset_t mask;

	subject->queue = plan->queue;
	tokens = count_tokens(subject);
	if (!tokens)
		return EXIT_FAILURE;
	set_environment(plan->queue, tokens + 1);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	exec_command(subject, plan->command, &mask);
}

/* A single job at a time needs no tokens. */
static int run_alone(struct subject *subject, const struct plan *plan)
{
	sigset_t mask;

	set_environment(NULL, plan->jobs);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	exec_command(subject, plan->command, &mask);
}

/*
 * An old make stops at the path with an internal error that explains nothing. Other programs
 * that accept no path continue without a job server.
 */
static int check_make(const struct subject *subject, const char *command)
{
	struct gnumake make;
	int ret = EXIT_SUCCESS;

	if (!gnumake_find(&make, command))
		return EXIT_SUCCESS;
	if (!gnumake_takes_path(&make)) {
		print_message(subject, "%s is GNU make %s, which does not support a job server "
			      "given by its path: install 4.4 or later, or give its path as "
			      "COMMAND", make.path, make.version);
		ret = EXIT_FAILURE;
	}
	gnumake_uninit(&make);
	return ret;
}

int cmd_jobserver(int argc, char **argv)
{
	struct subject subject = { .operation = "jobserver" };
	struct plan plan = { .owner = BBUF_ID_CALLER };

	parse(&plan, argc, argv);
	if (!plan.queue && !plan.jobs)
		plan.jobs = default_jobs(JOBS_MAX);
	if (plan.jobs == 1)
		return run_alone(&subject, &plan);
	if (check_make(&subject, plan.command[0]))
		return EXIT_FAILURE;
	if (plan.queue)
		return run_with_existing(&subject, &plan);
	return run_with_new(&subject, &plan);
}
