// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf: create, show, change and use queues from the command line.
 */
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/exit.h"
#include "common/macros.h"
#include "command.h"

/**
 * struct command - a command of bbuf
 * @name: name of the command
 * @title: program name for its own help
 * @summary: description in the list of commands
 * @run: runs the command; returns the exit code
 */
struct command {
	const char *name;
	char *title;
	const char *summary;
	int (*run)(int argc, char **argv);
};

#define COMMAND(name, summary)	{ #name, "bbuf " #name, summary, cmd_##name }

static const struct command commands[] = {
	COMMAND(create, "create a queue"),
	COMMAND(destroy, "destroy queues, even if they are in use"),
	COMMAND(list, "list all queues in a table"),
	COMMAND(info, "show the properties and statistics of a queue"),
	COMMAND(set, "change a queue while it is in use"),
	COMMAND(put, "write arguments, lines or files to a queue"),
	COMMAND(get, "read from a queue to standard output"),
	COMMAND(peek, "show the oldest data without removing it"),
	COMMAND(drain, "wait until all queued data has been consumed"),
	COMMAND(flush, "discard all queued data"),
	COMMAND(shutdown, "refuse further writes, and give readers end of file"),
	COMMAND(reopen, "undo shutdown"),
	COMMAND(work, "run a command for each record, at least once"),
	COMMAND(jobserver, "run make with a job server that recovers lost tokens"),
	COMMAND(top, "monitor all queues"),
	COMMAND(bench, "benchmark bbuf against pipes and other queues"),
};

static void usage(FILE *out)
{
	size_t i;

	fputs("Usage: bbuf COMMAND [QUEUE] [OPTION...]\n"
	      "Creates, shows, changes and uses bounded queues in the kernel.\n\n", out);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-11s%s\n", commands[i].name, commands[i].summary);
	fputs("\n"
	      "The queue `default' is /dev/bbuf; any other queue is /dev/bbuf-QUEUE.\n"
	      "See `bbuf COMMAND --help' and bbuf(1) for details.\n", out);
}

static const struct command *find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/*
 * If standard input or output is closed, the next file opened would take its number, and data
 * meant for it could go into a queue. Open /dev/null in its place, in a mode in which using it
 * fails.
 */
static void reserve_standard_files(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFL) < 0)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
	const struct command *command;

	reserve_standard_files();
	setlocale(LC_ALL, "");
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help")) {
		usage(stdout);
		return output_end();
	}
	command = find(argv[1]);
	if (!command) {
		fprintf(stderr, "bbuf: unknown command `%s': `bbuf --help' lists all commands\n",
			argv[1]);
		return EXIT_USAGE;
	}
	argv[1] = command->title;
	return command->run(argc - 1, argv + 1);
}
