# SPDX-License-Identifier: GPL-2.0-only
#
# The command bbuf; part of ../Makefile.

bbuf-obj := $(obj)/bbuf
bbuf-folders := bbuf bbuf/bench bbuf/work
bbuf-objs := $(patsubst bbuf/%.c,$(bbuf-obj)/%.o,$(wildcard $(bbuf-folders:%=%/*.c)))
bbuf-libs := -lncursesw -ltinfo -luring

bashcompdir ?= $(PREFIX)/share/bash-completion/completions

.PHONY: install-bbuf

$(OUTPUT)/bbuf: $(bbuf-objs) $(common-objs) $(libbbuf)
	$(CC) $(cflags) $(LDFLAGS) -o $@ $^ $(common-libs) $(bbuf-libs)

$(bbuf-obj)/%.o: bbuf/%.c | $(bbuf-folders:%=$(obj)/%) $(common-obj)
	$(CC) $(cflags) $(common-cflags) $(libbbuf-cflags) -MMD -MP -c -o $@ $<

$(bbuf-folders:%=$(obj)/%):
	@echo '#include <curses.h>' | $(CC) -E - >/dev/null 2>&1 || { \
		echo 'curses.h is missing: apt-get install libncurses-dev' >&2; \
		exit 1; }
	@echo '#include <liburing.h>' | $(CC) -E - >/dev/null 2>&1 || { \
		echo 'liburing.h is missing: apt-get install liburing-dev' >&2; \
		exit 1; }
	mkdir -p $@

install-bbuf: $(OUTPUT)/bbuf
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(bashcompdir)
	$(INSTALL) -m 0755 $(OUTPUT)/bbuf $(DESTDIR)$(PREFIX)/bin
	$(INSTALL) -m 0644 bbuf/completion.bash $(DESTDIR)$(bashcompdir)/bbuf

-include $(wildcard $(bbuf-folders:%=$(obj)/%/*.d))
