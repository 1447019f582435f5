# SPDX-License-Identifier: GPL-2.0-only
#
# The tools; part of ../Makefile. Each is a source file of its name and shared objects.

TOOLS := producer consumer timeline copies
SCRIPTS := demo

workers := device.o endpoint.o workers.o report.o item.o
producer-objs := $(workers)
consumer-objs := $(workers) verify.o ledger.o
timeline-objs := device.o endpoint.o events.o picture.o
copies-objs := device.o

tools-obj := $(obj)/tools
tools := $(TOOLS:%=$(OUTPUT)/%)
scripts := $(SCRIPTS:%=$(OUTPUT)/%)

.PHONY: tools install-tools
.SECONDEXPANSION:

tools: $(tools) $(scripts)

$(tools): $(OUTPUT)/%: $(tools-obj)/%.o $$(addprefix $(tools-obj)/,$$($$*-objs)) $(common-objs)
	$(CC) $(cflags) $(LDFLAGS) -o $@ $^ $(common-libs)

$(tools-obj)/%.o: tools/%.c | $(tools-obj) $(common-obj)
	$(CC) $(cflags) $(common-cflags) $(libbbuf-cflags) -MMD -MP -c -o $@ $<

$(scripts): $(OUTPUT)/%: tools/% | $(tools-obj)
	$(INSTALL) -m 0755 $< $@

$(tools-obj):
	mkdir -p $@

install-tools: tools
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/bin
	$(INSTALL) -m 0755 $(tools) $(scripts) $(DESTDIR)$(PREFIX)/bin

-include $(wildcard $(tools-obj)/*.d)
