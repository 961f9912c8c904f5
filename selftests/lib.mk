# SPDX-License-Identifier: GPL-2.0
#
# The targets and variables of kselftest's lib.mk, as far as they are used
# here: a Makefile says what its tests are, then includes this.
#
#   TEST_GEN_PROGS	tests, built below OUTPUT by rules of the Makefile
#   TEST_PROGS		tests that need no building, beside the Makefile
#   TEST_SKIPPED	'NAME:REASON' for each that can't be built here
#   COLLECTION		the name that the runner gives to all of them

selftests := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
BUILD ?= $(abspath $(selftests)/../build)
OUTPUT ?= $(BUILD)/selftests
INSTALL_PATH ?= $(OUTPUT)/install

q := $(if $(filter 1,$(V)),,@)
say = @$(if $(q),printf '  %-7s %s\n',:)

.PHONY: all run_tests install clean help FORCE
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

all: $(addprefix $(OUTPUT)/,$(TEST_GEN_PROGS))

# A program that can't be built is a failure of its own, and of no other.
run_tests:
	+$(q)$(MAKE) --no-print-directory -k all >&2 || \
		for program in $(addprefix $(OUTPUT)/,$(TEST_GEN_PROGS)); do \
			$(MAKE) -q $$program 2>/dev/null || rm -f $$program; \
		done
	$(q)$(selftests)/runner $(COLLECTION) $(OUTPUT) $(CURDIR)/settings \
		$(TEST_GEN_PROGS) $(abspath $(TEST_PROGS)) $(TEST_SKIPPED)

install: all
	$(q)mkdir -p $(INSTALL_PATH)
	$(q)for program in $(TEST_GEN_PROGS); do \
		install -D $(OUTPUT)/$$program $(INSTALL_PATH)/$$program || exit; \
	done
	$(q)install $(selftests)/runner $(TEST_PROGS) $(INSTALL_PATH)
	$(q)install -m 644 settings config $(INSTALL_PATH)
	$(q)printf '%s\n' '#!/bin/sh' 'cd "$$(dirname "$$0")" || exit' \
		'exec ./runner $(COLLECTION) . ./settings $(TEST_GEN_PROGS) $(TEST_PROGS)' \
		>$(INSTALL_PATH)/run_tests.sh
	$(q)chmod 755 $(INSTALL_PATH)/run_tests.sh

clean:
	$(q)rm -rf $(OUTPUT)

help:
	@sed -n 's/^## \{0,1\}//p' Makefile
