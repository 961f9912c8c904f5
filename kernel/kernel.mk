# SPDX-License-Identifier: GPL-2.0
#
# The kernel's targets; the top Makefile includes this. KVERSION is a kernel
# that kernel/vm knows, KSRC the directory of another one, V=1 shows commands.

KVERSION ?= 5.10
kernel-variables = KVERSION='$(KVERSION)' $(if $(KSRC),KSRC='$(KSRC)') $(if $(V),V='$(V)')
kernel-tests = BUILD='$(abspath $(BUILD))' CC='$(CC)' MAKE='$(MAKE)'

.PHONY: kernel-apply kernel-check kernel-check-deep kernel-crash-check \
	kernel-bench
kernel-apply:
	$(if $(KSRC),,$(error KSRC is not set: say KSRC=DIR, your kernel tree))
	@kernel/vm/vm apply $(kernel-variables) SERIES=ours
kernel-check:
	+@$(kernel-tests) kernel/vm/kernel-check $(kernel-variables)
# With debuggers, and for long: hours.
kernel-check-deep:
	+@$(kernel-tests) kernel/vm/kernel-check-deep $(kernel-variables)
# The machine is cut off 200 times; then a few times with transactions that are
# closed too early, which has to be noticed.
kernel-crash-check:
	+@$(kernel-tests) kernel/vm/crash-check $(kernel-variables) SERIES=ours
	+@$(kernel-tests) CUTS=6 CRASH_BUG=y kernel/vm/crash-check \
		$(kernel-variables) SERIES=ours FLAVOUR=lockdep
kernel-bench:
	+@$(kernel-tests) kernel/vm/kernel-bench $(kernel-variables)
