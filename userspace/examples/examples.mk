# SPDX-License-Identifier: GPL-2.0-only
#
# The examples; part of ../Makefile. Each is one source file and shared objects.

EXAMPLES := context io bounded events pool pipe armstrong local gil loop

examples := $(OUTPUT)/examples
example-objs := $(addprefix $(examples)/,example.o coroutine.o cost.o gil_lock.o memory.o queue.o \
	samples.o show.o team.o)
examplesdir ?= $(PREFIX)/lib/bbuf/examples

.PHONY: examples install-examples

examples: $(EXAMPLES:%=$(examples)/%)

$(EXAMPLES:%=$(examples)/%): $(examples)/%: $(examples)/%.o $(example-objs) \
		$(common-objs) $(libbbuf)
	$(CC) $(cflags) $(LDFLAGS) -o $@ $^ $(common-libs) -lm

$(examples)/%.o: examples/%.c | $(examples) $(common-obj)
	$(CC) $(cflags) $(common-cflags) $(libbbuf-cflags) -MMD -MP -c -o $@ $<

$(examples):
	mkdir -p $@

install-examples: examples
	$(INSTALL) -d $(DESTDIR)$(examplesdir)
	$(INSTALL) -m 0755 $(EXAMPLES:%=$(examples)/%) $(DESTDIR)$(examplesdir)

-include $(wildcard $(examples)/*.d)
