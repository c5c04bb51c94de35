# SPDX-License-Identifier: Apache-2.0
#
# The whole build, in one place.  `make help` lists the targets.  Sources are found, not listed;
# objects mirror the tree below $O, and a variant is a directory: make O=build-x CXXFLAGS=...
# V=1 shows commands, WERROR=1 makes warnings errors.

ifeq ($(wildcard config.mk)$(filter help dist format,$(MAKECMDGOALS)),)
$(error Run ./configure first)
endif
-include config.mk

O ?= build
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
.PHONY: all pgo run check check-unit check-fuzz check-e2e check-asan sanitized-tests fuzz fuzz-targets bench lint tidy format install \
        uninstall dist clean help

# ---- What there is -----------------------------------------------------------------------------
SRCS       := $(sort $(wildcard src/*.cc src/*/*.cc)) build/modules.cc $(MODULE_SRCS)
TESTS      := $(sort $(wildcard tests/unit/*/*.cc tests/unit/*/*.c))
SUPPORT    := $(filter tests/unit/fakes/%,$(TESTS)) $(wildcard tests/support/*.cc)
FUZZ       := $(patsubst tests/fuzz/%_fuzz.cc,%,$(sort $(wildcard tests/fuzz/*_fuzz.cc)))
BENCHES    := $(patsubst tests/bench/%.cc,%,$(sort $(wildcard tests/bench/*_bench.cc)))
object      = $(addsuffix .o,$(addprefix $O/,$(basename $1)))
OBJS       := $(call object,$(SRCS))
CTL_OBJS   := $(filter $O/src/weirctl.o $O/src/weirctl/%,$(OBJS))
# What the commands are in words, client and daemon share.
.SECONDARY: $(call object,$(wildcard tests/fuzz/*.cc tests/bench/*_bench.cc))
LIB_OBJS   := $(filter-out $O/src/main.o $(filter-out $O/src/weirctl/command_texts.o,$(CTL_OBJS)),$(OBJS))
ROOMS      := $(filter-out fakes,$(notdir $(patsubst %/,%,$(sort $(dir $(TESTS))))))
# BUNDLE=14 compiles 14 test files of a room together.  That halves the time of a whole build, but recompiles all 14 after a change.
bundled     = $(if $1,$(call bundle,$(wordlist 1,$(BUNDLE),$1)) $(call bundled,$(filter-out $(wordlist 1,$(BUNDLE),$1),$1)))
bundle      = $(eval $(bundle_of): $1 $(patsubst %/,%,$(dir $(firstword $1))))$(bundle_of)
bundle_of   = $(patsubst %_test.cc,$O/%_bundle.cc,$(firstword $1))
BUNDLES    := $(if $(BUNDLE),$(foreach r,$(ROOMS),$(call bundled,$(filter tests/unit/$r/%_test.cc,$(TESTS)))))
TEST_OBJS  := $(BUNDLES:.cc=.o) $(call object,$(filter-out $(SUPPORT) $(if $(BUNDLE),%_test.cc),$(TESTS)))
MAN_MADE   := $(patsubst man/%.in,$O/man/%,$(wildcard man/*.in))
MAN        := $(wildcard man/*.[0-9]) $(MAN_MADE)

# Tests may link the objects of a few rooms only: make build/unit-tests-http LIBROOMS="base http"
LIB := $O/libweir.a
ifdef LIBROOMS
empty :=
LIB := $O/libweir-$(subst $(empty) ,-,$(strip $(LIBROOMS))).a
$(LIB): $(foreach r,$(LIBROOMS),$(filter $O/src/$r/%,$(LIB_OBJS))) $(call object,build/modules.cc)
endif

# ---- How it is compiled ------------------------------------------------------------------------
# What weir needs, then what configure or the user asked for; the user wins.
WARN      = -Wall -Wextra $(if $(WERROR),-Werror)
WARN_CXX  = -Wpedantic -Wshadow -Wconversion -Wold-style-cast
# The check of vptr opens pipes and files to look at memory, which tests without descriptors and the filter
# of system calls do not let it do.  GCC tells by the macro that AddressSanitizer is there, clang does not.
sanitized = $(if $1,-fsanitize=$1 -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer \
    $(if $(findstring address,$1),-D__SANITIZE_ADDRESS__=1))
SANITIZED = $(call sanitized,$(SANITIZE))
FLAGS     = -Isrc -Iinclude -Ibuild $(INCLUDES) -MMD -MP $(WARN) $(HARDEN) $(SANITIZED) $(LIB_CFLAGS) $(CPPFLAGS)
# Link-time optimisation works on archives by the compiler's own ar.  TRAINING=1 builds what `make pgo` trains, and PROFILE=1 what
# goes by the profile; that of an object lies beside it and has its name.
WHOLE     = $(if $(LTO)$(PROFILE),-flto=auto)
AR       := $(if $(LTO)$(PROFILE),gcc-ar,$(AR))
TRAINED   = $(if $(TRAINING),-DWEIR_TRAINING -fprofile-generate -fprofile-update=prefer-atomic) \
    $(if $(PROFILE),-fprofile-use -fprofile-correction -fprofile-partial-training -Wno-missing-profile)
COMPILE   = $(CXX) -std=c++20 $(FLAGS) $(WARN_CXX) $(CXXFLAGS) $(WHOLE) $(TRAINED) $(UNOPTIMISED)
COMPILE_C = $(CC) -std=gnu11 $(FLAGS) $(CXXFLAGS)
LINK      = $(CXX) $(CXXFLAGS) $(WHOLE) $(if $(TRAINING),-fprofile-generate) $(SANITIZED) $(HARDEN_LD) $(LDFLAGS)
GTEST     = -lgtest_main -lgmock -lgtest -pthread

Q    := $(if $V,,@)
say   = $(if $V,,@printf '  %-5s %s\n' '$1' '$@')

all: $O/weir $O/weirctl $(MAN_MADE) compile_commands.json $(if $(PGO),pgo) ## the daemon, its client, their manuals and compile_commands.json (default)

$O/weir: $O/src/main.o $(LIB_OBJS)
	$(call say,LD)
	$Q$(LINK) -o $@ $^ $(LDLIBS)

pgo: ## the daemon optimised by the profile of a training run (GCC), in build-pgo
	$Qrm -rf $O-pgo
	+$Q$(MAKE) O=$O-pgo/training TRAINING=1 $O-pgo/training/weir
	$(call say,TRAIN)
	$Q$(PYTHON) tests/bench/train.py $O-pgo/training/weir
	$Qcd $O-pgo/training && find . -name '*.gcda' -exec cp --parents -t .. {} +
	@rm $O-pgo/src/main.gcda $O-pgo/src/process/privileges.gcda # of what only a training build does
	+$Q$(MAKE) O=$O-pgo PROFILE=1 $O-pgo/weir $O-pgo/weirctl

# weir with the example module and one that the tests have: what the authors of modules get.
WITH_MODULES := $(wildcard modules/example/*.cc tests/modules/*/*.cc) tests/modules/modules.cc
$O/weir-with-modules: $O/src/main.o $(filter-out $O/build/modules.o,$(LIB_OBJS)) $(call object,$(WITH_MODULES))
	$(call say,LD)
	$Q$(LINK) -o $@ $^ $(LDLIBS)

# The client needs no library, so it runs where the daemon's are not installed.
$O/weirctl: $(CTL_OBJS) $O/src/base/text.o $O/src/base/version.o
	$(call say,LD)
	$Q$(LINK) -o $@ $^

$O/libweir.a: $(LIB_OBJS)
$O/libsupport.a: $(call object,$(SUPPORT))
$O/%.a:
	$(call say,AR)
	$Qrm -f $@ && $(AR) rcs $@ $^

define compiled
@mkdir -p $(@D)
$(call say,CXX)
$Q$(COMPILE) $(PRECOMPILED) -c -o $@ $<
endef
$O/%.o: %.cc config.mk
	$(compiled)
$(BUNDLES:.cc=.o): %.o: %.cc config.mk
	$(compiled)

# Each file's unnamed namespace gets an inner namespace with the name of the file, so that equal names in a bundle do not clash.
# A new file in the directory generates all bundles again; those whose text is unchanged are not recompiled.
$(BUNDLES):
	@mkdir -p $(@D)
	$(call say,GEN)
	$Qfor f in $(filter %.cc,$^); do printf '#line 1 "%s"\n' $$f; \
	    sed "s|^namespace {$$|namespace { namespace $$(basename $$f .cc) {|; s|^}  // namespace$$|}}|" $$f; done >$@.new; \
	    if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# Parsing GoogleTest and the standard library takes longer than the rest, so it is done once a build for the unit tests, which
# are compiled more often than they run, and for the other sources where PRECOMPILE is set.  The plain build leaves it
# unset: it is what shows that a source includes what it uses.
TEST_PCH := $O/pch/tests.h
SRC_PCH  := $O/pch/sources.h
$O/pch/%.h.gch: tests/support/precompiled_%.h config.mk
	@mkdir -p $(@D) && echo '#include "$<"' >$(@:.gch=)
	$(call say,PCH)
	$Q$(COMPILE) $(PCH_FLAGS) -I. -x c++-header -o $@ $(@:.gch=)
$(BUNDLES:.cc=.o) $(filter $O/tests/unit/%,$(call object,$(filter %.cc,$(TESTS)))): $(TEST_PCH).gch
$O/tests/unit/%.o: PRECOMPILED = -include $(TEST_PCH)
$O/tests/unit/%.o $(TEST_PCH).gch: UNOPTIMISED = -O0 -U_FORTIFY_SOURCE $(if $(PRECOMPILE),-DWEIR_PRECOMPILE)
# What counts for libFuzzer is which code of weir's was reached, not of its tests'.
comma := ,
$O/tests/unit/%.o $(TEST_PCH).gch: SANITIZED = $(call sanitized,$(subst $(comma)fuzzer-no-link,,$(SANITIZE)))
ifdef PRECOMPILE
$(OBJS): $(SRC_PCH).gch
$O/src/%.o: PRECOMPILED = -include $(SRC_PCH)
endif

# A C file with a main() is a test program written for cmocka: its main gets a name of its own,
# and tests/support/cmocka.h has it called when the tests are collected.
$O/%.o: %.c config.mk
	@mkdir -p $(@D)
	$(call say,CC)
	$Q$(COMPILE_C) -Dmain=$(basename $(<F))_cmocka_main -DCMOCKA_MAIN=$(basename $(<F))_cmocka_main -c -o $@ $<

$O/tests/%.o: INCLUDES = -Itests/unit -Itests/support

$O/unit-tests: $(TEST_OBJS)
$(foreach r,$(ROOMS),$(eval $O/unit-tests-$r: $(filter $O/tests/unit/$r/%,$(TEST_OBJS))))
$O/unit-tests $(ROOMS:%=$O/unit-tests-%): $O/libsupport.a $(LIB)
	$(call say,LD)
	$Q$(LINK) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(GTEST) $(LDLIBS)

$O/fuzz/%: $O/tests/fuzz/%_fuzz.o $(if $(LIBFUZZER),,$O/tests/fuzz/driver.o) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD)
	$Q$(LINK) $(if $(LIBFUZZER),-fsanitize=fuzzer) -o $@ $^ $(FUZZ_LIBS) $(LDLIBS)

# Their fakes are those of the unit tests.
$O/fuzz/filters: FUZZ_LIBS = -lgmock -lgtest -pthread
$O/bench-filter_bench: BENCH_LIBS = -lgmock -lgtest -pthread

$O/bench-%: $O/tests/bench/%.o $O/libsupport.a $(LIB)
	$(call say,LD)
	$Q$(LINK) -o $@ $^ $(BENCH_LIBS) $(LDLIBS)

# The lists of directives, metrics and commands in the manuals are what the program itself prints.
LISTS := access-log commands directives failures foreign metrics
$O/man/%: man/%.in $O/weir
	@mkdir -p $(@D)
	$(call say,MAN)
	$Q$(foreach l,$(LISTS),$O/weir help $l --mdoc >$@.$l &&) true
	$Qsed $(foreach l,$(LISTS),-e '/^\.\\" @$l@/{' -e 'r $@.$l' -e 'd' -e '}') $< >$@ && rm $(LISTS:%=$@.%)

define COMPILE_COMMANDS
{ printf '['; comma=; for f in $(filter %.cc,$(SRCS) $(TESTS) $(wildcard tests/*/*.cc)); do \
    printf '%s\n{"directory": "$(CURDIR)", "file": "%s", "command": "$(COMPILE) -Itests/unit -Itests/support -c %s"}' \
        "$$comma" "$$f" "$$f"; comma=,; done; printf '\n]\n'; } >$@
endef
compile_commands.json: Makefile config.mk $(sort $(dir $(SRCS) $(TESTS)))
	$(call say,GEN)
	$Q$(COMPILE_COMMANDS)

-include $(wildcard $(patsubst %.o,%.d,$(OBJS) $(TEST_OBJS) $(call object,$(TESTS) $(WITH_MODULES) $(wildcard tests/*/*.cc))))

# ---- Running and testing -----------------------------------------------------------------------
PYTHON   ?= /usr/bin/python3
PYTEST    = $(PYTHON) -B -m pytest -q -p no:cacheprovider $(shell $(PYTHON) -c 'import xdist' 2>/dev/null && echo '-n 8')
MUTATIONS ?= 200
# In as many parts as there are processors.
RUN_UNIT  = $Qparts=$$(nproc); running=; failed=0; for part in $$(seq 0 $$((parts - 1))); do \
    GTEST_TOTAL_SHARDS=$$parts GTEST_SHARD_INDEX=$$part $1 --gtest_brief=1 $(GTEST_ARGS) & running="$$running $$!"; done; \
    for part in $$running; do wait $$part || failed=1; done; exit $$failed
RUN_FUZZ  = @set -e; for f in $(FUZZ); do $O/fuzz/$$f tests/fuzz/corpus/$$f $(MUTATIONS); done
# Leaks are looked for by ptrace, which a locked-down process may not have: the unit tests look for them.
RUN_E2E   = WEIR=$(abspath $O/weir) WEIR_WITH_MODULES=$(abspath $O/weir-with-modules) WEIRCTL=$(abspath $O/weirctl) $(if $(SANITIZE),WEIR_SANITIZED=1 ASAN_OPTIONS=$$ASAN_OPTIONS:detect_leaks=0) $(PYTEST) $(or $(E2E),tests/e2e) $(PYTEST_ARGS)

run: $O/weir ## build, and start weir in the foreground on the quick-start configuration
	@echo 'weir runs conf/examples/quickstart.conf: open http://127.0.0.1:8080/ (stop with Ctrl-C)'
	@exec $O/weir -c conf/examples/quickstart.conf

# One after the other, and all of them: a failure does not hide those behind it.
EACH_OF = @+failed=; for t in $1; do $(MAKE) $$t || failed="$$failed $$t"; done; \
    [ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

check: $O/unit-tests $(FUZZ:%=$O/fuzz/%) $O/weir $O/weirctl $O/weir-with-modules ## every test: unit, fuzz corpora, end to end
	$(call EACH_OF,check-unit check-fuzz check-e2e)

check-unit: $O/unit-tests$(if $(ROOM),-$(ROOM)) ## unit tests; ROOM=http for those of one room
	$(call RUN_UNIT,$<)

check-fuzz: $(FUZZ:%=$O/fuzz/%) ## replay the fuzz corpora, with a few mutations of each seed
	$(RUN_FUZZ)

check-e2e: $O/weir $O/weirctl $O/weir-with-modules ## end-to-end tests; E2E=FILE for one, PYTEST_ARGS="-k name"
	$(RUN_E2E)

# One build by clang, under AddressSanitizer and UBSan and with what libFuzzer wants to know, serves both targets below.
# Warnings are the business of the plain build: those of clang are others.  Reports name lines, not variables: -g1 does.
MAKE_ASAN = ASAN_OPTIONS=strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 $(MAKE) O=build-asan CXX=clang++ CC=clang \
    CXXFLAGS='-O1 -g1' HARDEN= HARDEN_LD= LIBFUZZER=1 PRECOMPILE=1 BUNDLE=14 WARN= WARN_CXX= \
    PCH_FLAGS='-Xclang -fpch-instantiate-templates' \
    SANITIZE=address,undefined,fuzzer-no-link

check-asan: ## the unit and end-to-end tests under AddressSanitizer and UBSan (clang), in build-asan
	+$Q$(MAKE_ASAN) sanitized-tests

sanitized-tests: $O/unit-tests $O/weir $O/weirctl $O/weir-with-modules
	$(call EACH_OF,check-unit check-e2e)

FUZZ_SECONDS ?= 60
fuzz: ## libFuzzer (clang) on every target, FUZZ_SECONDS=60 each, in build-asan
	+$Q$(MAKE_ASAN) fuzz-targets

# New inputs stay in build-asan/new; what deserves to last is copied to tests/fuzz/corpus by hand.
fuzz-targets: $(FUZZ:%=fuzz-%)
fuzz-%: $O/fuzz/%
	@mkdir -p $O/new/$*
	$Q$O/fuzz/$* -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	    -artifact_prefix=$O/$*- $O/new/$* tests/fuzz/corpus/$* >$O/$*.log 2>&1 || { tail -n 60 $O/$*.log; exit 1; }
	@printf 'fuzz %s: %s inputs, nothing found\n' $* "$$(sed -n 's/^stat::number_of_executed_units: *//p' $O/$*.log)"

bench: $(BENCHES:%=$O/bench-%) ## micro-benchmarks; tests/bench/README.md tells of the big ones
	@set -e; for b in $(BENCHES); do $O/bench-$$b; done

# ---- Looking at the code -----------------------------------------------------------------------
lint: $(MAN_MADE) ## layout, directions of includes, sizes, names, shell scripts, manual pages
	@tests/lint/lint.sh $(MAN)

tidy: compile_commands.json ## clang-tidy over src and include
	@printf '%s\n' $(filter src/%,$(SRCS)) | xargs -P $(shell nproc) -n 4 clang-tidy --quiet -p .

format: ## clang-format over every source file, in place
	@find src include tests modules \( -name '*.cc' -o -name '*.h' -o -name '*.c' \) 2>/dev/null | xargs clang-format -i

# ---- Installing --------------------------------------------------------------------------------
VERSION = $(shell sed -n 's/.*version = "\(.*\)".*/\1/p' src/base/version.cc)
MAN_DIR  = $(DESTDIR)$(PREFIX)/share/man/man
UNIT_DIR = $(PREFIX)/lib/systemd/system

BUILT    = $O$(if $(PGO),-pgo)

install: $(if $(PGO),pgo,$O/weir $O/weirctl) $(MAN_MADE) ## install below $(DESTDIR)$(PREFIX)
	@if $(BUILT)/weir --version | grep -q training; then echo '$(BUILT)/weir is for training only: it has no sandbox' >&2; exit 1; fi
	install -D -m 755 $(BUILT)/weir $(DESTDIR)$(PREFIX)/sbin/weir
	install -D -m 755 $(BUILT)/weirctl $(DESTDIR)$(PREFIX)/sbin/weirctl
	@set -e; for m in $(MAN); do install -D -m 644 $$m $(MAN_DIR)$${m##*.}/$${m##*/}; done
	install -d $(DESTDIR)$(PREFIX)/share/doc/weir/examples
	install -m 644 conf/examples/* $(DESTDIR)$(PREFIX)/share/doc/weir/examples
	install -d $(DESTDIR)$(UNIT_DIR)
	sed 's|/usr/local/sbin/|$(PREFIX)/sbin/|' contrib/systemd/weir.service >$(DESTDIR)$(UNIT_DIR)/weir.service
	chmod 644 $(DESTDIR)$(UNIT_DIR)/weir.service

uninstall: ## remove what install installed
	rm -rf $(DESTDIR)$(PREFIX)/sbin/weir $(DESTDIR)$(PREFIX)/sbin/weirctl $(DESTDIR)$(PREFIX)/share/doc/weir
	rm -f $(DESTDIR)$(UNIT_DIR)/weir.service
	@for m in $(MAN); do rm -f $(MAN_DIR)$${m##*.}/$${m##*/}; done

dist: ## weir-VERSION.tar.gz of what is committed
	git archive --prefix=weir-$(VERSION)/ -o weir-$(VERSION).tar.gz HEAD

clean: ## remove what make made; what configure found stays
	@find build -mindepth 1 -maxdepth 1 ! -name config.h ! -name modules.cc ! -name configure.log -exec rm -rf {} +
	rm -rf build-asan build-pgo compile_commands.json

help: ## this list
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16
