# SPDX-License-Identifier: GPL-2.0-only
# Kernel files built for user space.  Include this after setting TOP (the top of
# the repository) and OUT (a folder for what is built), then use
#
#   SHIM_CFLAGS   flags to compile kernel and test files
#   SHIM_SRCS     sources to link with them
#   SHIM_KUNIT    what runs a KUnit suite that is linked with them
#   SHIM_DEPS     what must exist before anything is compiled
#   limit         $(call limit,SECONDS) before a test that wants SECONDS ends it when
#                 it takes much longer
#
# <linux/NAME.h> is, in this order, a forwarder made here to <host/GROUP.h>, a
# header of the kernel's own tools/include, a header of this repository.

KSRC ?= $(TOP)/build/tree
SHIM := $(TOP)/tools/testing/host/shim
limit = $(TOP)/tools/testing/host/limit $(shell echo $$((300 + $(or $(1),0))))

SHIM_BASE := align bits bitmap bitops bug build_bug cache compiler compiler_types \
	     container_of err export init kconfig kernel limits lockdep log2 math \
	     math64 minmax module overflow pfn printk sizes stddef string types
SHIM_LOCK := atomic jiffies mutex refcount rwsem spinlock wait
SHIM_SLAB := gfp slab vmalloc
SHIM_IOMMU := ioasid iommu
SHIM_TASK := capability cred highmem hugetlb mm mm_types sched sched/mm \
	     sched/signal sched/task sched/user uaccess

SHIM_FORWARD := $(foreach g,base iommu lock slab task,$(foreach h,$(SHIM_$(shell echo $(g) | \
		tr a-z A-Z)),$(g):$(h)))
SHIM_DEPS := $(OUT)/shim/.made
SHIM_SRCS := $(SHIM)/host/host.c $(KSRC)/tools/lib/rbtree.c
SHIM_KUNIT := $(SHIM)/host/kunit.c
SHIM_CFLAGS := -std=gnu11 -g -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	       -fno-strict-aliasing -fno-strict-overflow -D__KERNEL__ -D_GNU_SOURCE \
	       -I$(SHIM) -I$(OUT)/shim -I$(TOP)/include \
	       -idirafter $(KSRC)/tools/include

$(SHIM_DEPS): $(SHIM)/shim.mk
	@test -d $(KSRC)/tools/lib || { echo "no kernel source at $(KSRC): run 'make tree'"; exit 1; }
	@rm -rf $(OUT)/shim
	@mkdir -p $(OUT)/shim/linux/sched
	@for f in $(SHIM_FORWARD); do \
		echo "#include <host/$${f%%:*}.h>" > $(OUT)/shim/linux/$${f#*:}.h; \
	done
	@for h in rbtree rbtree_augmented interval_tree_generic list poison; do \
		echo "#include \"$(KSRC)/tools/include/linux/$$h.h\"" > $(OUT)/shim/linux/$$h.h; \
	done
	@echo '#include <asm/errno.h>' > $(OUT)/shim/linux/errno.h
	@touch $@
