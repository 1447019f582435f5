// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options of a program, parsed with argp. See settings.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "arguments.h"
#include "exit.h"
#include "settings.h"

/* Keys from this one on are not letters: options with them have long names only. */
#define SETTING_KEY	256

/**
 * struct parser - state while a command line is parsed
 * @line: the command line
 * @settings: all its options
 * @options: the same for argp
 * @count: number of @settings
 */
struct parser {
	const struct command_line *line;
	const struct setting **settings;
	struct argp_option *options;
	size_t count;
};

static void setting_set(const struct setting *setting, char *arg, struct argp_state *state)
{
	if (!arg)
		arg = (char *)setting->omitted;
	if (setting->yes)
		*setting->yes = true;
	else if (setting->text)
		*setting->text = arg;
	else if (setting->size)
		*setting->size = arg_size(state, setting->name, arg);
	else if (setting->time)
		*setting->time = arg_time(state, setting->name, arg);
	else if (setting->count)
		*setting->count = arg_count_to(state, setting->name, arg, setting->max);
	else
		setting->parse(state, setting, arg);
}

static void set_defaults(const struct parser *parser, struct argp_state *state)
{
	size_t i;

	for (i = 0; i < parser->count; i++)
		if (parser->settings[i]->initial)
			setting_set(parser->settings[i], (char *)parser->settings[i]->initial,
				    state);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	const struct parser *parser = state->input;
	const struct command_line *line = parser->line;
	size_t i;

	for (i = 0; i < parser->count; i++) {
		if (parser->options[i].name && parser->options[i].key == key) {
			setting_set(parser->settings[i], arg, state);
			return 0;
		}
	}
	if (key == ARGP_KEY_INIT)
		set_defaults(parser, state);
	return line->parse ? line->parse(key, arg, state, line->input) : ARGP_ERR_UNKNOWN;
}

static const char *setting_arg(const struct setting *setting)
{
	if (setting->arg)
		return setting->arg;
	if (setting->size)
		return "SIZE";
	if (setting->time)
		return "TIME";
	return setting->count ? "N" : NULL;
}

static void add_setting(struct parser *parser, const struct setting *setting)
{
	struct argp_option *option = &parser->options[parser->count];

	*option = (struct argp_option){ .name = setting->name, .doc = setting->doc };
	if (setting->name) {
		option->key = setting->key ?: SETTING_KEY + (int)parser->count;
		option->arg = setting_arg(setting);
		option->flags = setting->omitted ? OPTION_ARG_OPTIONAL : 0;
	}
	if (setting->initial)
		option->doc = xasprintf("%s (default: %s)", setting->doc, setting->initial);
	parser->settings[parser->count++] = setting;
}

static size_t count_settings(const struct setting *settings)
{
	size_t count = 0;

	while (settings && (settings[count].name || settings[count].doc))
		count++;
	return count;
}

static void add_settings(struct parser *parser, const struct setting *settings)
{
	size_t count = count_settings(settings), i;

	for (i = 0; i < count; i++)
		add_setting(parser, &settings[i]);
}

static void parser_init(struct parser *parser, const struct command_line *line)
{
	size_t count = count_settings(line->settings) + count_settings(line->shared);

	*parser = (struct parser){ .line = line };
	parser->settings = xcalloc(count + 1, sizeof(*parser->settings));
	parser->options = xcalloc(count + 1, sizeof(*parser->options));
	add_settings(parser, line->settings);
	add_settings(parser, line->shared);
}

static void parser_uninit(struct parser *parser)
{
	size_t i;

	for (i = 0; i < parser->count; i++)
		if (parser->settings[i]->initial)
			free((char *)parser->options[i].doc);
	free(parser->options);
	free(parser->settings);
}

/* Exits after --help, and after a usage error. */
void command_line_parse(const struct command_line *line, int argc, char **argv)
{
	struct argp argp = {
		.parser = parse, .args_doc = line->args, .doc = line->doc,
		.help_filter = line->help_filter,
	};
	struct parser parser;

	parser_init(&parser, line);
	if (parser.count)	/* argp leaks memory for an empty array */
		argp.options = parser.options;
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, line->flags, NULL, &parser);
	parser_uninit(&parser);
}
