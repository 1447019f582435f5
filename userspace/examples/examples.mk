# SPDX-License-Identifier: GPL-2.0-only
#
# The examples; part of ../Makefile. Each is one source file and shared objects.

EXAMPLES := context io bounded events pool pipe armstrong local gil loop

examples := $(OUTPUT)/examples
example-objs := $(addprefix $(examples)/,example.o coroutine.o cost.o gil_lock.o memory.o queue.o show.o team.o) \
	$(addprefix $(obj)/,common.o node.o screen.o table.o)
examplesdir ?= $(PREFIX)/lib/bbuf/examples

.PHONY: examples install-examples

examples: $(EXAMPLES:%=$(examples)/%)

$(EXAMPLES:%=$(examples)/%): $(examples)/%: $(examples)/%.o $(example-objs) $(libbbuf)
	$(CC) $(cflags) $(LDFLAGS) -o $@ $^ $(libs) -lm

$(examples)/%.o: examples/%.c | $(examples) $(obj)
	$(CC) $(cflags) $(libbbuf-cflags) -Itools -MMD -MP -c -o $@ $<

$(examples):
	mkdir -p $@

install-examples: examples
	$(INSTALL) -d $(DESTDIR)$(examplesdir)
	$(INSTALL) -m 0755 $(EXAMPLES:%=$(examples)/%) $(DESTDIR)$(examplesdir)

-include $(wildcard $(examples)/*.d)
