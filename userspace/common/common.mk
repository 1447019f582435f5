# SPDX-License-Identifier: GPL-2.0-only
#
# What the command, the tools and the examples share; part of ../Makefile. A program that includes
# "common/clock.h" and so on is compiled with $(common-cflags) and linked with $(common-objs) and
# $(common-libs).

common-cflags := -I.
common-obj := $(obj)/common
common-objs := $(patsubst common/%.c,$(common-obj)/%.o,$(wildcard common/*.c))
common-libs := -lsmartcols
smartcols.h := libsmartcols/libsmartcols.h

$(common-obj)/%.o: common/%.c | $(common-obj)
	$(CC) $(cflags) -MMD -MP -c -o $@ $<

$(common-obj):
	@echo '#include <$(smartcols.h)>' | $(CC) -E - >/dev/null 2>&1 || { \
		echo '$(smartcols.h) is missing: apt-get install libsmartcols-dev' >&2; \
		exit 1; }
	mkdir -p $@

-include $(wildcard $(common-obj)/*.d)
