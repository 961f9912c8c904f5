# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The benchmark. The top Makefile includes this; once the static library is
# built, `make -f bench/bench.mk bench` works too. Takes BUILD, CC, CXX, CFLAGS,
# CXXFLAGS, CPPFLAGS, LDFLAGS, LIBRANGELOCK and PLATFORM_CPPFLAGS.
#
#   make bench              measure, print the table, draw the plots
#   make bench BENCH=full   more rounds, longer ones, up to 32 threads
#   make bench BENCH=oversubscribed
#                           4 to 64 threads, who waits how long; of several bounds
#   make bench-verify       check that every contender excludes
#   make bench-sharing      do disjoint lockers share cache lines? 2 to 64 threads
#   make bench-scaling      what that means for 1 to 256 cores: see SCALING.md
#
# BENCH_ARGS is for what build/bench/bench --help lists.

BUILD ?= build
CFLAGS ?= -O2 -g
CXXFLAGS ?= -O2 -g
LIBRANGELOCK ?= $(BUILD)/librangelock.a
PLATFORM_CPPFLAGS ?= -Iuserspace/platform

bench-dir := $(BUILD)/bench
bench-q := $(if $(filter 1,$(V)),,@)
bench-say = @$(if $(bench-q),printf '  %-7s %s\n',:)
bench-c := $(wildcard bench/*.c bench/contenders/*.c)
bench-objects := $(bench-c:bench/%.c=$(bench-dir)/%.o) $(bench-dir)/shim.o
bench-compile = -Wall -Wextra -Werror -pthread -MMD -MP -Iuserspace/include \
	-DBENCH_CFLAGS='"$(CFLAGS)"' $(CPPFLAGS)
bench-full := --rounds=15 --length=0.4 --budget=7200 --threads=1,2,4,8,16,32
bench-oversubscribed := --set=oversubscribed --threads=4,8,64 --rounds=5 \
	--length=0.8
bench-results := $(bench-dir)/$(if $(filter oversubscribed,$(BENCH)),oversubscribed,results)

.PHONY: bench bench-verify bench-sharing bench-scaling
bench: $(bench-dir)/bench
	$(bench-q)$< --out=$(bench-results).tmp $(bench-$(BENCH)) $(BENCH_ARGS)
	$(bench-q)mv $(bench-results).tmp $(bench-results).json
	$(bench-q)python3 bench/report $(bench-results).json $(bench-dir)

bench-verify: $(bench-dir)/bench
	$(bench-q)$< --verify

bench-scaling:
	$(bench-q)python3 bench/scaling $(bench-dir)/results.json

# The lock with a call at each access to memory; not with the flags of the rest.
sharing-dir := $(bench-dir)/sharing
sharing-lock := kernel/locking/range_lock.c userspace/librangelock.c \
	$(wildcard userspace/platform/*.c)
sharing-headers := $(shell find kernel/include userspace -name '*.h') \
	selftests/ktap.h
sharing-compile = $(CC) -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Werror \
	-pthread -include linux/kconfig.h $(CPPFLAGS) -Iuserspace/platform \
	-Ikernel/include -O2 -g

bench-sharing: $(sharing-dir)/sharing
	$(bench-q)$<

$(sharing-dir)/sharing: bench/sharing/sharing.c $(sharing-lock) $(sharing-headers) bench/bench.mk
	$(bench-say) CC $@
	$(bench-q)mkdir -p $(@D)
	$(bench-q)for source in $(sharing-lock); do \
		$(sharing-compile) -fsanitize=thread -c $$source \
			-o $(@D)/$$(basename $$source .c).o || exit; \
	done
	$(bench-q)$(sharing-compile) -o $@ $< \
		$(patsubst %.c,$(@D)/%.o,$(notdir $(sharing-lock))) \
		-Wl,--wrap=memcpy,--wrap=memset -lurcu-bp

$(bench-dir)/bench: $(bench-objects) $(LIBRANGELOCK)
	$(bench-say) LINK $@
	$(bench-q)$(CXX) $(CXXFLAGS) $(LDFLAGS) -o $@ $^ -lbenchmark -lurcu-bp -pthread

$(bench-dir)/contenders/posted.o: bench-compile += $(PLATFORM_CPPFLAGS)

$(bench-dir)/%.o: bench/%.c | $(bench-dir)/contenders
	$(bench-say) CC $@
	$(bench-q)$(CC) -std=gnu11 $(bench-compile) $(CFLAGS) -c -o $@ $<

$(bench-dir)/%.o: bench/%.cc | $(bench-dir)/contenders
	$(bench-say) CXX $@
	$(bench-q)$(CXX) -std=gnu++17 $(bench-compile) $(CXXFLAGS) -c -o $@ $<

$(bench-dir)/contenders:
	$(bench-q)mkdir -p $@

-include $(bench-objects:.o=.d)
