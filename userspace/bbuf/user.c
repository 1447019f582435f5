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

#include "common/settings.h"
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

void set_user(struct argp_state *state, const struct setting *setting, char *arg)
{
	const struct passwd *user = getpwnam(arg);
	uid_t *uid = setting->into;

	if (user)
		*uid = user->pw_uid;
	else if (!parse_id(arg, uid))
		argp_error(state, "--%s=%s: no such user", setting->name, arg);
}

void set_group(struct argp_state *state, const struct setting *setting, char *arg)
{
	const struct group *group = getgrnam(arg);
	gid_t *gid = setting->into;

	if (group)
		*gid = group->gr_gid;
	else if (!parse_id(arg, gid))
		argp_error(state, "--%s=%s: no such group", setting->name, arg);
}
