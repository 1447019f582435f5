// SPDX-License-Identifier: GPL-2.0-only
/*
 * The processes that work on a record.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../command.h"
#include "job.h"

static bool in_arguments(const struct plan *plan)
{
	char **word = plan->command;

	while (*word && !strstr(*word, PLACEHOLDER))
		word++;
	return *word;
}

/*
 * Is there such a command? A mistake in its name is better found before a record is
 * taken. Which one it is may depend on the record.
 */
bool job_possible(const struct plan *plan)
{
	const char *name = plan->command[0];
	bool possible;
	char *path;

	if (strstr(name, PLACEHOLDER))
		return true;
	path = program_path(name);
	possible = path;
	free(path);
	return possible;
}

/* One argument with the record in it, to be freed. */
static char *fill_in(const char *word, const char *record, size_t len)
{
	char *text, *end;
	const char *at;
	size_t count = 0;

	for (at = strstr(word, PLACEHOLDER); at; at = strstr(at + strlen(PLACEHOLDER), PLACEHOLDER))
		count++;
	text = xcalloc(strlen(word) + count * len + 1, 1);
	end = text;
	for (at = strstr(word, PLACEHOLDER); at; at = strstr(word, PLACEHOLDER)) {
		end = mempcpy(end, word, at - word);
		end = mempcpy(end, record, len);
		word = at + strlen(PLACEHOLDER);
	}
	strcpy(end, word);
	return text;
}

/* The arguments of one job, to be freed. */
static char **fill_in_all(const struct plan *plan, const char *record, size_t len)
{
	char **words;
	size_t count = 0, i;

	while (plan->command[count])
		count++;
	words = xcalloc(count + 1, sizeof(*words));
	for (i = 0; i < count; i++)
		words[i] = fill_in(plan->command[i], record, len);
	return words;
}

static void free_words(char **words)
{
	char **word;

	for (word = words; *word; word++)
		free(*word);
	free(words);
}

/* A file with the record, or with nothing; -1 and errno if there can be none. */
static int record_file(const char *record, size_t len)
{
	int fd = memfd_create("record", MFD_CLOEXEC);
	ssize_t ret;

	if (fd < 0)
		return -1;
	ret = write(fd, record, len);
	if (ret == (ssize_t)len && !lseek(fd, 0, SEEK_SET))
		return fd;
	if (ret >= 0)
		errno = ENOSPC;
	close(fd);
	return -1;
}

/**
 * struct start - of a job
 * @words: its command
 * @input: its standard input
 * @errors: where it gets its standard output from, if not from us: it is for our events
 * @error_fd: what to write an error to
 * @slot: where to write its process group
 * @worker: who starts it
 */
struct start {
	char **words;
	int input;
	bool errors;
	int error_fd;
	pid_t *slot;
	pid_t worker;
};

/* In the new process. If the worker dies from here on, it dies as well. */
static _Noreturn void exec_command(const struct start *start)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != start->worker)
		_exit(EXIT_FAILURE);
	setpgid(0, 0);
	*start->slot = getpid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(start->input, STDIN_FILENO) >= 0 &&
	    (!start->errors || dup2(STDERR_FILENO, STDOUT_FILENO) >= 0))
		execvp(start->words[0], start->words);
	if (write(start->error_fd, &errno, sizeof(errno)) != sizeof(errno))
		abort();
	_exit(EXIT_FAILURE);
}

/* Why the command could not be run: an error number, or 0 if it is running. */
static int wait_for_command(int error_fd)
{
	int error = 0;
	ssize_t ret;

	do {
		ret = read(error_fd, &error, sizeof(error));
	} while (ret < 0 && errno == EINTR);
	return ret == sizeof(error) ? error : 0;
}

/* Returns the error of that. */
static int run(struct job *job, struct start *start)
{
	int error_pipe[2], error;

	if (pipe2(error_pipe, O_CLOEXEC))
		return errno;
	start->error_fd = error_pipe[1];
	job->pid = fork();
	if (!job->pid)
		exec_command(start);
	error = job->pid < 0 ? errno : 0;
	close(error_pipe[1]);
	if (!error) {
		*job->slot = job->pid;
		error = wait_for_command(error_pipe[0]);
	}
	close(error_pipe[0]);
	if (error && job->pid > 0)
		waitpid(job->pid, NULL, 0);
	if (error)
		*job->slot = job->pid = 0;
	return error;
}

/*
 * Returns 0, or -1 and errno: E2BIG is the record's fault, as is EILSEQ, a NUL in what is to
 * be an argument. After any other error no command can be run.
 */
int job_start(struct job *job, const struct plan *plan, const char *record)
{
	bool argument = in_arguments(plan);
	struct start start = {
		.errors = work_plan_json_to_stdout(plan), .slot = job->slot, .worker = getpid(),
	};
	int error;

	if (argument && memchr(record, '\0', job->len)) {
		errno = EILSEQ;
		return -1;
	}
	start.input = record_file(record, argument ? 0 : job->len);
	if (start.input < 0)
		return -1;
	start.words = argument ? fill_in_all(plan, record, job->len) : plan->command;
	error = run(job, &start);
	if (argument)
		free_words(start.words);
	close(start.input);
	errno = error;
	return error ? -1 : 0;
}

/* To all its processes, also to those that are stopped. */
void job_signal(const struct job *job, int signal)
{
	kill(-job->pid, signal);
	kill(-job->pid, SIGCONT);
}
