/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Detection of GNU make and its version.
 */
#ifndef BBUF_GNUMAKE_H
#define BBUF_GNUMAKE_H

#include <stdbool.h>

#include "common/units.h"

/**
 * struct gnumake - an installed GNU make
 * @path: path of the program, allocated
 * @version: version as printed by the program, such as "4.3"
 */
struct gnumake {
	char *path;
	char version[TEXT_MAX];
};

bool gnumake_find(struct gnumake *make, const char *command);
bool gnumake_takes_path(const struct gnumake *make);
void gnumake_uninit(struct gnumake *make);

#endif /* BBUF_GNUMAKE_H */
