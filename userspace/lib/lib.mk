# SPDX-License-Identifier: GPL-2.0-only
#
# The library; part of ../Makefile. A program in this tree is compiled with $(libbbuf-cflags)
# and linked with $(libbbuf).

libbbuf-version := 0.2.0
libbbuf-cflags := -Ilib -I../module/uapi

lib := $(OUTPUT)/lib
libbbuf := $(lib)/libbbuf.a
lib-soname := libbbuf.so.$(firstword $(subst ., ,$(libbbuf-version)))
lib-shared := $(lib)/libbbuf.so.$(libbbuf-version)
lib-objs := $(patsubst lib/%.c,$(lib)/%.o,$(wildcard lib/*.c))

libdir ?= $(PREFIX)/lib
includedir ?= $(PREFIX)/include
pkgconfigdir ?= $(libdir)/pkgconfig
OBJCOPY ?= objcopy

.PHONY: lib install-lib

lib: $(libbbuf) $(lib-shared)

$(lib)/%.o: lib/%.c | $(lib)
	$(CC) $(cflags) $(libbbuf-cflags) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<

# One object, so that symbols hidden in the shared library are hidden here, too. On i386 GCC puts
# hidden functions of its own into section groups. When such a function has become local, the
# linker of a program drops the group as a duplicate and keeps the references to it: so the
# groups are dissolved.
$(libbbuf): $(lib-objs)
	rm -f $@
	$(LD) -r --force-group-allocation -o $(lib)/libbbuf.o $^
	$(OBJCOPY) --localize-hidden $(lib)/libbbuf.o
	$(AR) rcs $@ $(lib)/libbbuf.o

$(lib-shared): $(lib-objs) lib/libbbuf.map
	$(CC) $(cflags) $(LDFLAGS) -shared -Wl,-soname,$(lib-soname) -Wl,-z,defs \
		-Wl,--no-undefined-version -Wl,--version-script=lib/libbbuf.map \
		-o $@ $(lib-objs)

$(lib):
	mkdir -p $@

install-lib: lib
	$(INSTALL) -d $(DESTDIR)$(pkgconfigdir) $(DESTDIR)$(includedir)/linux
	$(INSTALL) -m 0644 $(libbbuf) $(DESTDIR)$(libdir)
	$(INSTALL) -m 0755 $(lib-shared) $(DESTDIR)$(libdir)
	ln -sf $(notdir $(lib-shared)) $(DESTDIR)$(libdir)/$(lib-soname)
	ln -sf $(lib-soname) $(DESTDIR)$(libdir)/libbbuf.so
	$(INSTALL) -m 0644 lib/bbuf.h $(DESTDIR)$(includedir)
	$(INSTALL) -m 0644 ../module/uapi/linux/bbuf.h $(DESTDIR)$(includedir)/linux
	sed -e 's|@prefix@|$(PREFIX)|' -e 's|@version@|$(libbbuf-version)|' \
		-e 's|@libdir@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(libdir))|' \
		-e 's|@includedir@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(includedir))|' \
		lib/libbbuf.pc.in >$(DESTDIR)$(pkgconfigdir)/libbbuf.pc
	chmod 0644 $(DESTDIR)$(pkgconfigdir)/libbbuf.pc

-include $(wildcard $(lib)/*.d)
