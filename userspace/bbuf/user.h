/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arguments of options: users and groups, by name or number.
 */
#ifndef BBUF_USER_H
#define BBUF_USER_H

#include <argp.h>
#include <sys/types.h>

uid_t arg_user(struct argp_state *state, const char *arg);
gid_t arg_group(struct argp_state *state, const char *arg);

#endif /* BBUF_USER_H */
