/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which GNU make a command is.
 */
#ifndef BBUF_GNUMAKE_H
#define BBUF_GNUMAKE_H

#include <stdbool.h>

#include "common.h"

/**
 * struct gnumake - a GNU make
 * @path: path of the program, to be freed
 * @version: its version, such as "4.3", as the program prints it
 */
struct gnumake {
	char *path;
	char version[TEXT_MAX];
};

bool gnumake_find(struct gnumake *make, const char *command);
bool gnumake_takes_path(const struct gnumake *make);
void gnumake_uninit(struct gnumake *make);

#endif /* BBUF_GNUMAKE_H */
