// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options of the examples, and a computation. See example.h.
 */
#include <stdio.h>

#include "common/alloc.h"
#include "common/arguments.h"
#include "common/clock.h"
#include "common/exit.h"
#include "example.h"

/* Keys that are not letters, so that the options have long names only. */
#define SETTING_KEY	256

static void setting_set(const struct setting *setting, const char *arg, struct argp_state *state)
{
	uint64_t value = setting->read ? setting->read(state, setting->name, arg) : true;

	if (setting->max && value > setting->max)
		argp_error(state, "--%s=%s: must be at most %llu", setting->name, arg,
			   (unsigned long long)setting->max);
	*setting->value = value;
}

static error_t settings_parse(int key, char *arg, struct argp_state *state)
{
	const struct setting *settings = state->input;
	int i;

	for (i = 0; settings[i].name; i++) {
		if (key == ARGP_KEY_INIT && settings[i].initial)
			setting_set(&settings[i], settings[i].initial, state);
		if (key == SETTING_KEY + i) {
			setting_set(&settings[i], arg, state);
			return 0;
		}
	}
	return ARGP_ERR_UNKNOWN;
}

/* Append the default to the help of an option. argp frees the text. */
static char *settings_help(int key, const char *text, void *input)
{
	const struct setting *settings = input;
	const char *initial;
	char *help;

	if (key < SETTING_KEY || key >= ARGP_KEY_HELP_PRE_DOC)
		return (char *)text;
	initial = settings[key - SETTING_KEY].initial;
	if (!initial)
		return (char *)text;
	if (asprintf(&help, "%s (default: %s)", text, initial) < 0)
		err(EXIT_FAILURE, "memory for the help");
	return help;
}

static const char *setting_arg(const struct setting *setting)
{
	if (!setting->read)
		return NULL;
	if (setting->read == arg_time)
		return "TIME";
	return setting->read == arg_size ? "SIZE" : "N";
}

/* The last element of @settings has no name. */
void example_settings(int argc, char **argv, const char *doc, const struct setting *settings)
{
	struct argp argp = { .parser = settings_parse, .doc = doc, .help_filter = settings_help };
	struct argp_option *options;
	size_t count = 0, i;

	while (settings[count].name)
		count++;
	options = xcalloc(count + 1, sizeof(*options));
	for (i = 0; i < count; i++) {
		options[i] = (struct argp_option){
			.name = settings[i].name, .key = SETTING_KEY + i,
			.arg = setting_arg(&settings[i]), .doc = settings[i].doc,
		};
	}
	argp.options = options;
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, (void *)settings);
	free(options);
}

void sleep_for(uint64_t ns)
{
	sleep_until(now_ns() + ns);
}

static uint64_t power(uint32_t base, unsigned int exponent)
{
	uint64_t product = 1;

	while (exponent--)
		product *= base;
	return product;
}

bool is_armstrong(uint32_t number)
{
	unsigned int digits = 0;
	uint64_t sum = 0;
	uint32_t rest;

	for (rest = number; rest; rest /= 10)
		digits++;
	for (rest = number; rest; rest /= 10)
		sum += power(rest % 10, digits);
	return sum == number;
}
