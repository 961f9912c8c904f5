# SPDX-License-Identifier: LGPL-2.1-or-later
#
## make                the library: librangelock.so, librangelock.a, rangelock.pc;
##                     and librangelock_tsan.a, for users of ThreadSanitizer
## make install        into PREFIX, below DESTDIR; also LIBDIR, INCLUDEDIR, MANDIR
## make uninstall      the reverse, with the same variables
## make check          all tests
## make check-user     those of a few minutes: no kernel, no broken locks
## make check-broken   are deliberately wrong variants of the lock caught?
## make kernel-apply   our series, by git am, into the kernel tree KSRC
## make kernel-check   is a kernel with it correct? Builds and boots two of them
## make kernel-bench   and what does it gain? Takes about 40 minutes
## make bench          measure against the alternatives; BENCH=full for longer
## make bench-sharing  which cache lines do disjoint lockers share?
## make bench-scaling  a model of 1 to 256 cores, from what make bench measured
## make deps           install, or name, the packages that check and bench need
## make clean
##
## DEBUG=1 builds the lock with its own checks, into build/debug. BUILD, CC,
## CXX, CFLAGS, CPPFLAGS, LDFLAGS as usual; V=1 shows the commands.

VERSION := 0.1.0
soname := librangelock.so.$(firstword $(subst ., ,$(VERSION)))

BUILD ?= build
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man

out := $(BUILD)$(if $(filter 1,$(DEBUG)),/debug)
q := $(if $(filter 1,$(V)),,@)
say = @$(if $(q),printf '  %-7s %s\n',:)

public-header := userspace/include/range_lock.h
map := userspace/librangelock.map
functions := $(shell sed -n 's/^\t\(range_[a-z_]*\);$$/\1/p' $(map))
sources := kernel/locking/range_lock.c userspace/librangelock.c \
	   $(wildcard userspace/platform/*.c)
objects := $(sources:%.c=$(out)/%.o)
targets := $(addprefix $(out)/,librangelock.a $(soname).$(VERSION:0.%=%) \
	     $(soname) librangelock.so librangelock_tsan.a rangelock.pc \
	     rangelock-tsan.pc)
shared := $(word 2,$(targets))

compile = $(CC) -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Werror \
	  -fvisibility=hidden -fPIC -pthread -include linux/kconfig.h \
	  $(if $(filter 1,$(DEBUG)),-DCONFIG_DEBUG_RANGE_LOCK=1) \
	  $(CPPFLAGS) -Iuserspace/platform -Ikernel/include $(CFLAGS)

.PHONY: all abi install uninstall check check-user check-broken bench deps \
	help clean FORCE
.DELETE_ON_ERROR:

all: $(targets) abi

$(out)/librangelock.a: $(objects)
	$(say) AR $@
	$(q)rm -f $@ && $(AR) rcs $@ $^

# A thread's destructor must stay mapped until the thread exits: nodelete.
$(shared): $(objects) $(map)
	$(say) LINK $@
	$(q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -o $@ $(objects) -lurcu-bp \
		-pthread -Wl,-soname,$(soname) -Wl,--version-script=$(map) \
		-Wl,-z,defs -Wl,-z,nodelete

$(out)/$(soname) $(out)/librangelock.so: $(shared)
	$(q)ln -sf $(<F) $@

# For ThreadSanitizer the functions that take a range, give it back, or forget
# it are those of userspace/tsan.c, which call the lock's by another name.
hidden := $(filter-out range_lock_init% range_lock_tree_init%,$(functions))
tsan-objects := $(sources:%.c=$(out)/tsan/%.o) $(out)/tsan/userspace/tsan.o
$(tsan-objects): private compile += -fno-sanitize=thread
$(filter-out %/tsan.o,$(tsan-objects)): private \
	compile += $(foreach name,$(hidden),-D$(name)=range_lock__$(name))

$(out)/librangelock_tsan.a: $(tsan-objects)
	$(say) AR $@
	$(q)rm -f $@ && $(AR) rcs $@ $^

$(out)/tsan/%.o: %.c $(out)/flags
	$(say) CC $@
	$(q)mkdir -p $(@D) && $(compile) -MMD -MP -c -o $@ $<

# PREFIX may be another one each time.
$(out)/%.pc: userspace/%.pc.in FORCE | $(out)/flags
	$(q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' $< >$@

# An object that nobody links: that it compiles is the proof. See there.
abi: $(out)/userspace/abi_check.o
$(out)/userspace/abi_check.o: private compile += -I$(out)
$(out)/userspace/abi_check.o: $(out)/public_range_lock.h
$(out)/public_range_lock.h: $(public-header) $(out)/flags
	$(q)sed 's/^struct \([a-z_]*\) {$$/struct public_\1 {/' $< >$@

$(out)/%.o: %.c $(out)/flags
	$(say) CC $@
	$(q)mkdir -p $(@D) && $(compile) -MMD -MP -c -o $@ $<

# Changes when the commands do, so that objects of two compilers never mix.
$(out)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(compile) $(LDFLAGS)' | cmp -s - $@ || \
		{ CC='$(CC)' tools/need.sh -n build && \
		  echo '$(compile) $(LDFLAGS)' >$@; }

install: all
	$(say) INSTALL $(DESTDIR)$(PREFIX)
	$(q)install -d $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(LIBDIR)/pkgconfig \
		$(DESTDIR)$(MANDIR)/man3
	$(q)install -m 644 $(public-header) $(DESTDIR)$(INCLUDEDIR)
	$(q)install -m 644 $(filter %.a,$(targets)) $(DESTDIR)$(LIBDIR)
	$(q)install -m 755 $(shared) $(DESTDIR)$(LIBDIR)
	$(q)ln -sf $(notdir $(shared)) $(DESTDIR)$(LIBDIR)/$(soname)
	$(q)ln -sf $(soname) $(DESTDIR)$(LIBDIR)/librangelock.so
	$(q)install -m 644 $(filter %.pc,$(targets)) $(DESTDIR)$(LIBDIR)/pkgconfig
	$(q)install -m 644 userspace/man/*.3 $(DESTDIR)$(MANDIR)/man3
	$(q)for name in $(functions); do \
		ln -sf range_lock.3 $(DESTDIR)$(MANDIR)/man3/$$name.3; done
	$(if $(DESTDIR),,$(q)ldconfig 2>/dev/null || :)

uninstall:
	$(say) REMOVE $(DESTDIR)$(PREFIX)
	$(q)rm -f $(DESTDIR)$(INCLUDEDIR)/$(notdir $(public-header)) \
		$(addprefix $(DESTDIR)$(LIBDIR)/,$(notdir $(filter-out %.pc,$(targets)))) \
		$(addprefix $(DESTDIR)$(LIBDIR)/pkgconfig/,$(notdir $(filter %.pc,$(targets)))) \
		$(patsubst %,$(DESTDIR)$(MANDIR)/man3/%.3,$(functions)) \
		$(patsubst userspace/man/%,$(DESTDIR)$(MANDIR)/man3/%,$(wildcard userspace/man/*.3))

tests = BUILD='$(abspath $(BUILD))' CC='$(CC)' CXX='$(CXX)'

check-user: need-check
	+@MAKE='$(MAKE)' $(tests) tools/check.sh
check: need-check
	+@MAKE='$(MAKE)' $(tests) tools/check.sh all
check-broken: need-check
	+$(q)$(MAKE) --no-print-directory -C selftests check-broken $(tests)

include kernel/kernel.mk

deps: need-check need-bench
need-%: FORCE
	@CC='$(CC)' CXX='$(CXX)' tools/need.sh $*

help:
	@sed -n 's/^## \{0,1\}//p' Makefile

clean:
	$(q)rm -rf $(BUILD)

LIBRANGELOCK := $(out)/librangelock.a
include bench/bench.mk
$(bench-objects) $(sharing-dir)/sharing: $(out)/flags
ifneq ($(filter bench bench-verify bench-sharing,$(MAKECMDGOALS)),)
$(out)/flags: | need-bench
endif

-include $(objects:.o=.d) $(tsan-objects:.o=.d) $(out)/userspace/abi_check.d
