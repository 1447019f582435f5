// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf list: show all queues.
 */
#include <errno.h>

#include <bbuf.h>

#include "common/exit.h"
#include "command.h"
#include "listing.h"
#include "message.h"
#include "options.h"

#define KEY_JSON	'J'

static const struct argp_option option_list[] = {
	{ .name = "json", .key = KEY_JSON,
	  .doc = "print JSON, with all values in /sys/class/bbuf/QUEUE; null for -" },
	{ 0 }
};

static error_t parse_list(int key, char *arg, struct argp_state *state)
{
	bool *json = state->input;

	(void)arg;
	if (key != KEY_JSON)
		return ARGP_ERR_UNKNOWN;
	*json = true;
	return 0;
}

static const struct argp list_argp = {
	.options = option_list,
	.parser = parse_list,
	.doc = "Lists all queues. Statistics that you may not read are shown as -.\v"
	       HELP_EXIT ".",
};

int cmd_list(int argc, char **argv)
{
	const struct subject subject = { .operation = "list" };
	struct bbuf_info *list;
	bool json = false;
	size_t count;

	argp_parse(&list_argp, argc, argv, 0, NULL, &json);
	if (bbuf_list(&list, &count))
		return fail(&subject, errno);
	listing_print(list, count, json);
	bbuf_list_free(list);
	return output_end();
}
