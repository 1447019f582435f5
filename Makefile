# SPDX-License-Identifier: GPL-2.0-only
#
# "make help" lists the targets. Everything is built below build/; what is downloaded goes
# to BBUF_CACHE (~/.cache/bbuf).

# Another architecture's system, which $(vm)/run makes, is what programs for ARCH are built with,
# in a folder of their own.
SYSROOT	?=
top	:= $(CURDIR)
build	:= $(top)/build$(SYSROOT:%=/$(ARCH))
vm	:= selftests/vm

# Where the kernel's headers (or its build tree) are, and the release they are of.
KDIR	?= /lib/modules/$(shell uname -r)/build
release	= $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' \
		$(KDIR)/include/generated/utsrelease.h 2>/dev/null)
# Their compiler may need another system than this one: the root folder of it.
KCHROOT	?=
kmake	= $(if $(KCHROOT),$(vm)/within $(KCHROOT) make,$(MAKE)) -C $(KDIR)

# The tools that programs are built with there; kbuild finds its own by ARCH and CROSS_COMPILE.
ifneq ($(SYSROOT),)
host_cc	:= $(CC)
CC	:= $(CROSS_COMPILE)gcc $(if $(filter i386,$(ARCH)),-m32) --sysroot=$(SYSROOT)
cross	= CC='$(CC)' LD='$(CROSS_COMPILE)ld $(if $(filter i386,$(ARCH)),-m elf_i386)' \
	  AR=$(CROSS_COMPILE)ar OBJCOPY=$(CROSS_COMPILE)objcopy
endif

PREFIX	?= /usr/local
SUDO	?= $(if $(filter 0,$(shell id -u)),,sudo)

# Read by the scripts in selftests/vm: which kernel the virtual machine boots, and how many
# jobs there are whose workers are killed.
export KERNEL KERNEL_MODULES BBUF_CACHE WORK_JOBS

# BTF of a module is made by pahole from the kernel's vmlinux, and can be done without.
no_btf	= $(if $(and $(wildcard $(KDIR)/vmlinux),$(KCHROOT)$(shell command -v pahole)),,\
		CONFIG_DEBUG_INFO_BTF_MODULES=)

sources	:= Kbuild $(shell find module -name '*.[chS]')
kbuild	= $(build)/$(release)$(GCOV_PROFILE:%=-gcov)
ko	= $(kbuild)/bbuf.ko
unit_ko	= $(if $(shell grep -s '^CONFIG_KUNIT=' $(KDIR)/.config),$(kbuild)/unit/bbuf_test.ko)

.PHONY: all module tools demo check check-all check-matrix check-debug check-model check-mutations
.PHONY: coverage stress shell load unload install lint clean help bench bench-count
.DEFAULT_GOAL := all

all: tools module	## build the module for the running kernel, and the tools

help:			## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24
	@echo
	@echo 'Variables: KDIR= (build the module with these headers), KERNEL= (boot this'
	@echo 'kernel: $(vm)/kernel --help), ARCH= (one of arm64 or i386), TESTS= (run these,'
	@echo 'such as bbuf:poll), MUTATIONS= (of check-mutations, by name), WORK_JOBS= (of'
	@echo 'work:kill.sh), SECONDS= and SEED= (of stress), UPDATE=1 (record the results of'
	@echo 'bench-count, check-mutations or check-all), PARAMS= (of the module, for load), PREFIX= and'
	@echo 'DESTDIR= (for install).'

module: headers		## build the module only (KDIR= for another kernel)
	@$(MAKE) --no-print-directory $(ko)

# The kernel's build system writes beside the sources, so each kernel gets a copy of them.
define build_ko
@mkdir -p $(@D)
@rsync -a --delete --include='*/' --include='*.[chS]' --exclude='*' module $(@D)
@cp -p Kbuild $(@D)
+$(kmake) M=$(@D) $(no_btf) $(1) modules
@touch $@
endef

$(build)/%/bbuf.ko: $(sources)
	$(call build_ko)

$(build)/%/unit/bbuf_test.ko: $(sources)
	$(call build_ko,BBUF_UNIT_TESTS=y)

.PHONY: headers
headers:
	@test -n "$(release)" || { \
		echo 'There are no kernel headers in $(KDIR).'; \
		echo 'Install them (on Debian: apt-get install linux-headers-$(shell uname -r)),'; \
		echo 'or name those of another kernel with KDIR=. make demo and make check'; \
		echo 'need none: they download a kernel and boot it in a virtual machine.'; \
		exit 1; } >&2

tools:			## build the tools
	@mkdir -p $(build)/userspace
	@$(MAKE) --no-print-directory -C userspace $(cross) OUTPUT=$(build)/userspace

demo:			## show what bbuf does, in a virtual machine (EXAMPLE=, ARGS=)
	@$(vm)/run --no-tests $$([ -t 0 ] && [ -t 1 ] && echo --tty) -- demo $(EXAMPLE) $(ARGS)

check:			## run the tests in a virtual machine (TESTS= picks some)
	@$(vm)/check $(TESTS)

check-all:		## run everything, which takes hours (PARTS=, UPDATE=1 records it)
	@selftests/all $(if $(UPDATE),--update) $(PARTS)

check-matrix:		## run the tests on every supported kernel (KERNELS=, TESTS=)
	@$(vm)/matrix $(KERNELS)

check-debug:		## run the tests in debug kernels, which are built first
	@$(vm)/debug/check $(TESTS)

coverage:		## list the lines of the module that no test reaches
	@$(vm)/coverage $(TESTS)

check-model:		## verify the wait protocol in a model, in every order
	@selftests/model/check

check-mutations:	## check that tests notice mutations of the code (MUTATIONS=)
	@selftests/mutations/check $(if $(UPDATE),--update) $(MUTATIONS)

bench:			## benchmark bbuf against its peers on two processors (ARGS=)
	@selftests/bench/bench $(ARGS)

bench-count:		## count the instructions of bbuf and its peers
	@selftests/bench/count $(if $(UPDATE),--update)

SECONDS	?= 60

# What others wrote to break things is large, so it goes into this machine only.
stress:			## run random operations (SECONDS=, SEED=)
	@$(vm)/packages stress || echo 'going on without stress-ng or trinity'
	@FUZZERS='stress-ng trinity' $(vm)/run --mem 1G --timeout $$(($(SECONDS) + 120)) -- \
		/usr/lib/kselftest/stress/all.sh $(SECONDS) $(SEED)

shell:			## get a prompt in a virtual machine with the module loaded
	@$(vm)/run --tty -- bash -i || [ $$? -lt 120 ]

load: module		## insert the module into this machine's kernel (PARAMS= for it)
	@$(SUDO) insmod $(ko) $(PARAMS) || { \
		echo 'The kernel did not take the module; its log (dmesg) says why.'; \
		if od -An -tu1 -j4 -N1 /sys/firmware/efi/efivars/SecureBoot-* 2>&1 | \
				grep -qx ' *1'; then \
			echo 'Secure Boot is on, so it must be signed with a key that this'; \
			echo 'machine trusts: see "Secure Boot" in module/README.md.'; \
		fi; exit 1; } >&2
	@echo 'loaded: /dev/bbuf is there'

unload:			## remove the module from this machine's kernel
	@$(SUDO) rmmod bbuf

install: module tools	## install the module and the tools (PREFIX=, DESTDIR=)
	+$(kmake) M=$(kbuild) INSTALL_MOD_PATH=$(DESTDIR) modules_install
	$(MAKE) -C userspace OUTPUT=$(build)/userspace PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) install

lint:			## run the source checkers of CI
	@.ci/run --lint

clean:			## remove what was built; the cache folder stays
	rm -rf $(build)

# What the virtual machine runs: called by $(vm)/run, for the kernel whose headers are in
# KDIR and whose source is in KSRC. The vm-install-* put it below ROOT.
tests	= $(build)/selftests/$(notdir $(KSRC))
ksft	= $(KSRC)/tools/testing/selftests
kselftest = $(ROOT)/usr/lib/kselftest
collections = $(notdir $(patsubst %/Makefile,%,$(wildcard selftests/*/Makefile)))

# Runs make for one collection of tests, with what more is given.
make_tests = $(MAKE) --no-print-directory -C selftests/$(1) $(cross) KSFT=$(ksft) \
	     OUTPUT=$(tests)/$(1) $(2)

.PHONY: vm-init vm-tests vm-unit-tests vm-install-module vm-install-tools vm-install-tests

# What an emulated x86 is told about this machine's clock.
tsc	= $(if $(filter arm64 aarch64,$(or $(ARCH),$(shell uname -m))),,$(build)/vm/tsc)

vm-init: $(build)/vm/init $(tsc)

$(build)/vm/tsc: CC := $(or $(host_cc),$(CC))
$(build)/vm/%: $(vm)/%.c
	@mkdir -p $(@D)
	$(CC) -O2 -Wall -Wextra -Werror -pthread -static -o $@ $<

vm-unit-tests: $(unit_ko)

vm-tests: vm-unit-tests $(collections:%=vm-tests-%)
	@cat $(collections:%=$(tests)/%/tests.txt) >$(tests)/kselftest-list.txt

vm-tests-%:
	@mkdir -p $(tests)/$*
	+@$(call make_tests,$*)
	+@$(call make_tests,$*,-s COLLECTION=$* emit_tests) >$(tests)/$*/tests.txt

vm-install-module:
	@install -D -t $(ROOT)/usr/lib/bbuf $(ko) $(wildcard $(unit_ko))

vm-install-tools:
	@$(MAKE) -C userspace $(cross) OUTPUT=$(build)/userspace PREFIX=/usr DESTDIR=$(ROOT) install
	@PATH=$$PATH:/usr/sbin makewhatis $(ROOT)/usr/share/man

vm-install-tests: $(collections:%=vm-install-tests-%)
	@cp -R $(ksft)/run_kselftest.sh $(ksft)/kselftest $(tests)/kselftest-list.txt $(kselftest)

vm-install-tests-%:
	+@$(call make_tests,$*,INSTALL_PATH=$(kselftest)/$* install)
