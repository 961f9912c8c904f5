# SPDX-License-Identifier: GPL-2.0
#
# The kernel's targets; the top Makefile includes this. KVERSION is a kernel
# that kernel/vm knows, KSRC the directory of another one, V=1 shows commands.

KVERSION ?= 5.10
kernel-variables = KVERSION='$(KVERSION)' $(if $(KSRC),KSRC='$(KSRC)') $(if $(V),V='$(V)')
kernel-tests = BUILD='$(abspath $(BUILD))' CC='$(CC)' MAKE='$(MAKE)'

.PHONY: kernel-apply kernel-check kernel-bench
kernel-apply:
	$(if $(KSRC),,$(error KSRC is not set: say KSRC=DIR, your kernel tree))
	@kernel/vm/vm apply $(kernel-variables) SERIES=ours
kernel-check:
	+@$(kernel-tests) kernel/vm/kernel-check $(kernel-variables)
kernel-bench:
	+@$(kernel-tests) kernel/vm/kernel-bench $(kernel-variables)
