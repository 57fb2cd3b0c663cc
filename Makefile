# SPDX-License-Identifier: GPL-2.0-only
# iommufd for Linux 6.1: see `make help`.

TOP       := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
ARCH      ?= x86_64
CONFIG    ?= run
LINUX_SRC ?= /usr/src/linux-source-6.1.tar.xz
O         ?= $(TOP)/build
TESTS     ?=
COVERAGE_MIN ?= 90
TARGET    ?=
ENTRIES   ?=
JOBS      ?=
V         ?=

IOMMU     ?= vtd
DISK      ?=
NESTED    ?=

MACHINES  ?= vtd
ALL_MACHINES := vtd amd smmuv3 vtd-memcg scale mock
ROWS      ?=
STRICT    ?=
BACKEND   ?=
BENCH_KERNEL ?=
ROW       ?=
MUTATIONS ?=
QEMU_SRC  ?=

# Work trees of one repository share what does not depend on their content: the
# import of the pristine source and the unpacked QEMU.
SHARED    ?= $(shell cd $(TOP) && dirname "$$(realpath "$$(git rev-parse --git-common-dir)")")/build
PRISTINE  ?= $(SHARED)/pristine.git
NEWER_QEMU ?= $(SHARED)/qemu
EMULATOR  ?= $(O)/emulator
EMUDIR    := $(TOP)/tools/testing/emulator

TREE      := $(O)/tree
KOUT      := $(O)/$(ARCH)-$(CONFIG)
SERIES    := python3 $(TOP)/scripts/series/main.py --top $(TOP) --tree $(TREE) \
	     --pristine $(PRISTINE) --src $(LINUX_SRC)
KERNEL    := python3 $(TOP)/scripts/kernel.py --arch $(ARCH) --config $(CONFIG) \
	     --tree $(TREE) --out $(KOUT)
VMDIR     := $(TOP)/tools/testing/vm
VM        := python3 $(VMDIR)/vm.py --build $(O) --qemu $(NEWER_QEMU)
BENCH      = $(VM) bench --machines "$(MACHINES)" --backend "$(BACKEND)" --config "$(BENCH_KERNEL)"
export JOBS V O QEMU QEMU_SRC LINUX_SRC KEEP TIMEOUT_SCALE IOMMUFD_SEED IOMMUFD_SECONDS

.DEFAULT_GOAL := help
.PHONY: help packages tree fold new-patch patch-list config kernel kernel-only print-image run check check-long unit kernels compile-test lint vm kunit kselftest random check-vmm check-dpdk emulator check-emulator coverage bench bench-profile bench-kernels series series-check clean

help:
	@sed -n 's/^#: //p' $(TOP)/Makefile

packages:
	@$(TOP)/scripts/install-packages

#: Targets
#:   tree         unpack 6.1.y, apply patches/series: a git tree at build/tree
#:                  (LINUX_SRC=tarball or git tree; FORCE=1 drops edits of the tree)
tree: packages
	@mkdir -p $(O)
	@$(SERIES) tree $(if $(FORCE),--force)

#:   fold         turn edits of the built tree into the patch, or the new file,
#:                  that they belong to (PATCH=name when several patches fit)
fold:
	@$(SERIES) fold $(if $(PATCH),--patch $(PATCH))

#:   new-patch    turn edits of the built tree into a new patch
#:                  (NAME=name SUBJECT="area: imperative summary")
new-patch:
	@test -n "$(NAME)" -a -n "$(SUBJECT)" || \
		{ echo 'make new-patch NAME=name SUBJECT="area: imperative summary"'; exit 1; }
	@$(SERIES) new-patch --name "$(NAME)" --subject "$(SUBJECT)"

#:   patch-list   renew patches/README.md: files of 6.1 and lines that each patch touches
patch-list:
	@$(TOP)/scripts/patch_list.py write

#:   config       make the kernel configuration only
config: tree
	@$(KERNEL) --only-config

#:   kernel       build a kernel (TARGET=dir/ or dir/file.o builds just that)
kernel: tree
	@$(KERNEL) --target "$(TARGET)"

#:   print-image  print the path of the kernel image
print-image:
	@$(KERNEL) --print-image

#:   run          the main job: read a disk from user space through an emulated IOMMU
#:                  (IOMMU=vtd|vtd-sm|amd|smmuv3, DISK=file; IOMMU=smmuv3 NESTED=1: from a
#:                  guest with an SMMU of its own, in an unmodified QEMU on KVM)
run: ARCH := $(if $(filter smmuv3,$(IOMMU)),arm64,x86_64)
run: tree
	@$(if $(NESTED),$(VMDIR)/fetch_qemu.py $(NEWER_QEMU); \
		$(VMDIR)/fetch_qemu.py $(NEWER_QEMU)-arm64 arm64)
	@$(MAKE) --no-print-directory -s kernel-only ARCH=$(ARCH) CONFIG=run
	@$(VM) run --iommu "$(IOMMU)" --disk "$(DISK)" $(if $(NESTED),--nested)

#:   check        all tests; TESTS="pattern ..." runs only the machine cases that match
check: tree
	@$(if $(TESTS),$(MAKE) --no-print-directory vm,$(TOP)/scripts/check.py unit kernels lint vm)

#:   check-long   what takes hours: random calls for an hour, DPDK, coverage, every
#:                  commit of the series on both architectures, goals of the benchmark
check-long: tree
	@$(TOP)/scripts/check.py "random IOMMUFD_SECONDS=3600" check-dpdk \
		"check-emulator MUTATIONS=1" coverage series-check \
		"bench STRICT=1 MACHINES='$(ALL_MACHINES)'"

#:   unit         host-side tests of tools/testing/host
unit: tree
	@$(TOP)/scripts/unit.py

#:   kernels      the three kernels of the tests
kernels: tree
	@for kernel in x86_64:run x86_64:debug arm64:run; do \
		$(MAKE) --no-print-directory -s kernel-only \
			ARCH=$${kernel%:*} CONFIG=$${kernel#*:} || exit 1; \
		echo "ok - kernel $$kernel"; \
	done
	@echo '3 passed, 0 failed, 0 skipped'

#:   compile-test COMPILE_TEST builds of all callers of the changed interfaces
compile-test: tree
	@$(TOP)/tools/testing/lint/lint.py --build $(O) callers

#:   lint         checkpatch, sparse, W=1, coccinelle, maintainers, options
#:                  (CHECKS="style rules objects options modules" selects)
lint: tree
	@$(TOP)/tools/testing/lint/lint.py --build $(O) $(CHECKS)

#:   vm           machine cases only (TESTS selects, KEEP=1 keeps all logs,
#:                  TIMEOUT_SCALE=n gives a slow host more time)
vm: tree
	@$(if $(QEMU),,$(VMDIR)/fetch_qemu.py $(NEWER_QEMU))
	@$(if $(QEMU),,$(VMDIR)/fetch_qemu.py $(NEWER_QEMU)-arm64 arm64)
	@for kernel in $$($(VM) kernels --tests "$(TESTS)"); do \
		$(MAKE) --no-print-directory -s kernel-only \
			ARCH=$${kernel%:*} CONFIG=$${kernel#*:} || exit 1; \
	done
	@$(VM) check --tests "$(TESTS)"

#:   kunit        unit tests inside the debug kernel
kunit:
	@$(MAKE) --no-print-directory vm TESTS=kunit/

#:   kselftest    self tests of the user ABI
kselftest:
	@$(MAKE) --no-print-directory vm TESTS='iommufd-*'

#:   random       random calls of several threads against a model
#:                  (IOMMUFD_SECONDS=how long, IOMMUFD_SEED=which)
random:
	@$(MAKE) --no-print-directory vm TESTS=iommufd-random

#:   check-vmm    unmodified QEMUs as VMMs inside the test machine, which give their
#:                  guest a disk (part of vm)
check-vmm:
	@$(MAKE) --no-print-directory vm TESTS='vmm-*'

#:   check-dpdk   an unmodified DPDK (part of vm, which leaves it out where its
#:                  packages are not installed; this installs them)
check-dpdk:
	@$(TOP)/scripts/install-packages --list $(TOP)/scripts/packages-dpdk.txt
	@$(MAKE) --no-print-directory vm TESTS='dpdk-*'

#:   emulator     build QEMU with what no released one emulates: nested VT-d, PASIDs, page
#:                  requests, dirty bits, and a device to test them with
#:                  (QEMU_SRC=folder of its source package, else apt has to have it)
emulator:
	@mkdir -p $(EMULATOR)
	@$(TOP)/scripts/install-packages --list $(TOP)/scripts/packages-emulator.txt
	@$(EMUDIR)/build.py $(EMULATOR)

#:   check-emulator  tests of the emulator, without a guest (TESTS selects; MUTATIONS=1, or
#:                  the names of topics: errors are put into it, which these have to find)
check-emulator: emulator
	@$(if $(QEMU),,$(VMDIR)/fetch_qemu.py $(NEWER_QEMU))
	@$(EMUDIR)/check.py --emulator $(EMULATOR) --released $(NEWER_QEMU) \
		$(if $(MUTATIONS),--mutations "$(MUTATIONS)") --tests "$(TESTS)"

#:   coverage     lines of drivers/iommu/iommufd, and of the attach layer below it, that self
#:                  tests, unit tests and VFIO reach in the debug kernel (TESTS selects,
#:                  COVERAGE_MIN=percent of iommufd)
coverage: TESTS := $(or $(TESTS),iommufd-* kunit/ vfio-*/debug)
coverage: tree
	@$(if $(QEMU),,$(VMDIR)/fetch_qemu.py $(NEWER_QEMU))
	@$(MAKE) --no-print-directory -s kernel-only ARCH=x86_64 CONFIG=coverage
	@$(VM) coverage --tests "$(TESTS)" --wanted $(COVERAGE_MIN)

#:   bench        instructions that mapping takes, beside VFIO type1 and other kernels
#:                  (MACHINES="vtd amd smmuv3 vtd-memcg scale mock", ROWS=begin,... of
#:                  names of rows, STRICT=1, BACKEND=name, BENCH_KERNEL=run,
#:                  DOC=1 puts the tables into the documentation)
bench: bench-kernels
	@$(BENCH) --rows "$(ROWS)"
	@$(TOP)/tools/iommu/bench_report.py $(if $(STRICT),--strict) --plot $(O)/bench \
		$(if $(DOC),--into $(TOP)/Documentation/driver-api/iommufd/speed.rst) \
		$(foreach m,$(MACHINES),$(O)/bench/$(m).rows)

#:   bench-profile  the functions that one row's instructions go to
#:                  (ROW=name, MACHINES=one, BACKEND=iommufd|compat|type1|nodomain)
bench-profile: bench-kernels
	@test -n "$(ROW)" || { echo 'make bench-profile ROW=map-4k-4K'; exit 1; }
	@$(BENCH) --profile "$(ROW)"

bench-kernels: tree
	@for kernel in $$($(VM) bench-kernels --machines "$(MACHINES)" --config "$(BENCH_KERNEL)"); do \
		$(MAKE) --no-print-directory -s kernel-only \
			ARCH=$${kernel%:*} CONFIG=$${kernel#*:} || exit 1; \
	done

kernel-only:
	@$(KERNEL)

#:   series       the mailable series with its cover letter, in build/series
series: tree
	@$(TOP)/scripts/series_mail.py --build $(O)

#:   series-check build after every patch, and prove that each builds what it adds: both
#:                  architectures (ARCH=one), all entries (ENTRIES="iommufd-* ...")
series-check: tree
	@$(TOP)/scripts/series_check.py --build $(O) --entries "$(ENTRIES)" \
		$(if $(filter file,$(origin ARCH)),x86_64 arm64,$(ARCH))

#:   clean        remove everything that was built
clean:
	rm -rf $(O)

#:
#: Variables
#:   ARCH=x86_64|arm64  CONFIG=run|debug  O=folder  JOBS=n  V=1
