// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that work on a record.
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

#include "common/alloc.h"
#include "../file.h"
#include "../program.h"
#include "job.h"

static bool in_arguments(const struct plan *plan)
{
	char **word = plan->command;

	while (*word && !strstr(*word, PLACEHOLDER))
		word++;
	return *word;
}

/*
 * Whether the command can exist. A mistake in its name should be found before a record is taken.
 * If the name contains the record, that is not possible.
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

/* Replace the placeholders in an argument by the record. Allocated. */
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

/* Arguments of one job. Allocated. */
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

/* Create a file with the record, or an empty one. Returns -1 and errno if that fails. */
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
 * struct start - arguments for starting a job
 * @words: command with its arguments
 * @input: file descriptor for standard input
 * @errors: send standard output to standard error, because standard output is for events
 * @error_fd: pipe for an error number
 * @slot: where to write the process group
 * @worker: process ID of the worker
 */
struct start {
	char **words;
	int input;
	bool errors;
	int error_fd;
	pid_t *slot;
	pid_t worker;
};

/* In the child process. If the worker dies from now on, the child is killed. */
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

/* Error number of a command that could not be executed; 0 if it runs. */
static int wait_for_command(int error_fd)
{
	int error = 0;
	ssize_t ret;

	do {
		ret = read(error_fd, &error, sizeof(error));
	} while (ret < 0 && errno == EINTR);
	return ret == sizeof(error) ? error : 0;
}

/* Returns an error number, or 0. */
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
 * Returns 0, or -1 and errno. E2BIG and EILSEQ, a NUL in an argument, are caused by the record.
 * After any other error no command can be run.
 */
int job_start(struct job *job, const struct plan *plan, const char *record)
{
	bool argument = in_arguments(plan);
	struct start start = {
		.errors = file_is_stdout(plan->json), .slot = job->slot, .worker = getpid(),
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

/* Signal all processes of a job, including stopped ones. */
void job_signal(const struct job *job, int signal)
{
	kill(-job->pid, signal);
	kill(-job->pid, SIGCONT);
}
