# SPDX-License-Identifier: Apache-2.0
# The whole build. `make help` lists the targets; V=1 shows the commands; O=DIR builds elsewhere than in build/.
# Sources are found, dependencies generated: adding a file needs no edit here.

O      := build
PYTHON := /usr/bin/python3

ifeq ($(filter help format clean dist,$(MAKECMDGOALS)),)
ifeq ($(wildcard config.mk),)
$(error Run ./configure first)
endif
endif
-include config.mk

# As many jobs as processors, unless the caller says -j; a make inside a make shares its parent's.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc) --no-print-directory
endif
.DELETE_ON_ERROR:
.SECONDARY:

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast $(if $(WERROR),-Werror)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
E2E_JOBS := 4
FUZZ_SECONDS := 60

# ---- what there is -----------------------------------------------------------------------------------------------

# ROOM=x builds and runs the unit tests of src/x alone, with x and the rooms below it.
ROOM  :=
ROOMS := $(if $(ROOM),$(shell $(PYTHON) tests/lint/rooms.py --below $(ROOM)),*)

SRCS    := $(sort $(wildcard src/main.cc $(ROOMS:%=src/%/*.cc))) $(if $(ROOM),,build/modules.cc $(MODULE_SRCS))
OBJS    := $(SRCS:%.cc=$O/%.o)
LIB     := $(filter-out $O/src/main.o,$(OBJS))
UNIT    := $O/unit-tests$(ROOM:%=-%)
UNITS   := $(sort $(wildcard tests/unit/$(or $(ROOM),*)/*.cc tests/unit/$(or $(ROOM),*)/*.c tests/unit/fakes/*.cc tests/support/*.cc))
TOBJS   := $(addprefix $O/,$(addsuffix .o,$(basename $(UNITS))))
FUZZERS := $(patsubst tests/fuzz/%_fuzz.cc,%,$(wildcard tests/fuzz/*_fuzz.cc))
REPLAYS := $(FUZZERS:%=$O/fuzz-%)
BENCHES := $(patsubst tests/bench/%.cc,$O/bench-%,$(wildcard tests/bench/*.cc))
MANUALS := $(wildcard man/*.[0-9]) $(patsubst man/%.in,$O/man/%,$(wildcard man/*.in))

# What weir needs, then what configure or the user asked for; the user wins.
COMPILE   = $(CXX) -std=c++20 -Isrc -Iinclude -Ibuild $(INCLUDES) -MMD -MP $(WARNINGS) $(CPPFLAGS) $(CXXFLAGS)
# A C test written for cmocka keeps its main(), under a name of its own: tests/support/cmocka.h.
COMPILE_C = $(CC) -std=gnu17 -Isrc -Iinclude -Ibuild $(INCLUDES) -MMD -MP -Wall -Wextra $(CPPFLAGS) $(CFLAGS)
LINK      = $(CXX) $(CXXFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LDLIBS)

Q   := $(if $V,,@)
say  = $(if $V,,@printf '  %-5s %s\n' '$1' '$@')

# ---- building ----------------------------------------------------------------------------------------------------

all: $O/weir compile_commands.json  ## build the program (default)
.PHONY: all

$O/weir: $(OBJS)
	$(call say,LINK)
	$Q$(LINK)

$(UNIT): $(LIB) $(TOBJS)
	$(call say,LINK)
	$Q$(LINK) $(TEST_LDLIBS)

$(REPLAYS): $O/fuzz-%: $O/tests/fuzz/%_fuzz.o $O/tests/fuzz/driver.o $(LIB)
	$(call say,LINK)
	$Q$(LINK)

$O/libfuzzer-%: $O/tests/fuzz/%_fuzz.o $(LIB)
	$(call say,LINK)
	$Q$(LINK) -fsanitize=fuzzer

$(BENCHES): $O/bench-%: $O/tests/bench/%.o $(LIB)
	$(call say,LINK)
	$Q$(LINK)

$O/tests/%.o: INCLUDES := -Itests -Itests/unit -Itests/support

$O/%.o: %.cc config.mk
	@mkdir -p $(@D)
	$(call say,CXX)
	$Q$(COMPILE) -c -o $@ $<

$O/%.o: %.c config.mk
	@mkdir -p $(@D)
	$(call say,CC)
	$Q$(COMPILE_C) $(if $(filter %_test,$*),-Dmain=$(notdir $*)_main) -c -o $@ $<

-include $(patsubst %.o,%.d,$(OBJS) $(TOBJS) $O/tests/fuzz/driver.o $(FUZZERS:%=$O/tests/fuzz/%_fuzz.o) $(BENCHES:$O/bench-%=$O/tests/bench/%.o))

# weir.conf(5) lists the directives the program itself knows.
$O/man/%: man/%.in $O/weir
	@mkdir -p $(@D)
	$(call say,MAN)
	$Q$O/weir help directives --mdoc >$@.directives
	$Qsed -e '/^\.\\" @DIRECTIVES@/{r $@.directives' -e 'd}' $< >$@

# For clangd and clang-tidy: one entry a source file, written anew when a file comes or goes.
EVERY_CC = $(filter %.cc,$(SRCS) $(UNITS) $(wildcard tests/fuzz/*.cc tests/bench/*.cc))
entry    = {"directory":"$(CURDIR)","file":"$1","command":"$(subst ",\",$(COMPILE)) $(if $(filter tests/%,$1),-Itests -Itests/unit -Itests/support )-c $1"}
compile_commands.json: Makefile config.mk $(wildcard src src/*/ tests/unit/*/ tests/fuzz tests/bench)
	$Q{ echo '['; printf '%s\n' $(foreach f,$(EVERY_CC),'$(call entry,$f),') | sed '$$s/,$$//'; echo ']'; } >$@

# ---- running and testing -----------------------------------------------------------------------------------------

run: $O/weir  ## start weir on conf/examples/quickstart.conf
	@echo 'Open http://127.0.0.1:8080/ (Ctrl-C stops weir)'
	$Qexec $O/weir -c conf/examples/quickstart.conf

run_unit   = $(UNIT) --gtest_brief=1
run_replay = for f in $(FUZZERS); do $O/fuzz-$$f tests/fuzz/corpus/$$f || exit 1; done
run_e2e    = WEIR=$(abspath $O/weir) $(PYTHON) -m pytest -q $$($(PYTHON) -c 'import xdist' 2>/dev/null && echo -n $(E2E_JOBS)) tests/e2e

check: $O/weir $(UNIT) $(REPLAYS) compile_commands.json  ## every test: unit, fuzz corpora, end to end
	$Q$(run_unit)
	$Q$(run_replay)
	$Q$(run_e2e)

check-unit: $(UNIT)  ## unit tests (ROOM=config: those of one room, with the rooms below it)
	$Q$(run_unit)

check-fuzz: $(REPLAYS)  ## replay the fuzz corpora, with some mutations of each seed
	$Q$(run_replay)

check-e2e: $O/weir  ## end-to-end tests against build/weir
	$Q$(run_e2e)

check-asan:  ## every test under the address and undefined behaviour sanitizers
	$QWEIR_SANITIZED=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=1:strict_string_checks=1 \
	$(MAKE) O=build-asan CXXFLAGS='-O1 -g $(SANITIZE)' CFLAGS='-O1 -g $(SANITIZE)' LDFLAGS='' check

fuzz:  ## run every fuzz target for FUZZ_SECONDS (60) each, built by clang with sanitizers
	$Q$(MAKE) O=build-fuzz CXX=clang++ CXXFLAGS='-O1 -g $(SANITIZE) -fsanitize=fuzzer-no-link' LDFLAGS='' $(FUZZERS:%=fuzz-%)

# New inputs stay in build-fuzz; what deserves to last is copied to tests/fuzz/corpus by hand.
$(FUZZERS:%=fuzz-%): fuzz-%: $O/libfuzzer-%
	@mkdir -p $O/found/$*
	$Q$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix=$O/found/$*- \
	  $O/found/$* tests/fuzz/corpus/$* >$O/$*.log 2>&1 || { tail -n 40 $O/$*.log; exit 1; }
	@printf 'fuzz %s: %s runs, nothing found\n' $* "$$(sed -n 's/^stat::number_of_executed_units: *//p' $O/$*.log)"

bench: $(BENCHES)  ## run the micro benchmarks
	$Qfor b in $(BENCHES); do $$b || exit 1; done

# ---- reading -----------------------------------------------------------------------------------------------------

CXX_FILES = $(shell find src include modules tests -name '*.cc' -o -name '*.h' -o -name '*.c' 2>/dev/null)

lint: $(MANUALS)  ## layout, sizes, names, format, shell scripts, man pages
	$Qtests/lint/lint.sh $(MANUALS)

tidy: compile_commands.json  ## clang-tidy over src/
	$Qprintf '%s\n' $(filter src/%,$(SRCS)) | xargs -P $$(nproc) -n 4 clang-tidy --quiet --warnings-as-errors='*' -p .

format:  ## clang-format every C++ file in place
	$Qclang-format -i $(CXX_FILES)

# ---- shipping ----------------------------------------------------------------------------------------------------

DEST     = $(DESTDIR)$(PREFIX)
EXAMPLES = $(wildcard conf/examples/*)

install: $O/weir $(MANUALS)  ## install under PREFIX (honours DESTDIR)
	install -D -m 755 $O/weir $(DEST)/sbin/weir
	$(foreach m,$(MANUALS),install -D -m 644 $m $(DEST)/share/man/man$(subst .,,$(suffix $m))/$(notdir $m) && ) :
	$(foreach f,$(EXAMPLES),install -D -m 644 $f $(DEST)/share/doc/weir/examples/$(notdir $f) && ) :

uninstall:  ## remove what install put there
	rm -f $(DEST)/sbin/weir $(foreach m,$(MANUALS),$(DEST)/share/man/man$(subst .,,$(suffix $m))/$(notdir $m))
	rm -rf $(DEST)/share/doc/weir

VERSION = $(shell git describe --tags --always)
dist:  ## weir-VERSION.tar.gz of what is committed
	git archive --prefix=weir-$(VERSION)/ -o weir-$(VERSION).tar.gz HEAD

clean:  ## remove what was built; what configure wrote stays
	rm -rf build-asan build-fuzz compile_commands.json
	$Q! test -d $O || find $O -mindepth 1 ! -path '$O/config.h' ! -path '$O/modules.cc' ! -path '$O/configure.log' -delete

help:  ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*  ## \(.*\)/\1\t\2/p' Makefile | sort | expand -t 14

.PHONY: run check check-unit check-fuzz check-e2e check-asan fuzz bench lint tidy format install uninstall dist clean help \
        $(FUZZERS:%=fuzz-%)
