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
	COMMAND(create, "make a queue"),
	COMMAND(destroy, "remove queues, whoever uses them"),
	COMMAND(list, "show all queues in a table"),
	COMMAND(info, "show all there is to know of a queue"),
	COMMAND(set, "change a queue while it is in use"),
	COMMAND(put, "put arguments, lines or files into a queue"),
	COMMAND(get, "take out of a queue, to standard output"),
	COMMAND(peek, "show what comes next, and leave it there"),
	COMMAND(drain, "wait until all that is queued now was taken"),
	COMMAND(flush, "discard what is queued"),
	COMMAND(shutdown, "let writers put no more, and readers see an end"),
	COMMAND(reopen, "take shutdown back"),
	COMMAND(work, "run a command for each record; a killed worker loses none"),
	COMMAND(jobserver, "run make with a job server that heals itself"),
	COMMAND(top, "watch all queues"),
	COMMAND(bench, "measure queues beside what one would take instead"),
};

static void usage(FILE *out)
{
	size_t i;

	fputs("Usage: bbuf COMMAND [QUEUE] [OPTION...]\n"
	      "Makes, shows, changes and uses bounded queues in the kernel.\n\n", out);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-11s%s\n", commands[i].name, commands[i].summary);
	fputs("\nThe queue `default' is /dev/bbuf, any other is /dev/bbuf-QUEUE.\n"
	      "`bbuf COMMAND --help' tells more, bbuf(1) all.\n", out);
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
	argp_err_exit_status = EXIT_USAGE;
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
		fprintf(stderr, "bbuf: there is no command `%s': see `bbuf --help'\n", argv[1]);
		return EXIT_USAGE;
	}
	argv[1] = command->title;
	return command->run(argc - 1, argv + 1);
}
