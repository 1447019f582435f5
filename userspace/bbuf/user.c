// SPDX-License-Identifier: GPL-2.0-only
/*
 * Users and groups. See user.h.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <bbuf.h>

#include "user.h"

/* Parse a user or group number. BBUF_ID_CALLER is excluded: it has a special meaning. */
static bool parse_id(const char *text, uint32_t *id)
{
	unsigned long number;
	char *end;

	if (!*text || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || number >= BBUF_ID_CALLER)
		return false;
	*id = number;
	return true;
}

uid_t arg_user(struct argp_state *state, const char *arg)
{
	const struct passwd *user = getpwnam(arg);
	uint32_t id = 0;

	if (user)
		return user->pw_uid;
	if (!parse_id(arg, &id))
		argp_error(state, "--owner=%s: no such user", arg);
	return id;
}

gid_t arg_group(struct argp_state *state, const char *arg)
{
	const struct group *group = getgrnam(arg);
	uint32_t id = 0;

	if (group)
		return group->gr_gid;
	if (!parse_id(arg, &id))
		argp_error(state, "--group=%s: no such group", arg);
	return id;
}
