/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Detection of records that a shell would run as code.
 */
#ifndef BBUF_WORK_SHELL_H
#define BBUF_WORK_SHELL_H

const char *shell_with_record(char **command);

#endif /* BBUF_WORK_SHELL_H */
