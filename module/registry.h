/* SPDX-License-Identifier: GPL-2.0-only */
/* All queues, and their nodes in /dev. */
#ifndef BBUF_REGISTRY_H
#define BBUF_REGISTRY_H

struct bbuf_create;

int bbuf_registry_init(void);
void bbuf_registry_uninit(void);
int bbuf_registry_create(const struct bbuf_create *create);
int bbuf_registry_destroy(const char *name);

#endif /* BBUF_REGISTRY_H */
