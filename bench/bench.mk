# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The benchmark. The top Makefile includes this; once the static library is
# built, `make -f bench/bench.mk bench` works too. Takes BUILD, CC, CXX, CFLAGS,
# CXXFLAGS, CPPFLAGS, LDFLAGS, LIBRANGELOCK and PLATFORM_CPPFLAGS.
#
#   make bench              measure, print the table, draw the plots
#   make bench BENCH=full   more rounds, longer ones, up to 32 threads
#   make bench-verify       check that every contender excludes
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

.PHONY: bench bench-verify
bench: $(bench-dir)/bench
	$(bench-q)$< --out=$(bench-dir)/results.tmp $(bench-$(BENCH)) $(BENCH_ARGS)
	$(bench-q)mv $(bench-dir)/results.tmp $(bench-dir)/results.json
	$(bench-q)python3 bench/report $(bench-dir)/results.json $(bench-dir)

bench-verify: $(bench-dir)/bench
	$(bench-q)$< --verify

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
