/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options of a program, each declared once: its names, its help, its default, and the variable
 * that its value goes to.
 */
#ifndef BBUF_COMMON_SETTINGS_H
#define BBUF_COMMON_SETTINGS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct setting - an option of a program, or a heading in its help
 * @name: long name; NULL for a heading
 * @key: letter of the short form; 0 for none
 * @doc: description for --help; text of a heading
 * @initial: default value as text, set before any option is parsed and appended to the help;
 *           NULL for none
 * @arg: name of the argument for --help; NULL for that of the type, and for none with @yes
 * @omitted: value as text if the argument is omitted; NULL if it may not be omitted
 * @max: maximum of @count; 0 for no limit
 * @yes: variable to set to true; the option takes no argument
 * @text: variable for the argument itself
 * @size: variable for a size in bytes
 * @count: variable for a number
 * @time: variable for a time in nanoseconds
 * @parse: function for any other value; @arg may be NULL and the argument omitted
 * @into: variable for @parse
 *
 * Exactly one of @yes, @text, @size, @count, @time and @parse is given.
 */
struct setting {
	const char *name;
	int key;
	const char *doc;
	const char *initial;
	const char *arg;
	const char *omitted;
	uint64_t max;
	bool *yes;
	const char **text;
	uint64_t *size;
	uint64_t *count;
	uint64_t *time;
	void (*parse)(struct argp_state *state, const struct setting *setting, char *arg);
	void *into;
};

/**
 * struct command_line - what a program accepts on its command line
 * @settings: options, up to one without a name and without a description; NULL for none
 * @shared: more options, that other programs have as well; NULL for none
 * @args: arguments that are not options, for --help
 * @doc: description for --help; what follows \v is printed after the options
 * @flags: flags of argp_parse()
 * @parse: parses arguments that are not options; called like a parser of argp; NULL for none
 * @input: passed to @parse
 * @help_filter: see struct argp
 */
struct command_line {
	const struct setting *settings;
	const struct setting *shared;
	const char *args;
	const char *doc;
	unsigned int flags;
	error_t (*parse)(int key, char *arg, struct argp_state *state, void *input);
	void *input;
	char *(*help_filter)(int key, const char *text, void *input);
};

void command_line_parse(const struct command_line *line, int argc, char **argv);

#endif /* BBUF_COMMON_SETTINGS_H */
