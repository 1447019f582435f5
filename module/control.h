/* SPDX-License-Identifier: GPL-2.0-only */
/* /dev/bbuf-control. */
#ifndef BBUF_CONTROL_H
#define BBUF_CONTROL_H

void bbuf_control_init(void);
void bbuf_control_uninit(void);

#endif /* BBUF_CONTROL_H */
