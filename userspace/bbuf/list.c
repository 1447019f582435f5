// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf list: show all queues.
 */
#include <errno.h>

#include <bbuf.h>

#include "common/exit.h"
#include "common/settings.h"
#include "command.h"
#include "listing.h"
#include "message.h"
#include "options.h"

int cmd_list(int argc, char **argv)
{
	const struct subject subject = { .operation = "list" };
	struct bbuf_info *list;
	bool json = false;
	const struct setting settings[] = { JSON_SETTING(&json), { 0 } };
	const struct command_line line = {
		.settings = settings,
		.doc = "Lists all queues. Statistics that you may not read are shown as -.\v"
		       HELP_EXIT ".",
	};
	size_t count;

	command_line_parse(&line, argc, argv);
	if (bbuf_list(&list, &count))
		return fail(&subject, errno);
	listing_print(list, count, json);
	bbuf_list_free(list);
	return output_end();
}
