// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that devices use: see fake_process.h.
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "fake_process.h"

struct fake_gate fake_gate;

/* What is mapped at the gate, and through which file */
static struct page *gate_page;
static struct file *gate_file;
/* A process that nothing happens to */
static struct mm_struct *filler;

static vm_fault_t gate_fault(struct vm_fault *vmf)
{
	fake_gate.flags = vmf->flags;
	atomic_inc(&fake_gate.nr);
	wake_up_all(&fake_gate.arrived);
	if (READ_ONCE(fake_gate.closed))
		wait_for_completion(&fake_gate.open);
	get_page(gate_page);
	vmf->page = gate_page;
	return 0;
}

static const struct vm_operations_struct gate_vm_ops = {
	.fault = gate_fault,
};

static int gate_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &gate_vm_ops;
	return 0;
}

static const struct file_operations gate_fops = {
	.mmap = gate_mmap,
};

static int map_area(unsigned long addr, struct file *file, unsigned long prot)
{
	unsigned long flags = MAP_PRIVATE | MAP_FIXED;

	if (!file)
		flags |= MAP_ANONYMOUS;
	addr = vm_mmap(file, addr, FAKE_AREA_PAGES * PAGE_SIZE, prot, flags, 0);
	return IS_ERR_VALUE(addr) ? (int)addr : 0;
}

static int map_areas(void)
{
	int err;

	err = map_area(FAKE_READ_WRITE, NULL, PROT_READ | PROT_WRITE);
	if (!err)
		err = map_area(FAKE_READ_ONLY, NULL, PROT_READ);
	if (!err)
		err = map_area(FAKE_EXECUTABLE, NULL, PROT_READ | PROT_EXEC);
	if (!err)
		err = map_area(FAKE_GATED, gate_file,
			       PROT_READ | PROT_WRITE);
	return err;
}

/* A process without threads, or NULL; it ends with mmput() */
struct mm_struct *fake_process_make(void)
{
	struct mm_struct *mm = mm_alloc();
	int err;

	if (!mm)
		return NULL;
	arch_pick_mmap_layout(mm, &current->signal->rlim[RLIMIT_STACK]);
	kthread_use_mm(mm);
	err = map_areas();
	kthread_unuse_mm(mm);
	if (!err)
		return mm;
	mmput(mm);
	return NULL;
}

/* Whether a page is in the page table */
bool fake_process_has(struct mm_struct *mm, unsigned long addr)
{
	long err;
	char c;

	kthread_use_mm(mm);
	err = copy_from_user_nofault(&c, (void __user *)addr, sizeof(c));
	kthread_unuse_mm(mm);
	return !err;
}

static void use_filler(struct work_struct *work)
{
	kthread_use_mm(filler);
	kthread_unuse_mm(filler);
}

/* Processors keep a reference to the last process that they have run */
void fake_process_drop_lazy(void)
{
	schedule_on_each_cpu(use_filler);
}

void fake_processes_init(struct kunit *test)
{
	memset(&fake_gate, 0, sizeof(fake_gate));
	init_completion(&fake_gate.open);
	init_waitqueue_head(&fake_gate.arrived);
	filler = mm_alloc();
	KUNIT_ASSERT_NOT_NULL(test, filler);
	gate_page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, gate_page);
	gate_file = anon_inode_getfile("fake-gate", &gate_fops, NULL, O_RDWR);
	KUNIT_ASSERT_FALSE(test, IS_ERR(gate_file));
}

void fake_processes_exit(void)
{
	fput(gate_file);
	put_page(gate_page);
	mmput(filler);
}

void fake_gate_close(void)
{
	WRITE_ONCE(fake_gate.closed, true);
}

void fake_gate_open(void)
{
	WRITE_ONCE(fake_gate.closed, false);
	complete_all(&fake_gate.open);
}
