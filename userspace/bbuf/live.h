/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live screen of bbuf top, with ncurses.
 */
#ifndef BBUF_LIVE_H
#define BBUF_LIVE_H

#include "columns.h"

bool live_run(struct top *top, int *status);

#endif /* BBUF_LIVE_H */
