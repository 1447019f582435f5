/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Values of options: users and groups, by name or number.
 */
#ifndef BBUF_USER_H
#define BBUF_USER_H

#include <argp.h>

#include "common/settings.h"

/* For a struct setting: a user goes into a uid_t, a group into a gid_t. */
void set_user(struct argp_state *state, const struct setting *setting, char *arg);
void set_group(struct argp_state *state, const struct setting *setting, char *arg);

#endif /* BBUF_USER_H */
